package main

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lightbox/server/ingest"
)

// A refused message is listed, shown as it came, refused again and discarded.
func TestQueue(t *testing.T) {
	dir := t.TempDir()
	args := []string{"--database", "sqlite:" + filepath.Join(dir, "hub.db"), "--archive", filepath.Join(dir, "objects")}
	refused := "MSH|^~\\&|||||||ORU^R01|3|P|2.5\rOBR|1\r"
	p := program{Stdout: &strings.Builder{}, Stderr: &strings.Builder{}}
	err := withHub(t.Context(), &p, hubFlags{storage: storage{Database: args[1], Archive: args[3]}}, func(h *hub) error {
		if err := h.pipeline.Message(t.Context(), []byte(refused), ingest.Origin{Source: "test"}); !ingest.IsKept(err) {
			t.Errorf("not kept: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	digest := fmt.Sprintf("%x", sha256.Sum256([]byte(refused)))
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "  test  no-patient: PID-3 names no patient\n1 refused, 0 to be built\n"},
		{[]string{"list", "--json"}, `"source":"test","reason":"no-patient","detail":"PID-3 names no patient"}` + "\n"},
		{[]string{"show", digest}, refused},
		{[]string{"retry"}, "0 taken, 1 refused again\n"},
		{[]string{"discard", digest}, "1 off the list\n"},
		{nil, "0 refused, 0 to be built\n"},
	} {
		exit, stdout, stderr := run(t, append(append([]string{"queue"}, c.args...), args...)...)
		if exit != exitOK || !strings.HasSuffix(stdout, c.want) {
			t.Errorf("%v: exit %d, %q, %q", c.args, exit, stdout, stderr)
		}
	}
	if exit, _, stderr := run(t, append([]string{"queue", "show", "x"}, args...)...); exit != exitFailure || !strings.Contains(stderr, "not a digest") {
		t.Errorf("exit %d, %q", exit, stderr)
	}
}

// The demo takes a message and serves what it says within the time that a person waits.
func TestDemoTakesMessages(t *testing.T) {
	d := startDemo(t)
	c, err := net.Dial("tcp", d.MLLP)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	message := "MSH|^~\\&|RIS|NORTH|HUB|CITY|20250102||ADT^A28|77|P|2.5\rPID|1||77^^^CITY^MR||Doe^Jane\r"
	if _, err := io.WriteString(c, "\x0b"+message+"\x1c\r"); err != nil {
		t.Fatal(err)
	}
	answer, err := bufio.NewReader(c).ReadString('\x1c')
	if err != nil || !strings.Contains(answer, "\rMSA|AA|77\r") {
		t.Fatalf("%q, %v", answer, err)
	}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		if found := d.references(t, "emr", "Patient?identifier=77"); len(found) == 1 {
			return
		}
	}
	t.Error("the patient of an acknowledged message is not served")
}
