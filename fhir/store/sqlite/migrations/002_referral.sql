-- +goose Up

-- Which organisation a patient was referred to, by the resource in row. hash is that of the patient's reference.
CREATE TABLE referral (
    organization TEXT NOT NULL,
    patient      TEXT NOT NULL,
    row          INTEGER NOT NULL,
    hash         INTEGER NOT NULL,
    PRIMARY KEY (organization, patient, row)
) WITHOUT ROWID;
CREATE INDEX referral_row ON referral (row);

-- What the Consent in row says against organisations that have a patient in care, or against all ('*'); permits is 1 for an exception
-- from the latter. It holds from low to high, microseconds since 1970 UTC.
CREATE TABLE denial (
    patient      TEXT NOT NULL,
    organization TEXT NOT NULL,
    permits      INTEGER NOT NULL,
    row          INTEGER NOT NULL,
    low          INTEGER NOT NULL,
    high         INTEGER NOT NULL,
    PRIMARY KEY (patient, organization, permits, row)
) WITHOUT ROWID;
CREATE INDEX denial_row ON denial (row);

-- +goose Down
DROP TABLE denial;
DROP TABLE referral;
