-- +goose Up

-- Dictionaries: rows elsewhere hold their integers.
CREATE TABLE resource_type (
    id   INTEGER NOT NULL PRIMARY KEY,
    name TEXT    NOT NULL UNIQUE
);

-- The generations of each parameter's index: index entries carry their id. definition is a hash of what decides the entries; state is
-- live, building (entries of resources from before it are missing: those up to lastUpdated position are there), dead (its entries
-- are to be removed) or gone. bit is the parameter's place in resource.present. low_gap and high_gap bound, over all dates ever
-- indexed, how far the interval of a date lies from the time key of its resource, so that a date range becomes a range of time keys.
CREATE TABLE search_param (
    id         INTEGER  NOT NULL PRIMARY KEY,
    type       INTEGER  NOT NULL,
    name       TEXT     NOT NULL,
    bit        SMALLINT NOT NULL,
    definition BIGINT   NOT NULL,
    state      TEXT     NOT NULL,
    position   BIGINT   NOT NULL DEFAULT 0,
    percent    SMALLINT NOT NULL DEFAULT 0,
    low_gap    BIGINT,
    high_gap   BIGINT
);
CREATE UNIQUE INDEX search_param_name ON search_param (type, name) WHERE state IN ('live', 'building');

-- The current version of each resource. row counts in commit order of creation and never changes. last_updated counts in commit
-- order of all versions, none twice, also in resource_history: it is the sequence of changes. patient and owners hold whole
-- references: access is decided by them, so never by a hash.
CREATE TABLE resource (
    row          BIGINT   NOT NULL PRIMARY KEY,
    time_key     BIGINT   NOT NULL,
    time_high    BIGINT   NOT NULL,
    last_updated BIGINT   NOT NULL,
    version      BIGINT   NOT NULL,
    present      BIGINT   NOT NULL,
    type         INTEGER  NOT NULL,
    deleted      SMALLINT NOT NULL,
    mapped       SMALLINT NOT NULL,
    id           TEXT     COLLATE "C" NOT NULL,
    patient      TEXT     COLLATE "C" NOT NULL,
    owners       TEXT     COLLATE "C" NOT NULL,
    body         BYTEA    NOT NULL
);
ALTER TABLE resource ALTER COLUMN body SET STORAGE EXTERNAL; -- it is compressed already
CREATE UNIQUE INDEX resource_id ON resource (type, id);
CREATE INDEX resource_time ON resource (type, time_key, row);
CREATE UNIQUE INDEX resource_updated ON resource (type, last_updated);
-- What is deleted has no postings; this finds it by whose it was.
CREATE INDEX resource_deleted ON resource (type, patient) WHERE deleted = 1;

-- Versions that are no longer current: they were from last_updated until they were replaced.
CREATE TABLE resource_history (
    row          BIGINT   NOT NULL,
    version      BIGINT   NOT NULL,
    last_updated BIGINT   NOT NULL,
    replaced     BIGINT   NOT NULL,
    type         INTEGER  NOT NULL,
    deleted      SMALLINT NOT NULL,
    patient      TEXT     COLLATE "C" NOT NULL,
    owners       TEXT     COLLATE "C" NOT NULL,
    body         BYTEA    NOT NULL,
    PRIMARY KEY (row, version)
);
CREATE UNIQUE INDEX resource_history_updated ON resource_history (type, last_updated);

-- Tokens, references, URIs, and who owns what, each newest first; under param 0 what refers by an identifier alone.
CREATE TABLE posting (
    hash     BIGINT  NOT NULL,
    time_key BIGINT  NOT NULL,
    row      BIGINT  NOT NULL,
    param    INTEGER NOT NULL,
    PRIMARY KEY (param, hash, time_key, row)
);

-- Folded texts. whole is 0 for the words by which a longer text is found too: it is not sorted by them.
CREATE TABLE string_posting (
    row   BIGINT   NOT NULL,
    param INTEGER  NOT NULL,
    whole SMALLINT NOT NULL,
    text  TEXT     COLLATE "C" NOT NULL,
    PRIMARY KEY (param, text, row)
);
CREATE INDEX string_posting_row ON string_posting (row, param);

