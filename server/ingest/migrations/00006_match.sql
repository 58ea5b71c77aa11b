-- +goose Up
-- What comparing two patients by rules came to, as long as nobody has said anything of them: a is the lower id. state is "link", or
-- "review" for a person to look at. features tells what agrees, as JSON.
CREATE TABLE ingest_match (
	a        TEXT   NOT NULL,
	b        TEXT   NOT NULL,
	state    TEXT   NOT NULL,
	score    DOUBLE PRECISION NOT NULL,
	features TEXT   NOT NULL,
	PRIMARY KEY (a, b)
);
CREATE INDEX ingest_match_b ON ingest_match (b);

-- +goose Down
DROP TABLE ingest_match;
