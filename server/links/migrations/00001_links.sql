-- +goose Up
-- Links to the images of a study. secret and passcode are hashes: what is here opens nothing. caller is who asked for the link, by whose
-- rights it is judged each time; maker tells one caller's links from another's. Times are microseconds since 1970 UTC, 0 for never.
CREATE TABLE image_link (
	id       TEXT   NOT NULL PRIMARY KEY,
	secret   TEXT   NOT NULL,
	study    TEXT   NOT NULL,
	patient  TEXT   NOT NULL,
	purpose  TEXT   NOT NULL,
	passcode TEXT   NOT NULL,
	caller   TEXT   NOT NULL,
	maker    TEXT   NOT NULL,
	created  BIGINT NOT NULL,
	expires  BIGINT NOT NULL,
	revoked  BIGINT NOT NULL,
	uses     BIGINT NOT NULL,
	failures BIGINT NOT NULL
);
CREATE UNIQUE INDEX image_link_secret ON image_link (secret);
CREATE INDEX image_link_study ON image_link (study, created);

-- +goose Down
DROP TABLE image_link;
