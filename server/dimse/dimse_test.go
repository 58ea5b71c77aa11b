package dimse_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"lightbox/dicom"
	"lightbox/dicom/archive"
	protocol "lightbox/dicom/dimse"
	"lightbox/fhir/store"
	"lightbox/fhir/store/postgres"
	"lightbox/fhir/store/postgres/pgtest"
	"lightbox/fhir/store/sqlite"
	"lightbox/server/dimse"
	"lightbox/server/ingest"
	"lightbox/server/ingest/ingesttest"
	"lightbox/server/orthanctest"
)

var stores = map[string]ingesttest.Open{
	"sqlite": func(t *testing.T, o store.Options) (store.Store, error) {
		return sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "hub.db"), o)
	},
	"postgres": func(t *testing.T, o store.Options) (store.Store, error) {
		return postgres.Open(t.Context(), pgtest.Start(t), o)
	},
}

const (
	ctStorage  = "1.2.840.10008.5.1.4.1.1.2"
	commitment = "1.2.840.10008.1.20.1"
	explicit   = "1.2.840.10008.1.2.1"
	implicit   = "1.2.840.10008.1.2"
)

// hub is one that takes associations.
type hub struct {
	*ingest.Pipeline
	address string
}

func start(t *testing.T, open ingesttest.Open, limits dimse.Limits, peers map[string]dimse.Peer) hub {
	t.Helper()
	h, stop := serving(t, ingesttest.New(t, open, t.TempDir()), limits, peers)
	t.Cleanup(stop)
	return h
}

// serving takes associations for a pipeline until stop.
func serving(t *testing.T, p *ingest.Pipeline, limits dimse.Limits, peers map[string]dimse.Peer) (h hub, stop func()) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &dimse.Server{Hub: p, Title: "LIGHTBOX", Peers: peers, Limits: limits, Log: p.Log}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, listener) }()
	return hub{p, listener.Addr().String()}, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// call opens an association.
