package archivesync_test

import (
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
	"testing"
	"time"

	"lightbox/dicom"
	"lightbox/dicom/dimse"
	"lightbox/server/archivesync"
	"lightbox/server/ingest"
	"lightbox/server/ingest/ingesttest"
	"lightbox/server/orthanctest"
)

// qrscp is a running dcmqrscp.
type qrscp struct{ address string }

// startQRSCP runs an archive that speaks DIMSE alone, which knows an application entity LIGHTBOX at a port.
func startQRSCP(t *testing.T, moveTo string) qrscp {
	t.Helper()
	if os.Getenv("LIGHTBOX_TEST_PEERS") != "1" {
		t.Skip("left out: needs dcmtk; run make test")
	}
	program, err := exec.LookPath("dcmqrscp")
	if err != nil {
		t.Fatal("dcmqrscp (Debian package dcmtk) is missing: run make peers")
	}
	dir, address := t.TempDir(), freeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	_, movePort, _ := net.SplitHostPort(moveTo)
	config := filepath.Join(dir, "config")
	text := fmt.Sprintf("NetworkTCPPort = %s\nMaxPDUSize = 16384\nMaxAssociations = 16\nHostTable BEGIN\nhub = (LIGHTBOX, 127.0.0.1, %s)\nHostTable END\n"+
		"VendorTable BEGIN\nVendorTable END\nAETable BEGIN\nOLDPACS %s RW (200, 1024mb) ANY\nAETable END\n", port, movePort, dir)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-c", config)
	log := &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed
		if t.Failed() {
			t.Logf("dcmqrscp: %.2000s", log)
		}
	})
	q := qrscp{address}
	for range 200 {
		if a, conn := q.open(); a != nil {
			if err := errors.Join(a.Echo(), a.Release(), conn.Close()); err != nil {
				t.Fatal(err)
			}
			return q
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("dcmqrscp does not start")
	return q
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

const (
	ctStorage     = "1.2.840.10008.5.1.4.1.1.2"
	verification  = "1.2.840.10008.1.1"
	explicitPlain = "1.2.840.10008.1.2.1"
)

// open associates; nil while nobody answers.
func (q qrscp) open() (*dimse.Association, net.Conn) {
	conn, err := net.Dial("tcp", q.address)
	if err != nil {
		return nil, nil
	}
	a, err := dimse.Request(context.Background(), conn, "SENDER", "OLDPACS", []dimse.Proposal{{Abstract: verification, Transfer: []string{explicitPlain}}, {Abstract: ctStorage, Transfer: []string{explicitPlain}}})
	if err != nil {
		_ = conn.Close()
		return nil, nil
	}
	return a, conn
}

// put stores objects by C-STORE.
func (q qrscp) put(t *testing.T, objects ...[]byte) {
	t.Helper()
	a, conn := q.open()
	if a == nil {
		t.Fatal("no association")
	}
	defer conn.Close()
	in, _ := a.Context(ctStorage)
	for n, object := range objects {
		ds, err := dicom.Scan(bytes.NewReader(object), int64(len(object)), dicom.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		c := dimse.NewCommand(dimse.CStoreRQ)
		c.SetUID(dimse.AffectedSOPClassUID, ctStorage)
		c.SetUID(dimse.AffectedSOPInstanceUID, ds.Text(dicom.MustPath("SOPInstanceUID")))
		c.SetUint(dimse.MessageID, uint16(n+1))
		c.SetUint(dimse.Priority, 0)
		if err := a.Send(in, c, bytes.NewReader(ds.Encode())); err != nil {
			t.Fatal(err)
		}
		if m, err := a.Next(); err != nil || m.Command.Uint(dimse.Status) != 0 {
			t.Fatalf("%04X %v", m.Command.Uint(dimse.Status), err)
		}
	}
	if err := a.Release(); err != nil {
		t.Fatal(err)
	}
}

// An archive that speaks DIMSE alone is read by C-FIND and C-GET, or C-MOVE: all, then what is new; what is there already is not asked for.
func TestDIMSEArchive(t *testing.T) {
	for name, open := range stores {
		for _, way := range []string{"C-GET", "C-MOVE"} {
			t.Run(name+" "+way, func(t *testing.T) {
				at := archivesync.Address{Name: "old"}
				moveTo := freeAddress(t)
				if way == "C-MOVE" {
					at.MoveTo = moveTo
				}
				pacs := startQRSCP(t, moveTo)
				at.URL = "dicom://OLDPACS@" + pacs.address
				want := map[string][]byte{}
				const studies = 20
				var sent [][]byte
				for n := range studies {
					study := fmt.Sprint("1.2.3.", n)
					for k := range 2 {
						uid := fmt.Sprint(study, ".1.", k)
						want[uid] = dated(t, study, uid, n)
						sent = append(sent, want[uid])
					}
				}
				pacs.put(t, sent...)
				p := ingesttest.New(t, open, t.TempDir())
				s := &archivesync.Sync{Hub: p, Address: at, Copy: true, Origin: ingest.Origin{Source: "old"}}
				if done, err := s.Run(t.Context()); err != nil || done.Instances != len(want) || done.Refused != 0 {
					t.Fatalf("%+v %v", done, err)
				}
				if done, err := s.Run(t.Context()); err != nil || done.Listed != 0 {
					t.Errorf("the second run: %+v %v", done, err)
				}
				more := dated(t, "1.2.3.0", "1.2.3.0.1.9", 0)
				want["1.2.3.0.1.9"] = more
				pacs.put(t, more)
				if done, err := s.Run(t.Context()); err != nil || done.Instances != 1 || done.Listed != 1 {
					t.Errorf("the third run: %+v %v", done, err)
				}
				check(t, p, want)
			})
		}
	}
}

// dated is an object of the n-th day of 2025.
func dated(t *testing.T, study, uid string, n int) []byte {
	t.Helper()
	date := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, n).Format("20060102")
	return bytes.Replace(object(t, study, uid), []byte("20250104"), []byte(date), 1)
}

// An Orthanc is read by C-GET as well: more studies than are asked for at once by their dates.
func TestOrthancByDIMSE(t *testing.T) {
	_, port, _ := net.SplitHostPort(freeAddress(t))
	pacs := orthanctest.Start(t, map[string]any{"DicomServerEnabled": true, "DicomPort": atoi(port), "DicomAlwaysAllowFind": true, "DicomAlwaysAllowGet": true})
	want := map[string][]byte{}
	for n := range 520 {
		study := fmt.Sprint("1.2.3.", n)
		uid := study + ".1.1"
		want[uid] = dated(t, study, uid, n)
		pacs.Put(t, want[uid])
	}
	p := ingesttest.New(t, stores["sqlite"], t.TempDir())
	at := archivesync.Address{Name: "orthanc", URL: "dicom://ORTHANC@127.0.0.1:" + port}
	s := &archivesync.Sync{Hub: p, Address: at, Copy: true, Origin: ingest.Origin{Source: "orthanc"}}
	if done, err := s.Run(t.Context()); err != nil || done.Instances != len(want) {
		t.Fatalf("%+v %v", done, err)
	}
	if done, err := s.Run(t.Context()); err != nil || done.Listed != 0 {
		t.Errorf("the second run: %+v %v", done, err)
	}
	check(t, p, want)
}

func atoi(text string) (n int) {
	_, _ = fmt.Sscan(text, &n)
	return n
}

// peer answers each association as the test says.
func peer(t *testing.T, answer func(a *dimse.Association, m dimse.Message) error) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				a, err := dimse.Accept(conn, dimse.Acceptance{
					Admit: func(calling, called string) *dimse.Rejection {
						if called != "PACS" {
							return &dimse.CalledNotRecognized
						}
						return nil
					},
					Takes: func(string) bool { return true }, Transfer: func(string) bool { return true }, Idle: 5 * time.Second,
				})
				for err == nil {
					var m dimse.Message
					if m, err = a.Next(); err == nil {
						err = answer(a, m)
					}
				}
			}()
		}
	}()
	return listener.Addr().String()
}

