-- +goose Up
-- Who the subjects of issuers are here, of each type one.
CREATE TABLE auth_link (
	issuer    TEXT   NOT NULL,
	subject   TEXT   NOT NULL,
	type      TEXT   NOT NULL,
	reference TEXT   NOT NULL, -- Type/id
	made_by   TEXT   NOT NULL, -- who recorded it
	made_at   BIGINT NOT NULL, -- microseconds since 1970 UTC
	PRIMARY KEY (issuer, subject, type)
);

-- +goose Down
DROP TABLE auth_link;