func (h hub) call(t *testing.T, title string, proposals ...protocol.Proposal) (*protocol.Association, error) {
	t.Helper()
	conn, err := net.Dial("tcp", h.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return protocol.Request(t.Context(), conn, title, "LIGHTBOX", proposals)
}

// data is the data set of an image, as it goes over an association.
func data(study, uid, patient string) []byte {
	ds := dicom.NewDataset(
		dicom.NewText(dicom.MustPath("SOPClassUID").Tag(), "UI", ctStorage), dicom.NewText(dicom.MustPath("SOPInstanceUID").Tag(), "UI", uid),
		dicom.NewText(dicom.MustPath("Modality").Tag(), "CS", "CT"), dicom.NewText(dicom.MustPath("PatientID").Tag(), "LO", patient),
		dicom.NewText(dicom.MustPath("StudyInstanceUID").Tag(), "UI", study), dicom.NewText(dicom.MustPath("SeriesInstanceUID").Tag(), "UI", study+".1"))
	return ds.Encode()
}

// send stores one object and returns the status.
func send(t *testing.T, a *protocol.Association, class, uid string, body []byte) uint16 {
	t.Helper()
	in, ok := a.Context(ctStorage)
	if !ok {
		t.Fatal("storage is not taken")
	}
	c := protocol.NewCommand(protocol.CStoreRQ)
	c.SetUint(protocol.MessageID, 1)
	c.SetUID(protocol.AffectedSOPClassUID, class)
	c.SetUID(protocol.AffectedSOPInstanceUID, uid)
	if err := a.Send(in, c, bytes.NewReader(body)); err != nil {
		t.Fatal(err)
	}
	m, err := a.Next()
	if err != nil {
		t.Fatal(err)
	}
	return m.Command.Uint(protocol.Status)
}

var storage = protocol.Proposal{Abstract: ctStorage, Transfer: []string{explicit}}

func (h hub) instances(t *testing.T, study string) (list []archive.Instance) {
	t.Helper()
	err := h.Store.View(t.Context(), func(tx store.SQL) (err error) {
		list, err = archive.Study(t.Context(), tx, study)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestStore(t *testing.T) {
	peers := map[string]dimse.Peer{"ONE": {Owner: "Organization/one", Bound: true}, "TWO": {Owner: "Organization/two", Bound: true}, "ANY": {}}
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			h := start(t, open, dimse.Limits{Object: 4 << 20}, peers)
			one, err := h.call(t, "ONE", storage)
			if err != nil {
				t.Fatal(err)
			}
			two, err := h.call(t, "TWO", storage)
			if err != nil {
				t.Fatal(err)
			}
			anyone, err := h.call(t, "ANY", storage)
			if err != nil {
				t.Fatal(err)
			}
			for i, c := range []struct {
				by         *protocol.Association
				class, uid string
				body       []byte
				want       uint16
			}{
				{one, ctStorage, "1.2.3.1.1", data("1.2.3", "1.2.3.1.1", "P"), 0},
				{one, ctStorage, "1.2.3.1.1", data("1.2.3", "1.2.3.1.1", "P"), 0},        // again
				{anyone, ctStorage, "1.2.3.1.1", data("1.2.3", "1.2.3.1.1", "P"), 0},     // from elsewhere, the same bytes
				{one, ctStorage, "1.2.3.1.1", data("1.2.3", "1.2.3.1.1", "Q"), 0x0111},   // other bytes
				{two, ctStorage, "1.2.3.1.2", data("1.2.3", "1.2.3.1.2", "P"), 0x0124},   // of a study that another submitted
				{one, ctStorage, "1.2.3.1.9", data("1.2.3", "1.2.3.1.8", "P"), 0xA900},   // not the one that is named
				{one, "1.2.840.9", "1.2.3.1.8", data("1.2.3", "1.2.3.1.8", "P"), 0xA900}, // not the class
				{one, ctStorage, "1.2.3.1.7", []byte("no data set at all, whatever"), 0xC000},
				{one, ctStorage, "../../etc", data("../../etc", "../../etc", "P"), 0xC000},
				{one, ctStorage, "1.2.3.1.6", append(data("1.2.3", "1.2.3.1.6", "P"), make([]byte, 5<<20)...), 0xA700},
				{one, ctStorage, "1.2.3.1.3", data("1.2.3", "1.2.3.1.3", "P"), 0}, // and still
			} {
				if got := send(t, c.by, c.class, c.uid, c.body); got != c.want {
					t.Errorf("%d: status %04X, want %04X", i, got, c.want)
				}
			}
			list := h.instances(t, "1.2.3")
			if len(list) != 2 || list[0].SOPInstanceUID != "1.2.3.1.1" || list[1].SOPInstanceUID != "1.2.3.1.3" {
				t.Errorf("%d instances", len(list))
			}
			if _, err := h.call(t, "STRANGER", storage); !errors.Is(err, protocol.CallingNotRecognized) {
				t.Error("who is not known may call:", err)
			}
		})
	}
}

// An association that breaks off within an object leaves nothing.
func TestStoreBrokenOff(t *testing.T) {
	h := start(t, stores["sqlite"], dimse.Limits{Idle: time.Second}, map[string]dimse.Peer{"ANY": {}})
	conn, err := net.Dial("tcp", h.address)
	if err != nil {
		t.Fatal(err)
	}
	a, err := protocol.Request(t.Context(), conn, "ANY", "LIGHTBOX", []protocol.Proposal{storage})
	if err != nil {
		t.Fatal(err)
	}
	in, _ := a.Context(ctStorage)
	c := protocol.NewCommand(protocol.CStoreRQ)
	c.SetUID(protocol.AffectedSOPClassUID, ctStorage)
	c.SetUID(protocol.AffectedSOPInstanceUID, "1.2.3.1.1")
	broken := io.MultiReader(bytes.NewReader(data("1.2.3", "1.2.3.1.1", "P")), breaking{conn})
	_ = a.Send(in, c, broken)
	time.Sleep(100 * time.Millisecond)
	if list := h.instances(t, "1.2.3"); len(list) != 0 {
		t.Error("half an object is in the index")
	}
}

// breaking closes the connection that it is read for.
type breaking struct{ conn net.Conn }

func (b breaking) Read([]byte) (int, error) { return 0, b.conn.Close() }

// More associations than allowed are told to come again; the ones before go on.
func TestCongestion(t *testing.T) {
	h := start(t, stores["sqlite"], dimse.Limits{Associations: 1}, map[string]dimse.Peer{"ANY": {}})
	first, err := h.call(t, "ANY", storage)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.call(t, "ANY", storage); !errors.Is(err, protocol.Congestion) {
		t.Error(err)
	}
	if got := send(t, first, ctStorage, "1.2.3.1.1", data("1.2.3", "1.2.3.1.1", "P")); got != 0 {
		t.Errorf("%04X", got)
	}
	if err := first.Release(); err != nil {
		t.Error(err)
	}
}

// results takes what the hub tells of commitments: the event, what is stored and what is not.
func results(t *testing.T, transfer string) (address string, got chan string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	got = make(chan string, 10)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			a, err := protocol.Accept(conn, protocol.Acceptance{
				Admit:    func(string, string) *protocol.Rejection { return nil },
				Takes:    func(abstract string) bool { return abstract == commitment },
				Transfer: func(syntax string) bool { return syntax == transfer },
			})
			for err == nil {
				var m protocol.Message
				if m, err = a.Next(); err != nil {
					break
				}
				var body []byte
				if body, err = io.ReadAll(m.Data); err != nil {
					break
				}
				head := dicom.NewDataset()
				head.TransferSyntax = m.Context.Transfer
				file := append(dicom.FileStart(head), body...)
				var ds *dicom.Dataset
				if ds, err = dicom.Scan(bytes.NewReader(file), int64(len(file)), dicom.Limits{}); err != nil {
					got <- err.Error()
					break
				}
				told := []string{"event " + string(rune('0'+m.Command.Uint(protocol.EventTypeID))), ds.Text(dicom.MustPath("TransactionUID"))}
				for _, sequence := range []string{"ReferencedSOPSequence", "FailedSOPSequence"} {
					for _, item := range ds.Items(dicom.MustPath(sequence)) {
						told = append(told, sequence[:3]+" "+item.Text(dicom.MustPath("ReferencedSOPInstanceUID"))+" "+item.Text(dicom.MustPath("FailureReason")))
					}
				}
				got <- strings.TrimSpace(strings.Join(told, ", "))
				err = a.Send(m.Context, m.Command.Reply(0), nil)
			}
			_ = conn.Close()
		}
	}()
	return listener.Addr().String(), got
}

