-- +goose Up
-- What other archives have that the hub cannot take, as they name it: for a person to look at. study is its UID where the name tells it.
CREATE TABLE sync_refused (
	name     TEXT   NOT NULL,
	object   TEXT   NOT NULL,
	study    TEXT   NOT NULL,
	reason   TEXT   NOT NULL,
	detail   TEXT   NOT NULL,
	received BIGINT NOT NULL,
	PRIMARY KEY (name, object)
);
CREATE INDEX sync_refused_study ON sync_refused (name, study);

-- +goose Down
DROP TABLE sync_refused;
