-- +goose Up
-- What happened, in the order in which it was recorded, never changed; a record is one event or several, each on a line. hash is over the one before, the number and the body: whoever
-- changes or removes a record has to make all later ones anew.
CREATE TABLE audit_record (
	seq  BIGINT NOT NULL PRIMARY KEY,
	hash BYTEA  NOT NULL,
	body BYTEA  NOT NULL
);

-- The last record of which the AuditEvents are made; one row.
CREATE TABLE audit_indexed (
	seq BIGINT NOT NULL
);
INSERT INTO audit_indexed VALUES (0);

-- +goose Down
DROP TABLE audit_indexed;
DROP TABLE audit_record;
