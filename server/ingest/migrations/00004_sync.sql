-- +goose Up
-- How far other archives have been read, by the name that the operator gave them.
CREATE TABLE sync_cursor (
	name     TEXT NOT NULL PRIMARY KEY,
	source   TEXT NOT NULL,
	position TEXT NOT NULL
);

-- +goose Down
DROP TABLE sync_cursor;