// match answers a query with one match.
func match(a *dimse.Association, m dimse.Message, elements ...dicom.Element) error {
	c := m.Command.Reply(0xFF00)
	return a.Send(m.Context, c, bytes.NewReader(dicom.NewDataset(elements...).Encode()))
}

func uidElement(keyword, uid string) dicom.Element {
	return dicom.NewText(dicom.MustPath(keyword).Tag(), "UI", uid)
}

// What an archive does that it should not is an error, bounded in memory and time, and stores nothing.
func TestBadDIMSEArchives(t *testing.T) {
	for name, tt := range map[string]struct {
		url    string
		answer func(a *dimse.Association, m dimse.Message) error
		says   string
	}{
		"rejects": {url: "dicom://OTHER@", says: "rejected"},
		"answers without end": {answer: func(a *dimse.Association, m dimse.Message) error {
			for n := 0; ; n++ {
				if err := match(a, m, uidElement("StudyInstanceUID", fmt.Sprint("1.2.", n))); err != nil {
					return err
				}
			}
		}, says: "too many"},
		"a giant identifier": {answer: func(a *dimse.Association, m dimse.Message) error {
			return match(a, m, dicom.NewBytes(dicom.MustPath("PixelData").Tag(), "OW", make([]byte, 8<<20)))
		}, says: "beyond every reasonable size"},
		"no identifier": {answer: func(a *dimse.Association, m dimse.Message) error {
			return a.Send(m.Context, m.Command.Reply(0xFF00), nil)
		}, says: "no identifier"},
		"another answer": {answer: func(a *dimse.Association, m dimse.Message) error {
			return a.Send(m.Context, dimse.NewCommand(dimse.CEchoRQ).Reply(0), nil)
		}, says: "no answer to C-FIND"},
		"cannot": {answer: func(a *dimse.Association, m dimse.Message) error {
			return a.Send(m.Context, m.Command.Reply(0xC001), nil)
		}, says: "unable to process"},
		"aborts":     {answer: func(a *dimse.Association, _ dimse.Message) error { return a.Abort(io.EOF) }, says: "aborted"},
		"breaks off": {answer: func(*dimse.Association, dimse.Message) error { return io.EOF }},
	} {
		t.Run(name, func(t *testing.T) {
			p := ingesttest.New(t, stores["sqlite"], t.TempDir())
			url := tt.url
			if url == "" {
				url = "dicom://PACS@"
			}
			at := archivesync.Address{Name: "old", URL: url + peer(t, tt.answer)}
			s := &archivesync.Sync{Hub: p, Address: at, Copy: true, Origin: ingest.Origin{Source: "old"}}
			if done, err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), tt.says) || done.Instances != 0 {
				t.Errorf("%+v %v, want %q", done, err, tt.says)
			}
		})
	}
}

