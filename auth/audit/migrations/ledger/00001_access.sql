-- +goose Up
-- What was disclosed and refused, as audit_record has what was changed: a chain of its own.
CREATE TABLE audit_access (
	seq  BIGINT NOT NULL PRIMARY KEY,
	hash BYTEA  NOT NULL,
	body BYTEA  NOT NULL
);

-- +goose Down
DROP TABLE audit_access;
