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

-- +goose Down
DROP TABLE referral;
