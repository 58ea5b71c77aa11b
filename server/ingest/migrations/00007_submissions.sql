-- +goose Up
-- What an organisation sent of a study under its own name: when first and last, and when it took that back (0: it did not).
CREATE TABLE ingest_submission (
	study_uid TEXT   NOT NULL,
	owner     TEXT   NOT NULL,
	source    TEXT   NOT NULL,
	first     BIGINT NOT NULL,
	latest    BIGINT NOT NULL,
	withdrawn BIGINT NOT NULL,
	PRIMARY KEY (study_uid, owner)
);

-- Objects that an organisation sent and that were not taken. study_uid is '' where it could not be read.
CREATE TABLE ingest_rejected (
	study_uid TEXT   NOT NULL,
	owner     TEXT   NOT NULL,
	sop_uid   TEXT   NOT NULL,
	reason    TEXT   NOT NULL,
	detail    TEXT   NOT NULL,
	received  BIGINT NOT NULL,
	PRIMARY KEY (study_uid, owner, sop_uid, reason)
);
CREATE INDEX ingest_rejected_owner ON ingest_rejected (owner, received);

-- +goose Down
DROP TABLE ingest_rejected;
DROP TABLE ingest_submission;
