package archive_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"lightbox/dicom/archive"
)

var s3Access = archive.Credentials{AccessKeyID: "lightbox-test", SecretAccessKey: "lightbox-test-secret"}

func TestS3(t *testing.T) {
	if os.Getenv("LIGHTBOX_TEST_PEERS") != "1" || os.Getenv("LIGHTBOX_TEST_S3") == "" {
		t.Skip("left out: needs MinIO, which takes minutes to build; run with LIGHTBOX_TEST_S3=1 and minio on PATH")
	}
	endpoint := startMinIO(t)
	client, err := minio.New(endpoint, &minio.Options{
		Creds: credentials.NewStaticV4(s3Access.AccessKeyID, s3Access.SecretAccessKey, ""),
	})
	if err != nil {
		t.Fatal(err)
	}
	buckets := 0
	objectsContract(t, func(t *testing.T) location {
		buckets++
		bucket := fmt.Sprintf("archive-%d", buckets)
		if err := client.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{}); err != nil {
			t.Fatal(err)
		}
		at := "s3://" + bucket + "/city/objects?insecure=1&endpoint=" + url.QueryEscape(endpoint)
		return location{
			open: func(t *testing.T) archive.Objects { return openS3(t, at) },
			damage: func(t *testing.T, d archive.Digest, change func(b []byte) []byte) {
				damageS3(t, client, bucket, d, change)
			},
		}
	})
	if _, err := archive.Open(t.Context(), "s3://no-such-bucket/?insecure=1&endpoint="+endpoint, s3Access); err == nil {
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

// startMinIO starts a server that ends with the test and returns HOST:PORT.
func startMinIO(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("minio")
	if err != nil {
		t.Fatal("minio is not on PATH: go install github.com/minio/minio, of a version that its module proxy serves")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	endpoint := listener.Addr().String()
	listener.Close()
	var log strings.Builder
	server := exec.Command(program, "server", t.TempDir(), "--address", endpoint, "--quiet")
	server.Env = append(os.Environ(), "MINIO_ROOT_USER="+s3Access.AccessKeyID, "MINIO_ROOT_PASSWORD="+s3Access.SecretAccessKey)
	server.Stdout, server.Stderr = &log, &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Process.Kill()
		server.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	awaitReady(t, "http://"+endpoint+"/minio/health/live")
	return endpoint
}

func awaitReady(t *testing.T, at string) {
	t.Helper()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); <-ticker.C {
		response, err := http.Get(at)
		if err != nil {
			continue
		}
		response.Body.Close()
		if response.StatusCode == http.StatusOK {
			return
		}
	}
	t.Fatal("minio did not get ready within 30 s")
}
