package mllp_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
	"lightbox/fhir/store/postgres"
	"lightbox/fhir/store/postgres/pgtest"
	"lightbox/fhir/store/sqlite"
	"lightbox/server/ingest"
	"lightbox/server/ingest/ingesttest"
	"lightbox/server/mllp"
)

// feed is a running server on a hub of its own.
type feed struct {
	address string
	hub     *ingest.Pipeline
	stop    func()
}

func start(t *testing.T, open ingesttest.Open, limits mllp.Limits, lenient bool) feed {
	t.Helper()
	hub := ingesttest.New(t, open, t.TempDir())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := mllp.Server{Answer: mllp.Into(hub, ingest.Origin{Source: "mllp"}, lenient), Limits: limits, Log: hub.Log}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, listener) }()
	var once sync.Once
	stop := func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	return feed{listener.Addr().String(), hub, stop}
}

func onSQLite(t *testing.T, o store.Options) (store.Store, error) {
	return sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "hub.db"), o)
}

func onPostgres(t *testing.T, o store.Options) (store.Store, error) {
	return postgres.Open(t.Context(), pgtest.Start(t), o)
}

// sender is a connection that frames by hand.
type sender struct {
	net.Conn
	r *bufio.Reader
	t *testing.T
}

func (f feed) dial(t *testing.T) *sender {
	t.Helper()
	c, err := net.Dial("tcp", f.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &sender{c, bufio.NewReader(c), t}
}

func (s *sender) write(text string) {
	s.t.Helper()
	if _, err := io.WriteString(s.Conn, text); err != nil {
		s.t.Fatal(err)
	}
}

func framed(message string) string { return "\x0b" + message + "\x1c\r" }

// answer reads one answer, its segments apart.
func (s *sender) answer() []string {
	s.t.Helper()
	text, err := s.r.ReadString('\x1c')
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.r.Discard(1); err != nil {
		s.t.Fatal(err)
	}
	return strings.Split(strings.Trim(text, "\x0b\x1c\r"), "\r")
}

// closed fails unless the server ends the conversation.
func (s *sender) closed() {
	s.t.Helper()
	if b, err := s.r.ReadByte(); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		s.t.Fatalf("the connection is open: %q, %v", b, err)
	}
}

func report(id, rest string) string {
	return `MSH|^~\&|RIS|NORTH|HUB|CITY|20250102100000+0000||ORU^R01^ORU_R01|` + id + `|P|2.5.1` + rest + "\r" +
		"PID|1||7^^^CITY^MR||Doe^Jane\rOBR|1|P-1^RIS|F-" + id + "^RIS|CT1^Head^L|||||||||||||||||||||F\r" +
		"OBX|1|TX|IMP^Impression^L||Nothing found in " + id + ".||||||F\r"
}

func TestAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		send    string
		lenient bool
		want    []string // segments but MSH, of all answers
	}{
		"taken":                   {report("1", ""), false, []string{"MSA|AA|1"}},
		"own delimiters":          {`MSH#*~\&#RIS#NORTH#HUB#CITY#20250102##ADT*A08#2#P#2.5` + "\rPID#1##7*****MR\r", false, []string{"MSA#AA#2"}},
		"no patient":              {`MSH|^~\&|||||||ORU^R01|3|P|2.5` + "\rOBR|1\r", false, []string{"MSA|AE|3", "ERR|||101^Required field missing^HL70357|E||||no-patient: PID-3 names no patient"}},
		"a type that nobody maps": {`MSH|^~\&|||||||SIU^S12|4|P|2.5` + "\rSCH|1\r", false, []string{"MSA|AR|4", "ERR|||200^Unsupported message type^HL70357|E||||"}},
		"lenient":                 {`MSH|^~\&|||||||ORU^R01|5|P|2.5` + "\rOBR|1\r", true, []string{"MSA|AA|5"}},
		"no HL7":                  {"GET / HTTP/1.1\r\n\r\n", false, []string{"MSA|AR", "ERR|||100^Segment sequence error^HL70357|E||||"}},
		"empty":                   {"", false, []string{"MSA|AR", "ERR|||100^Segment sequence error^HL70357|E||||"}},
		"enhanced, both":          {report("6", "|||AL|AL"), false, []string{"MSA|CA|6", "MSA|AA|6"}},
		"enhanced, on error":      {report("7", "|||ER|AL"), false, []string{"MSA|AA|7"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, onSQLite, mllp.Limits{}, test.lenient).dial(t)
			s.write(framed(test.send))
			var got []string
			for len(got) < len(test.want) {
				all := s.answer()
				if !strings.HasPrefix(all[0], "MSH") {
					t.Fatalf("an answer without MSH: %q", all)
				}
				got = append(got, all[1:]...)
			}
			for i, want := range test.want {
				if !strings.HasPrefix(got[i], want) {
					t.Errorf("%q, want %q", got[i], want)
				}
			}
			s.write(framed(report("next", ""))) // nothing stops the feed
			if got := s.answer(); got[1] != "MSA|AA|next" {
				t.Errorf("the next message: %q", got)
			}
		})
	}
}