func TestStorageCommitment(t *testing.T) {
	for _, transfer := range []string{explicit, implicit} {
		address, got := results(t, transfer)
		h := start(t, stores["sqlite"], dimse.Limits{}, map[string]dimse.Peer{"CT1": {Address: address}, "CT2": {}})
		a, err := h.call(t, "CT1", storage, protocol.Proposal{Abstract: commitment, Transfer: []string{explicit}})
		if err != nil {
			t.Fatal(err)
		}
		if status := send(t, a, ctStorage, "1.2.3.1.1", data("1.2.3", "1.2.3.1.1", "P")); status != 0 {
			t.Fatalf("%04X", status)
		}
		for _, c := range []struct {
			uids []string
			want string
		}{
			{[]string{"1.2.3.1.1"}, "event 1, 1.9.9, Ref 1.2.3.1.1"},
			{[]string{"1.2.3.1.1", "1.2.3.1.2"}, "event 2, 1.9.9, Ref 1.2.3.1.1 , Fai 1.2.3.1.2 274"},
		} {
			if status := ask(t, a, c.uids...); status != 0 {
				t.Fatalf("%04X", status)
			}
			if told := <-got; told != c.want {
				t.Errorf("%q, want %q", told, c.want)
			}
		}
		if status := ask(t, a); status == 0 {
			t.Error("a request for nothing is taken")
		}
		if other, err := h.call(t, "CT2", protocol.Proposal{Abstract: commitment, Transfer: []string{explicit}}); err != nil || ask(t, other, "1.2.3.1.1") == 0 {
			t.Error("a result is promised to who has no address:", err)
		}
	}
}

