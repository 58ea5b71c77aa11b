-- +goose Up
-- The last record of audit_access, in the ledger, of which the AuditEvents are made; one row.
CREATE TABLE audit_access_indexed (
	seq BIGINT NOT NULL
);
INSERT INTO audit_access_indexed VALUES (0);

-- +goose Down
DROP TABLE audit_access_indexed;