// What is acknowledged is there, and is there once, however often it is sent and from how many.
func TestReplay(t *testing.T) {
	for name, open := range map[string]ingesttest.Open{"sqlite": onSQLite, "postgres": onPostgres} {
		t.Run(name, func(t *testing.T) {
			f := start(t, open, mllp.Limits{}, false)
			var senders sync.WaitGroup
			for range 4 {
				s := f.dial(t)
				senders.Go(func() {
					for n := range 10 {
						s.write(framed(report(fmt.Sprint(n), "")))
						if got := s.answer(); got[1] != fmt.Sprint("MSA|AA|", n) {
							t.Errorf("%q", got)
						}
					}
				})
			}
			senders.Wait()
			if err := f.hub.Build(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			reports := f.all(t, "DiagnosticReport")
			if len(reports) != 10 {
				t.Errorf("%d reports, want 10", len(reports))
			}
			for _, r := range reports {
				if r.Version != 1 {
					t.Errorf("version %d of a report that was told once", r.Version)
				}
			}
		})
	}
}

func (f feed) all(t *testing.T, resourceType string) []fhir.Resource {
	t.Helper()
	q, err := search.Parse(fhir.R4(), resourceType, nil, search.Options{})
	if err != nil {
		t.Fatal(err)
	}
	found, err := f.hub.Store.Search(t.Context(), q, store.Caller{ID: "test", Access: func(string) search.Filter { return search.Everything() }})
	if err != nil {
		t.Fatal(err)
	}
	return found.Matches
}

// A message that is refused is kept, and taken once it can be.
func TestRefusedIsKept(t *testing.T) {
	f := start(t, onSQLite, mllp.Limits{}, false)
	s := f.dial(t)
	refused := "MSH|^~\\&|||||||ORU^R01|3|P|2.5\rOBR|1\r"
	for range 2 {
		s.write(framed(refused))
		s.answer()
	}
	list, err := f.hub.Refused(t.Context(), 10)
	if err != nil || len(list) != 1 || list[0].Reason != "no-patient" || list[0].Source != "mllp" {
		t.Fatalf("%+v, %v", list, err)
	}
	kept, err := f.hub.Objects.Open(t.Context(), list[0].Object)
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	text := make([]byte, kept.Size())
	if _, err := kept.ReadAt(text, 0); err != nil && err != io.EOF || string(text) != refused {
		t.Errorf("%q, %v", text, err)
	}
	if taken, err := f.hub.Retry(t.Context(), nil); taken != 0 || err != nil {
		t.Errorf("retried: %d, %v", taken, err)
	}
	if err := f.hub.Discard(t.Context(), list[0].Object, nil); err != nil {
		t.Fatal(err)
	}
	if list, err := f.hub.Refused(t.Context(), 10); err != nil || len(list) != 0 {
		t.Errorf("after discarding: %+v, %v", list, err)
	}
}

// Nobody takes more of the hub than the limits give, and nobody's misbehaviour is another's.
func TestHostileSenders(t *testing.T) {
	f := start(t, onSQLite, mllp.Limits{Message: 1 << 10, Connections: 6, Frame: 300 * time.Millisecond, Idle: 30 * time.Second}, false)
	for name, send := range map[string]string{
		"a message beyond the limit": "\x0bMSH|" + strings.Repeat("x", 1<<20),
		"bytes without a frame":      strings.Repeat("MSH|^~\\&|", 100),
		"a frame without an end":     "\x0bMSH|^~\\&|RIS",
		"a frame in a frame":         "\x0b\x0b" + strings.Repeat("\x0b", 2000),
	} {
		t.Run(name, func(t *testing.T) {
			s := f.dial(t)
			_, _ = io.WriteString(s.Conn, send) // the server may have closed before all of it is out
			s.closed()
		})
	}
	t.Run("too many connections", func(t *testing.T) {
		waiting := make([]*sender, 6)
		for i := range waiting {
			waiting[i] = f.dial(t)
			waiting[i].write(framed(report(fmt.Sprint(i), "")))
			waiting[i].answer()
		}
		f.dial(t).closed()
		for _, s := range waiting {
			_ = s.Close()
		}
	})
}

// Some senders put line ends between frames.
func TestBetweenFrames(t *testing.T) {
	s := start(t, onSQLite, mllp.Limits{}, false).dial(t)
	for _, id := range []string{"1", "2"} {
		s.write("\r\n\r\n" + framed(report(id, "")))
		if got := s.answer(); got[1] != "MSA|AA|"+id {
			t.Errorf("%q", got)
		}
	}
}

// At the end the message that is being taken is answered, and who sends none is let go.
func TestStop(t *testing.T) {
	f := start(t, onSQLite, mllp.Limits{}, false)
	idle := f.dial(t)
	idle.write(framed(report("1", "")))
	idle.answer()
	f.stop()
	idle.closed()
}

// mllp_send is of python-hl7, which nobody here wrote.
func TestMLLPSend(t *testing.T) {
	if os.Getenv("LIGHTBOX_TEST_PEERS") != "1" {
		t.Skip("left out: needs mllp_send of python3-hl7; run make test")
	}
	f := start(t, onSQLite, mllp.Limits{}, false)
	file := filepath.Join(t.TempDir(), "two.hl7")
	text := framed(report("1", "")) + framed(report("2", ""))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	host, port, _ := strings.Cut(f.address, ":")
	out, err := exec.CommandContext(t.Context(), "mllp_send", "--file", file, "--port", port, host).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"MSA|AA|1", "MSA|AA|2"} {
		if !bytes.Contains(out, []byte(want)) {
			t.Errorf("no %s in %q", want, out)
		}
	}
}
