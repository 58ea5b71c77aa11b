package dimse_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"runtime"
	"testing"

	"lightbox/dicom"
	"lightbox/dicom/dimse"
)

// pdu is one of a type, and pdv a part of a P-DATA-TF in the first context.
func pdu(kind byte, body []byte) []byte {
	n := len(body)
	return append([]byte{kind, 0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}, body...)
}

func pdv(control byte, value []byte) []byte {
	n := len(value) + 2
	return append([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n), 1, control}, value...)
}

// recorded are the bytes with which a real acceptor answers a proposal.
func recorded(t testing.TB) []byte {
	t.Helper()
	client, server := net.Pipe()
	defer client.Close()
	defer server.Close()
	go func() { _, _ = dimse.Accept(server, everyone()) }()
	var heard bytes.Buffer
	if _, err := dimse.Request(t.Context(), overheard{client, io.TeeReader(client, &heard)}, "HUB", "PACS", findOnly); err != nil {
		t.Fatal(err)
	}
	return heard.Bytes()
}

// overheard notes what is read.
type overheard struct {
	net.Conn
	r io.Reader
}

func (c overheard) Read(b []byte) (int, error) { return c.r.Read(b) }

var findOnly = []dimse.Proposal{{Abstract: dimse.StudyRootFind, Transfer: []string{explicit}}}

// FuzzFind: whatever a peer answers a query with, memory stays within what was sent and the bounds of the package, and what is found can be read.
func FuzzFind(f *testing.F) {
	accepted := recorded(f)
	command := []byte{0, 0, 0, 1, 2, 0, 0, 0, 0x20, 0x80, 0, 0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 0xFF}
	match := dicom.NewDataset(dicom.NewText(dicom.MustPath("StudyInstanceUID").Tag(), "UI", "1.2.3")).Encode()
	f.Add(append(bytes.Clone(accepted), pdu(4, append(pdv(3, command), pdv(2, match)...))...))
	f.Add(append(bytes.Clone(accepted), pdu(4, pdv(3, command))...))
	f.Add(accepted[:40])
	f.Add([]byte{3, 0, 0, 0, 0, 4, 0, 1, 1, 7})
	f.Fuzz(func(t *testing.T, answers []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		a, err := dimse.Request(t.Context(), scripted{in: bytes.NewReader(answers)}, "HUB", "PACS", findOnly)
		if err != nil {
			return
		}
		stop := errors.New("enough")
		n := 0
		err = a.Find(dicom.NewDataset(dicom.NewText(dicom.MustPath("QueryRetrieveLevel").Tag(), "CS", "STUDY")), func(found *dicom.Dataset) error {
			if n++; n > 3 {
				return stop
			}
			found.AppendJSON(nil, nil)
			return nil
		})
		if err == nil && n > 3 {
			t.Fatal("more than enough, and no error")
		}
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 16<<20+200*uint64(len(answers)) {
			t.Fatalf("%d bytes for %d", used, len(answers))
		}
	})
}
