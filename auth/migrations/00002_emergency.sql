-- +goose Up
-- Whom clinicians may see for a while beyond what is theirs, and why they said so. Times are microseconds since 1970 UTC.
CREATE TABLE auth_emergency (
	id           TEXT   NOT NULL PRIMARY KEY,
	issuer       TEXT   NOT NULL,
	subject      TEXT   NOT NULL,
	patient      TEXT   NOT NULL, -- Patient/id
	organization TEXT   NOT NULL,
	reason       TEXT   NOT NULL,
	made_at      BIGINT NOT NULL,
	until        BIGINT NOT NULL
);
CREATE INDEX auth_emergency_subject ON auth_emergency (issuer, subject, until);

-- +goose Down
DROP TABLE auth_emergency;
