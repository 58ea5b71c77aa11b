-- +goose Up

-- What the instances of a series mostly share, once. id is a hash of the other columns, attributes in their packed form.
CREATE TABLE dicom_context (
    id                  BIGINT NOT NULL PRIMARY KEY,
    study_instance_uid  TEXT   NOT NULL,
    series_instance_uid TEXT   NOT NULL,
    sop_class_uid       TEXT   NOT NULL,
    owner               TEXT   NOT NULL,
    source              TEXT   NOT NULL,
    attributes          BYTEA  NOT NULL
);
CREATE INDEX dicom_context_study ON dicom_context (study_instance_uid);

-- Rows are only ever inserted. The lowest object of a SOP Instance UID is the one that counts; one object has several rows when
-- it was submitted by several owners or through several sources.
CREATE TABLE dicom_instance (
    sop_instance_uid TEXT   NOT NULL,
    object           BYTEA  NOT NULL,
    context          BIGINT NOT NULL,
    size             BIGINT NOT NULL,
    header           BYTEA  NOT NULL,
    PRIMARY KEY (sop_instance_uid, object, context)
);
CREATE INDEX dicom_instance_context ON dicom_instance (context);

-- +goose Down
DROP TABLE dicom_instance;
DROP TABLE dicom_context;
