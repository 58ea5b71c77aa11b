package dimse_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"lightbox/dicom/dimse"
)

const (
	verification = "1.2.840.10008.1.1"
	ctStorage    = "1.2.840.10008.5.1.4.1.1.2"
	implicit     = "1.2.840.10008.1.2"
	explicit     = "1.2.840.10008.1.2.1"
)

func everyone() dimse.Acceptance {
	return dimse.Acceptance{
		Admit: func(calling, _ string) *dimse.Rejection {
			if calling == "STRANGER" {
				return &dimse.CallingNotRecognized
			}
			return nil
		},
		Takes:    func(abstract string) bool { return abstract != "1.2.3" },
		Transfer: func(syntax string) bool { return syntax == explicit || syntax == implicit },
		Idle:     5 * time.Second,
	}
}

// answering accepts one association and echoes: every message with the status 0, its data counted.
func answering(t *testing.T) (address string, got chan string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	got = make(chan string, 100)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				a, err := dimse.Accept(conn, everyone())
				for err == nil {
					var m dimse.Message
					if m, err = a.Next(); err != nil {
						break
					}
					size := int64(-1)
					if m.Data != nil {
						size, err = io.Copy(io.Discard, m.Data)
					}
					if err == nil {
						got <- m.Context.Transfer + " " + m.Command.Text(dimse.AffectedSOPInstanceUID) + " " + string(rune('0'+size%10))
						err = a.Send(m.Context, m.Command.Reply(0), nil)
					}
				}
				got <- "end: " + err.Error()
			}()
		}
	}()
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().String(), got
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func TestAssociation(t *testing.T) {
	address, got := answering(t)
	a, err := dimse.Request(t.Context(), dial(t, address), "ME", "YOU", []dimse.Proposal{
		{Abstract: verification, Transfer: []string{implicit}},
		{Abstract: ctStorage, Transfer: []string{"1.2.840.10008.1.2.4.50", explicit, implicit}},
		{Abstract: "1.2.3", Transfer: []string{implicit}},
		{Abstract: "1.2.840.10008.5.1.4.1.1.4", Transfer: []string{"1.2.840.10008.1.2.4.50"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, refused := range []string{"1.2.3", "1.2.840.10008.5.1.4.1.1.4"} {
		if _, ok := a.Context(refused); ok {
			t.Error(refused, "was taken")
		}
	}
	in, ok := a.Context(ctStorage)
	if !ok || in.Transfer != explicit {
		t.Fatal("no context, or another transfer syntax:", in)
	}
	for _, size := range []int{0, 1, 131_065, 131_066, 131_067, 1 << 20} {
		c := dimse.NewCommand(dimse.CStoreRQ)
		c.SetUint(dimse.MessageID, 7)
		c.SetUID(dimse.AffectedSOPClassUID, ctStorage)
		c.SetUID(dimse.AffectedSOPInstanceUID, "1.2.3.4")
		if err := a.Send(in, c, bytes.NewReader(make([]byte, size))); err != nil {
			t.Fatal(err)
		}
		m, err := a.Next()
		if err != nil || m.Command.Field != dimse.CStoreRQ|0x8000 || m.Command.Uint(dimse.MessageIDBeingRespondedTo) != 7 || m.Command.Uint(dimse.Status) != 0 {
			t.Fatal(m, err)
		}
		if want, told := explicit+" 1.2.3.4 "+string(rune('0'+size%10)), <-got; told != want {
			t.Errorf("%q, want %q", told, want)
		}
	}
	if err := a.Release(); err != nil {
		t.Fatal(err)
	}
	if told := <-got; !strings.HasPrefix(told, "end: EOF") {
		t.Error(told)
	}
}

func TestRejected(t *testing.T) {
	address, _ := answering(t)
	_, err := dimse.Request(t.Context(), dial(t, address), "STRANGER", "YOU", []dimse.Proposal{{Abstract: verification, Transfer: []string{implicit}}})
	var rejected dimse.Rejection
	if !errors.As(err, &rejected) || rejected != dimse.CallingNotRecognized {
		t.Error(err)
	}
}

// What breaks the protocol ends the association, at once and with little memory.
func TestHostilePeers(t *testing.T) {
	pdu := func(kind byte, length uint32, body string) string {
		return string(binary.BigEndian.AppendUint32([]byte{kind, 0}, length)) + body
	}
	for name, sent := range map[string]string{
		"no DICOM":               "GET / HTTP/1.1\r\n\r\n",
		"a PDU of 4 GiB":         pdu(1, 0xFFFFFFFF, ""),
		"data first":             pdu(4, 6, "\x00\x00\x00\x02\x01\x03"),
		"an unknown PDU":         pdu(9, 0, ""),
		"a short associate":      pdu(1, 4, "\x00\x01\x00\x00"),
		"an item beyond its end": pdu(1, 74, "\x00\x01"+strings.Repeat("\x00", 66)+"\x10\x00\xFF\xFF12"),
		"half a PDU":             pdu(1, 100, "half"),
		"nothing":                "",
	} {
		address, got := answering(t)
		conn := dial(t, address)
		if _, err := io.WriteString(conn, sent); err != nil {
			t.Fatal(name, err)
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.CloseWrite()
		}
		_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, err := io.Copy(io.Discard, conn); err != nil && !errors.Is(err, net.ErrClosed) && !strings.Contains(err.Error(), "reset") {
			t.Error(name, "the connection stays:", err)
		}
		if told := <-got; !strings.HasPrefix(told, "end: ") {
			t.Error(name, told)
		}
	}
}

// scripted is a peer that sends what it is given, and takes anything.
type scripted struct {
	net.Conn
	in *bytes.Reader
}

func (s scripted) Read(b []byte) (int, error)       { return s.in.Read(b) }
func (scripted) Write(b []byte) (int, error)        { return len(b), nil }
func (scripted) Close() error                       { return nil }
func (scripted) SetDeadline(time.Time) error        { return nil }
func (scripted) SetReadDeadline(time.Time) error    { return nil }
func (scripted) SetWriteDeadline(t time.Time) error { return nil }

// FuzzAccept: whatever a peer sends, an association ends by an error or the end, and holds no more than its bounds.
func FuzzAccept(f *testing.F) {
	var asked bytes.Buffer
	recorder := recording{scripted{in: bytes.NewReader(nil)}, &asked}
	_, _ = dimse.Request(context.Background(), recorder, "ME", "YOU", []dimse.Proposal{{Abstract: verification, Transfer: []string{implicit}}})
	echo := "\x04\x00\x00\x00\x00\x4A\x00\x00\x00\x46\x01\x03" +
		"\x00\x00\x00\x00\x04\x00\x00\x00\x38\x00\x00\x00\x00\x00\x02\x00\x12\x00\x00\x001.2.840.10008.1.1\x00\x00\x00\x00\x01\x02\x00\x00\x00\x30\x00\x00\x00\x10\x01\x02\x00\x00\x00\x01\x00\x00\x00\x00\x08\x02\x00\x00\x00\x01\x01"
	f.Add(asked.Bytes())
	f.Add(append(asked.Bytes(), echo...))
	f.Add(append(asked.Bytes(), "\x05\x00\x00\x00\x00\x04\x00\x00\x00\x00"...))
	f.Fuzz(func(t *testing.T, sent []byte) {
		a, err := dimse.Accept(scripted{in: bytes.NewReader(sent)}, everyone())
		for n := 0; err == nil; n++ {
			var m dimse.Message
			if m, err = a.Next(); err == nil {
				err = a.Send(m.Context, m.Command.Reply(0), nil)
			}
			if n > len(sent) {
				t.Fatal("more messages than bytes")
			}
		}
	})
}

// recording notes what is written.
type recording struct {
	scripted
	out *bytes.Buffer
}

func (r recording) Write(b []byte) (int, error) { return r.out.Write(b) }
