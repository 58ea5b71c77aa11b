// Package miniotest starts a MinIO for tests: an object store that nobody here wrote.
package miniotest

import (
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
)

// What the server knows its one user by.
const (
	AccessKey = "lightbox-test"
	SecretKey = "lightbox-test-secret"
)

// Server is a MinIO with a folder of its own.
type Server struct {
	Endpoint string // HOST:PORT
	Client   *minio.Client

	program, dir string
	process      *exec.Cmd
	log          strings.Builder
}

// Start runs a server until the test ends. The test is skipped where a MinIO is not asked for: it takes minutes to build.
func Start(t *testing.T) *Server {
	t.Helper()
	if os.Getenv("LIGHTBOX_TEST_PEERS") != "1" || os.Getenv("LIGHTBOX_TEST_S3") == "" {
		t.Skip("left out: needs MinIO, which takes minutes to build; run with LIGHTBOX_TEST_S3=1 and minio on PATH")
	}
	program, err := exec.LookPath("minio")
	if err != nil {
		t.Fatal("minio is not on PATH: go install github.com/minio/minio, of a version that its module proxy serves")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Endpoint: listener.Addr().String(), program: program, dir: t.TempDir()}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	s.Client, err = minio.New(s.Endpoint, &minio.Options{Creds: credentials.NewStaticV4(AccessKey, SecretKey, "")})
	if err != nil {
		t.Fatal(err)
	}
	s.Start(t)
	t.Cleanup(func() {
		s.Stop()
		if t.Failed() {
			t.Log(s.log.String())
		}
	})
	return s
}

// Bucket makes a bucket and returns where an archive in it is.
func (s *Server) Bucket(t *testing.T, name string) (location string) {
	t.Helper()
	if err := s.Client.MakeBucket(t.Context(), name, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	return "s3://" + name + "/city/objects?insecure=1&endpoint=" + url.QueryEscape(s.Endpoint)
}

// Stop ends the server as a crash does.
func (s *Server) Stop() {
	if s.process != nil {
		_ = s.process.Process.Kill()
		_ = s.process.Wait()
		s.process = nil
	}
}

// Start starts a server that was stopped, with what it had.
func (s *Server) Start(t *testing.T) {
	t.Helper()
	s.process = exec.Command(s.program, "server", s.dir, "--address", s.Endpoint, "--quiet")
	s.process.Env = append(os.Environ(), "MINIO_ROOT_USER="+AccessKey, "MINIO_ROOT_PASSWORD="+SecretKey)
	s.process.Stdout, s.process.Stderr = &s.log, &s.log
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	for range 600 {
		response, err := http.Get("http://" + s.Endpoint + "/minio/health/live")
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("minio did not get ready within 30 s")
}
