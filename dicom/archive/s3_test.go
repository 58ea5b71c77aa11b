package archive_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/minio/minio-go/v7"

	"lightbox/dicom/archive"
	"lightbox/dicom/archive/miniotest"
)

var s3Access = archive.Credentials{AccessKeyID: miniotest.AccessKey, SecretAccessKey: miniotest.SecretKey}

func TestS3(t *testing.T) {
	server := miniotest.Start(t)
	buckets := 0
	objectsContract(t, func(t *testing.T) location {
		buckets++
		bucket := fmt.Sprintf("archive-%d", buckets)
		at := server.Bucket(t, bucket)
		return location{
			open: func(t *testing.T) archive.Objects { return openS3(t, at) },
			damage: func(t *testing.T, d archive.Digest, change func(b []byte) []byte) {
				damageS3(t, server.Client, bucket, d, change)
			},
		}
	})
	if _, err := archive.Open(t.Context(), "s3://no-such-bucket/?insecure=1&endpoint="+server.Endpoint, s3Access); err == nil {
		t.Error("a bucket that is not there was opened")
	}
}

func openS3(t *testing.T, at string) archive.Objects {
	t.Helper()
	objects, err := archive.Open(t.Context(), at, s3Access)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { objects.Close() })
	return objects
}

func damageS3(t *testing.T, client *minio.Client, bucket string, d archive.Digest, change func(b []byte) []byte) {
	t.Helper()
	key := "city/objects/" + d.String()[:2] + "/" + d.String()
	o, err := client.GetObject(t.Context(), bucket, key, minio.GetObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(o)
	if err != nil {
		t.Fatal(err)
	}
	b = change(b)
	if _, err := client.PutObject(t.Context(), bucket, key, bytes.NewReader(b), int64(len(b)), minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
}