CREATE TABLE date_posting (
    low   BIGINT  NOT NULL,
    high  BIGINT  NOT NULL,
    row   BIGINT  NOT NULL,
    param INTEGER NOT NULL,
    PRIMARY KEY (param, low, row, high)
);
CREATE INDEX date_posting_row ON date_posting (row, param);

-- Numbers and quantities: as they are written with unit 0, and in base units with the hash of their dimension.
CREATE TABLE number_posting (
    low   DOUBLE PRECISION NOT NULL,
    high  DOUBLE PRECISION NOT NULL,
    unit  BIGINT  NOT NULL,
    row   BIGINT  NOT NULL,
    param INTEGER NOT NULL,
    PRIMARY KEY (param, unit, low, row, high)
);
CREATE INDEX number_posting_row ON number_posting (row, param);

-- Which organisation submitted which patient. hash is that of the patient's reference, for the posting list of their data.
CREATE TABLE care (
    organization TEXT   COLLATE "C" NOT NULL,
    patient      TEXT   COLLATE "C" NOT NULL,
    hash         BIGINT NOT NULL,
    PRIMARY KEY (organization, patient)
);

-- What the logical references of current resources lead to. row is that of who refers; hash is of the identifier with the types that it
-- may be of; target is a reference. Index entries follow from it as if the target stood in the body.
CREATE TABLE link (
    row    BIGINT           NOT NULL,
    hash   BIGINT           NOT NULL,
    target TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (row, hash)
);

-- One row: numbers of resource that are taken although nothing holds them any more, how often generations have changed, and
-- to which types there ever was a logical reference, a bit for each: none is looked for to others.
CREATE TABLE head (
    last_row     BIGINT NOT NULL,
    last_updated BIGINT NOT NULL,
    dictionary   BIGINT NOT NULL,
    logical      BIGINT NOT NULL
);
INSERT INTO head (last_row, last_updated, dictionary, logical) VALUES (0, 0, 0, 0);

-- Postings of values that few resources have each, see package runs. What is fresh, and sorted runs of the rest. age orders runs by
-- what is newer; state: 0 being written, 1 live, 2 merged into target. next_ is where a merge stands.
CREATE TABLE posting_fresh (
    hash     BIGINT   NOT NULL,
    row      BIGINT   NOT NULL,
    time_key BIGINT   NOT NULL,
    param    INTEGER  NOT NULL,
    gone     SMALLINT NOT NULL,
    PRIMARY KEY (hash, param, row)
);

CREATE TABLE run (
    id         BIGINT   NOT NULL PRIMARY KEY,
    age        BIGINT   NOT NULL,
    entries    BIGINT   NOT NULL,
    target     BIGINT   NOT NULL,
    next_hash  BIGINT   NOT NULL,
    next_row   BIGINT   NOT NULL,
    next_param BIGINT   NOT NULL,
    next_part  INTEGER  NOT NULL,
    level      INTEGER  NOT NULL,
    state      SMALLINT NOT NULL
);

-- low is the first hash of a block. Four blocks fill a page. Merged runs leave as much behind as they held: it is used again after
-- a vacuum, so that this should not wait long.
CREATE TABLE run_block (
    run  BIGINT  NOT NULL,
    low  BIGINT  NOT NULL,
    part INTEGER NOT NULL,
    body BYTEA   NOT NULL,
    PRIMARY KEY (run, low, part)
) WITH (autovacuum_vacuum_scale_factor = 0.05);

-- One row.
CREATE TABLE run_head (
    fresh    BIGINT   NOT NULL,
    last_run BIGINT   NOT NULL,
    compact  SMALLINT NOT NULL
);
INSERT INTO run_head (fresh, last_run, compact) VALUES (0, 0, 0);

CREATE TABLE secret (
    name  TEXT  NOT NULL PRIMARY KEY,
    value BYTEA NOT NULL
);

-- +goose Down
DROP TABLE secret;
DROP TABLE run_head;
DROP TABLE run_block;
DROP TABLE run;
DROP TABLE posting_fresh;
DROP TABLE head;
DROP TABLE link;
DROP TABLE care;
DROP TABLE number_posting;
DROP TABLE date_posting;
DROP TABLE string_posting;
DROP TABLE posting;
DROP TABLE resource_history;
DROP TABLE resource;
DROP TABLE search_param;
DROP TABLE resource_type;
