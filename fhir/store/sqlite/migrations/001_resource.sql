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
    id         INTEGER NOT NULL PRIMARY KEY,
    type       INTEGER NOT NULL,
    name       TEXT    NOT NULL,
    bit        INTEGER NOT NULL,
    definition INTEGER NOT NULL,
    state      TEXT    NOT NULL,
    position   INTEGER NOT NULL DEFAULT 0,
    percent    INTEGER NOT NULL DEFAULT 0,
    low_gap    INTEGER,
    high_gap   INTEGER
);
CREATE UNIQUE INDEX search_param_name ON search_param (type, name) WHERE state IN ('live', 'building');

-- The current version of each resource. row counts in commit order of creation and never changes. last_updated counts in commit
-- order of all versions, none twice, also in resource_history: it is the sequence of changes. patient and owners hold whole
-- references: access is decided by them, so never by a hash.
CREATE TABLE resource (
    row          INTEGER NOT NULL PRIMARY KEY,
    time_key     INTEGER NOT NULL,
    time_high    INTEGER NOT NULL,
    last_updated INTEGER NOT NULL,
    version      INTEGER NOT NULL,
    present      INTEGER NOT NULL,
    type         INTEGER NOT NULL,
    deleted      INTEGER NOT NULL,
    mapped       INTEGER NOT NULL,
    id           TEXT    NOT NULL,
    patient      TEXT    NOT NULL,
    owners       TEXT    NOT NULL,
    body         BLOB    NOT NULL
);
CREATE UNIQUE INDEX resource_id ON resource (type, id);
CREATE INDEX resource_time ON resource (type, time_key, row);
CREATE UNIQUE INDEX resource_updated ON resource (type, last_updated);
-- What is deleted has no postings; this finds it by whose it was.
CREATE INDEX resource_deleted ON resource (type, patient) WHERE deleted = 1;

-- Versions that are no longer current: they were from last_updated until they were replaced.
CREATE TABLE resource_history (
    row          INTEGER NOT NULL,
    version      INTEGER NOT NULL,
    last_updated INTEGER NOT NULL,
    replaced     INTEGER NOT NULL,
    type         INTEGER NOT NULL,
    deleted      INTEGER NOT NULL,
    patient      TEXT    NOT NULL,
    owners       TEXT    NOT NULL,
    body         BLOB    NOT NULL,
    PRIMARY KEY (row, version)
);
CREATE UNIQUE INDEX resource_history_updated ON resource_history (type, last_updated);

-- Tokens, references, URIs, and who owns what, each newest first; under param 0 what refers by an identifier alone.
CREATE TABLE posting (
    hash     INTEGER NOT NULL,
    time_key INTEGER NOT NULL,
    row      INTEGER NOT NULL,
    param    INTEGER NOT NULL,
    PRIMARY KEY (param, hash, time_key, row)
) WITHOUT ROWID;

-- Folded texts. whole is 0 for the words by which a longer text is found too: it is not sorted by them.
CREATE TABLE string_posting (
    row   INTEGER NOT NULL,
    param INTEGER NOT NULL,
    whole INTEGER NOT NULL,
    text  TEXT    NOT NULL,
    PRIMARY KEY (param, text, row)
) WITHOUT ROWID;
CREATE INDEX string_posting_row ON string_posting (row, param, text, whole);

CREATE TABLE date_posting (
    low   INTEGER NOT NULL,
    high  INTEGER NOT NULL,
    row   INTEGER NOT NULL,
    param INTEGER NOT NULL,
    PRIMARY KEY (param, low, row, high)
) WITHOUT ROWID;
CREATE INDEX date_posting_row ON date_posting (row, param, low, high);

-- Numbers and quantities: as they are written with unit 0, and in base units with the hash of their dimension.
CREATE TABLE number_posting (
    low   REAL    NOT NULL,
    high  REAL    NOT NULL,
    unit  INTEGER NOT NULL,
    row   INTEGER NOT NULL,
    param INTEGER NOT NULL,
    PRIMARY KEY (param, unit, low, row, high)
) WITHOUT ROWID;
CREATE INDEX number_posting_row ON number_posting (row, param, unit, low, high);

-- Which organisation submitted which patient. hash is that of the patient's reference, for the posting list of their data.
CREATE TABLE care (
    organization TEXT    NOT NULL,
    patient      TEXT    NOT NULL,
    hash         INTEGER NOT NULL,
    PRIMARY KEY (organization, patient)
) WITHOUT ROWID;

-- What the logical references of current resources lead to. row is that of who refers; hash is of the identifier with the types that it
-- may be of; target is a reference. Index entries follow from it as if the target stood in the body.
CREATE TABLE link (
    row    INTEGER NOT NULL,
    hash   INTEGER NOT NULL,
    target TEXT    NOT NULL,
    PRIMARY KEY (row, hash)
) WITHOUT ROWID;

-- One row: numbers of resource that are taken although nothing holds them any more, how often generations have changed, and
-- to which types there ever was a logical reference, a bit for each: none is looked for to others.
CREATE TABLE head (
    last_row     INTEGER NOT NULL,
    last_updated INTEGER NOT NULL,
    dictionary   INTEGER NOT NULL,
    logical      INTEGER NOT NULL
);
INSERT INTO head (last_row, last_updated, dictionary, logical) VALUES (0, 0, 0, 0);

-- Postings of values that few resources have each, see package runs. What is fresh, and sorted runs of the rest. age orders runs by
-- what is newer; state: 0 being written, 1 live, 2 merged into target. next_ is where a merge stands.
CREATE TABLE posting_fresh (
    hash     INTEGER NOT NULL,
    row      INTEGER NOT NULL,
    time_key INTEGER NOT NULL,
    param    INTEGER NOT NULL,
    gone     INTEGER NOT NULL,
    PRIMARY KEY (hash, param, row)
) WITHOUT ROWID;

CREATE TABLE run (
    id         INTEGER NOT NULL PRIMARY KEY,
    age        INTEGER NOT NULL,
    entries    INTEGER NOT NULL,
    target     INTEGER NOT NULL,
    next_hash  INTEGER NOT NULL,
    next_row   INTEGER NOT NULL,
    next_param INTEGER NOT NULL,
    next_part  INTEGER NOT NULL,
    level      INTEGER NOT NULL,
    state      INTEGER NOT NULL
);

-- low is the first hash of a block. Two blocks fill a page; WITHOUT ROWID, inner pages would hold bodies as well.
CREATE TABLE run_block (
    run  INTEGER NOT NULL,
    low  INTEGER NOT NULL,
    part INTEGER NOT NULL,
    body BLOB    NOT NULL,
    PRIMARY KEY (run, low, part)
);

-- One row.
CREATE TABLE run_head (
    fresh    INTEGER NOT NULL,
    last_run INTEGER NOT NULL,
    compact  INTEGER NOT NULL
);
INSERT INTO run_head (fresh, last_run, compact) VALUES (0, 0, 0);

CREATE TABLE secret (
    name  TEXT    NOT NULL PRIMARY KEY,
    value BLOB    NOT NULL
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
