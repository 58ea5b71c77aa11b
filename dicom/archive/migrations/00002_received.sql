-- +goose Up
-- When an object was received first, in seconds since 1970 UTC; 0 where nobody noted it.
ALTER TABLE dicom_instance ADD COLUMN received BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE dicom_instance DROP COLUMN received;
