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

-- What the Consent in row says against organisations that have a patient in care, or against all ('*'); permits is 1 for an exception
-- from the latter. It holds from low to high, microseconds since 1970 UTC.
CREATE TABLE denial (
    patient      TEXT COLLATE "C" NOT NULL,
    organization TEXT COLLATE "C" NOT NULL,
    permits      BIGINT NOT NULL,
    row          BIGINT NOT NULL,
    low          BIGINT NOT NULL,
    high         BIGINT NOT NULL,
    PRIMARY KEY (patient, organization, permits, row)
);
CREATE INDEX denial_row ON denial (row);

-- +goose Down
DROP TABLE denial;
DROP TABLE referral;