// A retrieval that breaks off in the midst of an object is an error, and the next run goes on; what is listed and not sent is told, and not asked
// for again.
func TestBrokenRetrieval(t *testing.T) {
	breaks := true
	good := object(t, "1.2.3", "1.2.3.1.1")
	answer := func(a *dimse.Association, m dimse.Message) error {
		if m.Command.Field == dimse.CFindRQ {
			keys, err := io.ReadAll(m.Data)
			if err != nil {
				return err
			}
			level := []dicom.Element{uidElement("StudyInstanceUID", "1.2.3")}
			if bytes.Contains(keys, []byte("SERIES")) || bytes.Contains(keys, []byte("IMAGE")) {
				level = append(level, uidElement("SeriesInstanceUID", "1.2.3.1"))
			}
			for _, uid := range []string{"1.2.3.1.1", "1.2.3.1.2"} {
				of := level
				if bytes.Contains(keys, []byte("IMAGE")) {
					of = append(of[:len(of):len(of)], uidElement("SOPInstanceUID", uid), uidElement("SOPClassUID", ctStorage))
				}
				if err := match(a, m, of...); err != nil {
					return err
				}
			}
			return a.Send(m.Context, m.Command.Reply(0), nil)
		}
		c := dimse.NewCommand(dimse.CStoreRQ)
		c.SetUID(dimse.AffectedSOPClassUID, ctStorage)
		c.SetUID(dimse.AffectedSOPInstanceUID, "1.2.3.1.1")
		c.SetUint(dimse.MessageID, 7)
		in, _ := a.Context(ctStorage)
		body := good[bytes.Index(good, []byte{8, 0, 5, 0}):]
		if breaks {
			broken := io.MultiReader(bytes.NewReader(body[:40]), failingReader{})
			return a.Send(in, c, broken)
		}
		if err := a.Send(in, c, bytes.NewReader(body)); err != nil {
			return err
		}
		if _, err := a.Next(); err != nil {
			return err
		}
		return a.Send(m.Context, m.Command.Reply(0xB000), nil)
	}
	p := ingesttest.New(t, stores["sqlite"], t.TempDir())
	at := archivesync.Address{Name: "old", URL: "dicom://PACS@" + peer(t, answer)}
	s := &archivesync.Sync{Hub: p, Address: at, Copy: true, Origin: ingest.Origin{Source: "old"}}
	if done, err := s.Run(t.Context()); err == nil || done.Instances != 0 {
		t.Fatalf("%+v %v", done, err)
	}
	breaks = false
	if done, err := s.Run(t.Context()); err != nil || done.Instances != 1 || done.Reasons["not-sent"] != 1 {
		t.Fatalf("%+v %v", done, err)
	}
	if done, err := s.Run(t.Context()); err != nil || done.Listed != 0 {
		t.Errorf("%+v %v", done, err)
	}
	list, err := archivesync.ListRefused(t.Context(), p.Store, 10)
	if err != nil || len(list) != 1 || list[0].Reason != "not-sent" {
		t.Errorf("%+v %v", list, err)
	}
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errors.New("broken") }
