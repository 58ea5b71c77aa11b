// Package pgtest gives tests a real PostgreSQL of their own: a private cluster on a loopback port, one for each test
// binary, and an empty database for each call of Start. It uses the PostgreSQL that is installed (Debian package
// postgresql) and never one that is already running.
package pgtest

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
)

// cluster starts on first use and ends with the process, see keeper.
var cluster = sync.OnceValues(startCluster)

var databases atomic.Int64

// Start returns the URL of a new, empty database, dropped when the test ends. Without LIGHTBOX_TEST_PEERS=1 it skips the
// test; with it, a missing PostgreSQL fails the test.
func Start(t testing.TB) string {
	t.Helper()
	if os.Getenv("LIGHTBOX_TEST_PEERS") != "1" {
		t.Skip("left out: needs PostgreSQL; run make test")
	}
	server, err := cluster()
	if err != nil {
		t.Fatalf("PostgreSQL (Debian package postgresql) did not start: %v", err)
	}
	name := fmt.Sprintf("test_%d", databases.Add(1))
	admin(t, server.address, "CREATE DATABASE "+name)
	t.Cleanup(func() { admin(t, server.address, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
	return databaseURL(server.address, name)
}

// Server is a cluster of one test's own.
type Server struct {
	URL string // of an empty database
	own *server
}

// StartServer is Start on a cluster of its own, which the test may stop and start.
func StartServer(t testing.TB) *Server {
	t.Helper()
	if os.Getenv("LIGHTBOX_TEST_PEERS") != "1" {
		t.Skip("left out: needs PostgreSQL; run make test")
	}
	own, err := startCluster()
	if err != nil {
		t.Fatalf("PostgreSQL (Debian package postgresql) did not start: %v", err)
	}
	t.Cleanup(func() { _ = own.pipe.Close() }) // the keeper ends it
	admin(t, own.address, "CREATE DATABASE test")
	return &Server{databaseURL(own.address, "test"), own}
}

// Stop ends the server at once, as a crash does.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	if err := s.own.control("stop", "-m", "immediate"); err != nil {
		t.Fatal(err)
	}
}

// Start starts it again, and returns once it answers.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	_, port, err := net.SplitHostPort(s.own.address)
	if err == nil {
		err = s.own.control("start", "-o", options(port))
	}
	if err == nil {
		err = waitReady(s.own.address, s.own.data+".log")
	}
	if err != nil {
		t.Fatal(err)
	}
}

func admin(t testing.TB, address, statement string) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, databaseURL(address, "postgres"))
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func databaseURL(address, name string) string {
	return fmt.Sprintf("postgres://%s@%s/%s?sslmode=disable", superuser, address, name)
}
