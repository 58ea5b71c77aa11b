-- +goose Up
-- What a source has told of, study by study: of an archive whose objects stay there the hub looks whether it still has them.
CREATE INDEX dicom_context_source ON dicom_context (source, study_instance_uid);

-- +goose Down
DROP INDEX dicom_context_source;
