-- +goose Up
-- HL7 v2 messages that were taken, by the digest of their bytes, which the archive keeps.
CREATE TABLE ingest_message (
	object BYTEA NOT NULL PRIMARY KEY,
	owner  TEXT  NOT NULL,
	source TEXT  NOT NULL
);

-- What messages tell of a report: one row for each different content, with the newest time that it was sent.
CREATE TABLE ingest_told (
	id     TEXT   NOT NULL,
	hash   BIGINT NOT NULL,
	latest TEXT   NOT NULL,
	status TEXT   NOT NULL,
	bare   BIGINT NOT NULL,
	body   BYTEA  NOT NULL,
	PRIMARY KEY (id, hash)
);

-- What was said of two records of one person. Rows are only ever inserted: what counts is settled from all of them.
CREATE TABLE ingest_link (
	prior    TEXT   NOT NULL,
	survivor TEXT   NOT NULL,
	sent     TEXT   NOT NULL,
	undone   BIGINT NOT NULL,
	PRIMARY KEY (prior, survivor, sent, undone)
);
CREATE INDEX ingest_link_survivor ON ingest_link (survivor);

-- Which resources were led from a prior record to the one that survives, so that they find back when that is taken back.
CREATE TABLE ingest_moved (
	prior TEXT NOT NULL,
	type  TEXT NOT NULL,
	id    TEXT NOT NULL,
	PRIMARY KEY (prior, type, id)
);

-- Messages that were refused, by the digest of their bytes, which the archive keeps: for a person to look at.
CREATE TABLE ingest_refused (
	object   BYTEA  NOT NULL PRIMARY KEY,
	source   TEXT   NOT NULL,
	reason   TEXT   NOT NULL,
	detail   TEXT   NOT NULL,
	received BIGINT NOT NULL
);

CREATE INDEX ingest_study_patient ON ingest_study (patient);

-- +goose Down
DROP INDEX ingest_study_patient;
DROP TABLE ingest_refused;
DROP TABLE ingest_moved;
DROP TABLE ingest_link;
DROP TABLE ingest_told;
DROP TABLE ingest_message;
