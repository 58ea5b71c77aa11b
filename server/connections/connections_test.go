package connections_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"testing"

	"lightbox/server/connections"
)

// failing is a listener that cannot accept now and then.
type failing struct {
	net.Listener
	failures atomic.Int64
}

func (f *failing) Accept() (net.Conn, error) {
	if f.failures.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return f.Listener.Accept()
}

// A listener that has no file descriptors for a while is gone on with; one that is closed ends the loop with its error, the end of the context
// without one.
func TestServe(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener := &failing{Listener: inner}
	listener.failures.Store(5)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- connections.Serve(ctx, listener, 1, func(c net.Conn) { _, _ = io.WriteString(c, "yes") }, func(c net.Conn) { _, _ = io.WriteString(c, "no") })
	}()
	conn, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if said, err := io.ReadAll(conn); string(said) != "yes" || err != nil {
		t.Errorf("%q %v", said, err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	again, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	if err := connections.Serve(t.Context(), again, 1, nil, nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v", err)
	}
}
