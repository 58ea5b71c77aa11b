-- +goose Up
-- A study's patient is a recorded decision: patient is what the last build found, recorded makes it binding.
CREATE TABLE ingest_study (
	study_uid TEXT NOT NULL PRIMARY KEY,
	patient   TEXT NOT NULL,
	recorded  BIGINT NOT NULL
);

-- What contexts say of a shared resource: one row for each different content, with the newest study date that said it.
CREATE TABLE ingest_mention (
	type   TEXT NOT NULL,
	id     TEXT NOT NULL,
	hash   BIGINT NOT NULL,
	latest TEXT NOT NULL,
	body   BYTEA NOT NULL,
	PRIMARY KEY (type, id, hash)
);

-- Who submitted what mentions a shared resource.
CREATE TABLE ingest_owner (
	type  TEXT NOT NULL,
	id    TEXT NOT NULL,
	owner TEXT NOT NULL,
	PRIMARY KEY (type, id, owner)
);

-- What has to be built again. generation is another one each time more comes: a build of an older one is not written. Studies are
-- keyed by UID.
CREATE TABLE ingest_dirty (
	type       TEXT NOT NULL,
	id         TEXT NOT NULL,
	generation BIGINT NOT NULL,
	PRIMARY KEY (type, id)
);

-- The resources that a study's objects were mapped to, so that one that is no more can be deleted.
CREATE TABLE ingest_resource (
	study_uid TEXT NOT NULL,
	type      TEXT NOT NULL,
	id        TEXT NOT NULL,
	PRIMARY KEY (study_uid, type, id)
);

-- +goose Down
DROP TABLE ingest_resource;
DROP TABLE ingest_dirty;
DROP TABLE ingest_owner;
DROP TABLE ingest_mention;
DROP TABLE ingest_study;
