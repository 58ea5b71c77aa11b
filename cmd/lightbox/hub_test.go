package main

import (
	"strings"
	"testing"
)

func TestMaskPassword(t *testing.T) {
	for given, want := range map[string]string{
		"postgres://hub:secret@db.example/lightbox":    "postgres://hub:***@db.example/lightbox",
		"postgres://hub:p@ss:word@db.example/lightbox": "postgres://hub:***@db.example/lightbox",
		"postgres://hub@db.example/lightbox":           "postgres://hub@db.example/lightbox",
		"sqlite:lightbox.db":                           "sqlite:lightbox.db",
	} {
		if got := maskPassword(given); got != want {
			t.Errorf("maskPassword(%q) = %q, want %q", given, got, want)
		}
	}
}

func TestServeRefusesOpenAddressWithoutIssuer(t *testing.T) {
	for _, listen := range []string{":8080", "0.0.0.0:8080", "192.0.2.1:8080", "[::]:8080", "hub.example:8080"} {
		exit, _, stderr := run(t, "serve", "--listen", listen, "--database", "sqlite:"+t.TempDir()+"/hub.db")
		if exit != exitFailure || !strings.Contains(stderr, "--issuer") {
			t.Errorf("serve --listen %s: exit %d, %s", listen, exit, stderr)
		}
	}
}

func TestUsageErrors(t *testing.T) {
	for _, args := range [][]string{
		{},
		{"serv"},
		{"ingest"},
		{"map", "--format", "xml", "."},
		{"map", "--timezone", "Mars/Olympus", "."},
		{"map", "--source-timezone", "CT1=Mars/Olympus", "."},
		{"serve", "--id-key", "not hexadecimal"},
		{"serve", "--dimse-peer", "A TITLE THAT IS TOO LONG=City"},
		{"serve", "--dimse-peer", "CT1=City@nowhere"},
	} {
		exit, _, stderr := run(t, args...)
		if exit != exitUsage || !strings.Contains(stderr, "--help") {
			t.Errorf("lightbox %q: exit %d, %s", args, exit, stderr)
		}
	}
}
