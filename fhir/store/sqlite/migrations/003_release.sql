-- +goose Up

-- When the DiagnosticReport in row was issued, microseconds since 1970 UTC; the greatest integer for one that nobody has signed.
CREATE TABLE release (
    report TEXT NOT NULL PRIMARY KEY,
    issued INTEGER NOT NULL,
    row    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX release_row ON release (row);

-- What somebody decided about a report beside: released (1), or kept back (0). It outlives every version of the report.
CREATE TABLE decision (
    report   TEXT NOT NULL PRIMARY KEY,
    released INTEGER NOT NULL,
    made_by  TEXT NOT NULL,
    made_at  INTEGER NOT NULL
) WITHOUT ROWID;

-- What belongs to what, as the resource in row says: results, images, forms and documents to their reports.
CREATE TABLE part (
    type        INTEGER NOT NULL,
    id          TEXT NOT NULL,
    holder_type INTEGER NOT NULL,
    holder      TEXT NOT NULL,
    row         INTEGER NOT NULL,
    PRIMARY KEY (type, id, holder_type, holder, row)
) WITHOUT ROWID;
CREATE INDEX part_row ON part (row);

-- +goose Down
DROP TABLE part;
DROP TABLE decision;
DROP TABLE release;