// ask requests commitment and returns the status.
func ask(t *testing.T, a *protocol.Association, uids ...string) uint16 {
	t.Helper()
	var items []*dicom.Dataset
	for _, uid := range uids {
		items = append(items, dicom.NewDataset(dicom.NewText(dicom.MustPath("ReferencedSOPClassUID").Tag(), "UI", ctStorage),
			dicom.NewText(dicom.MustPath("ReferencedSOPInstanceUID").Tag(), "UI", uid)))
	}
	body := dicom.NewDataset(dicom.NewText(dicom.MustPath("TransactionUID").Tag(), "UI", "1.9.9"),
		dicom.NewSequence(dicom.MustPath("ReferencedSOPSequence").Tag(), items...)).Encode()
	c := protocol.NewCommand(protocol.NActionRQ)
	c.SetUint(protocol.MessageID, 3)
	c.SetUID(protocol.RequestedSOPClassUID, commitment)
	c.SetUID(protocol.RequestedSOPInstanceUID, "1.2.840.10008.1.20.1.1")
	c.SetUint(protocol.ActionTypeID, 1)
	in, ok := a.Context(commitment)
	if !ok {
		t.Fatal("storage commitment is not taken")
	}
	if err := a.Send(in, c, bytes.NewReader(body)); err != nil {
		t.Fatal(err)
	}
	m, err := a.Next()
	if err != nil {
		t.Fatal(err)
	}
	return m.Command.Uint(protocol.Status)
}

// dcmtk echoes and sends; what it sends is here byte for byte as its data set.
func TestDcmtk(t *testing.T) {
	if os.Getenv("LIGHTBOX_TEST_PEERS") != "1" {
		t.Skip("left out: needs dcmtk; run make test")
	}
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			h := start(t, open, dimse.Limits{}, map[string]dimse.Peer{"DEMO": {}})
			host, port, err := net.SplitHostPort(h.address)
			if err != nil {
				t.Fatal(err)
			}
			run := func(want bool, program string, args ...string) string {
				out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
				if (err == nil) != want {
					t.Errorf("%s %v: %v\n%s", program, args, err, out)
				}
				return string(out)
			}
			run(true, "echoscu", "-aet", "DEMO", "-aec", "LIGHTBOX", host, port)
			run(false, "echoscu", "-aet", "NOBODY", "-aec", "LIGHTBOX", host, port)
			run(false, "echoscu", "-aet", "DEMO", "-aec", "OTHER", host, port)
			folder := t.TempDir()
			for n, uid := range []string{"1.2.3.1.1", "1.2.3.1.2", "1.2.3.1.3"} {
				ds, err := dicom.Decode(data("1.2.3", uid, "P"))
				var b bytes.Buffer
				if err == nil {
					ds.Elements = append(ds.Elements, dicom.NewBytes(dicom.MustPath("PixelData").Tag(), "OW", bytes.Repeat([]byte{byte(n)}, 300_000)))
					err = dicom.WriteFile(&b, ds)
				}
				if err == nil {
					err = os.WriteFile(filepath.Join(folder, uid), b.Bytes(), 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			run(true, "dcmsend", "-nh", "-aet", "DEMO", "-aec", "LIGHTBOX", host, port, filepath.Join(folder, "1.2.3.1.1"), filepath.Join(folder, "1.2.3.1.2"))
			run(true, "storescu", "-aet", "DEMO", "-aec", "LIGHTBOX", host, port, filepath.Join(folder, "1.2.3.1.3"))
			list := h.instances(t, "1.2.3")
			if len(list) != 3 {
				t.Fatalf("%d instances", len(list))
			}
			for n, i := range list {
				object, err := h.Objects.Open(t.Context(), i.Object)
				if err != nil {
					t.Fatal(err)
				}
				_, pixels, err := dicom.ScanPixels(object, object.Size(), dicom.Limits{})
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(io.NewSectionReader(object, pixels.Native.Offset, pixels.Native.Length))
				if err != nil || !bytes.Equal(got, bytes.Repeat([]byte{byte(n)}, 300_000)) {
					t.Error(i.SOPInstanceUID, "has other pixels", err)
				}
				if err := object.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// What was promised outlives the process: a result that nobody took is told when the hub is there again.
func TestCommitmentIsRemembered(t *testing.T) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			p := ingesttest.New(t, open, t.TempDir())
			h, stop := serving(t, p, dimse.Limits{}, map[string]dimse.Peer{"CT1": {Address: "127.0.0.1:1"}})
			a, err := h.call(t, "CT1", storage, protocol.Proposal{Abstract: commitment, Transfer: []string{explicit}})
			if err != nil {
				t.Fatal(err)
			}
			if status := ask(t, a, "1.2.3.1.1"); status != 0 {
				t.Fatalf("%04X", status)
			}
			if err := a.Release(); err != nil {
				t.Fatal(err)
			}
			stop()
			address, got := results(t, explicit)
			_, again := serving(t, p, dimse.Limits{}, map[string]dimse.Peer{"CT1": {Address: address}})
			defer again()
			select {
			case told := <-got:
				if told != "event 2, 1.9.9, Fai 1.2.3.1.1 274" {
					t.Error(told)
				}
			case <-time.After(20 * time.Second):
				t.Error("the result is never told")
			}
		})
	}
}

// dcmjs-dimse echoes, is rejected as a stranger, and stores.
func TestDcmjsDimse(t *testing.T) {
	if os.Getenv("LIGHTBOX_TEST_PEERS") != "1" {
		t.Skip("left out: needs node and the npm packages of server/testdata/clients; run make test")
	}
	h := start(t, stores["sqlite"], dimse.Limits{}, map[string]dimse.Peer{"DEMO": {}})
	ds, err := dicom.Decode(data("1.2.3", "1.2.3.1.1", "P"))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := dicom.WriteFile(&b, ds); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "object.dcm")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	node := exec.CommandContext(ctx, "node", "dcmjs-dimse.mjs")
	node.Dir = filepath.Join("..", "testdata", "clients")
	node.Env = append(os.Environ(), "LIGHTBOX_DIMSE="+h.address, "LIGHTBOX_OBJECT="+file)
	out, err := node.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
	if list := h.instances(t, "1.2.3"); len(list) != 1 {
		t.Errorf("%d instances", len(list))
	}
}

