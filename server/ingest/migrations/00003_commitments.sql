-- +goose Up
-- Storage commitments whose result is still to be told: who asked, and for what (DICOM, Explicit VR Little Endian).
CREATE TABLE dimse_commitment (
	id      TEXT   NOT NULL PRIMARY KEY,
	title   TEXT   NOT NULL,
	request BYTEA  NOT NULL,
	due     BIGINT NOT NULL, -- seconds since 1970
	tries   BIGINT NOT NULL
);

-- +goose Down
DROP TABLE dimse_commitment;
