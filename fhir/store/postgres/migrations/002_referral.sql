-- +goose Up

-- Which organisation a patient was referred to, by the resource in row. hash is that of the patient's reference.
CREATE TABLE referral (
    organization TEXT COLLATE "C" NOT NULL,
    patient      TEXT COLLATE "C" NOT NULL,
    row          BIGINT NOT NULL,
    hash         BIGINT NOT NULL,
    PRIMARY KEY (organization, patient, row)
);
CREATE INDEX referral_row ON referral (row);

-- +goose Down
DROP TABLE referral;