// Orthanc echoes and sends.
func TestOrthanc(t *testing.T) {
	h := start(t, stores["sqlite"], dimse.Limits{}, map[string]dimse.Peer{"ORTHANC": {}})
	host, port, err := net.SplitHostPort(h.address)
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	pacs := orthanctest.Start(t, map[string]any{"DicomModalities": map[string]any{"hub": []any{"LIGHTBOX", host, number}}})
	pacs.Post(t, "/modalities/hub/echo", "application/json", []byte("{}"))
	var ids []string
	for _, uid := range []string{"1.2.3.1.1", "1.2.3.1.2"} {
		ds, err := dicom.Decode(data("1.2.3", uid, "P"))
		var b bytes.Buffer
		if err == nil {
			err = dicom.WriteFile(&b, ds)
		}
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, pacs.Put(t, b.Bytes()))
	}
	request, err := json.Marshal(ids)
	if err != nil {
		t.Fatal(err)
	}
	pacs.Post(t, "/modalities/hub/store", "application/json", request)
	if list := h.instances(t, "1.2.3"); len(list) != 2 {
		t.Errorf("%d instances", len(list))
	}
}

// The end of an association that brought many objects of a study is told; of one that brought a few it is not, as more may come on others.
func TestAssociationEnds(t *testing.T) {
	p := ingesttest.New(t, stores["sqlite"], t.TempDir())
	ended := make(chan string, 10)
	p.Completed = func(study string) { ended <- study }
	h, stop := serving(t, p, dimse.Limits{}, map[string]dimse.Peer{"CT": {}})
	for study, n := range map[string]int{"1.2.8": 3, "1.2.9": 25} {
		a, err := h.call(t, "CT", storage)
		if err != nil {
			t.Fatal(err)
		}
		for k := range n {
			uid := fmt.Sprint(study, ".1.", k)
			if status := send(t, a, ctStorage, uid, data(study, uid, "P")); status != 0 {
				t.Errorf("%s: %04X", uid, status)
			}
		}
		if err := a.Release(); err != nil {
			t.Fatal(err)
		}
	}
	stop() // waits for the associations
	close(ended)
	var told []string
	for study := range ended {
		told = append(told, study)
	}
	if !slices.Equal(told, []string{"1.2.9"}) {
		t.Errorf("%v", told)
	}
}
