// Package connections accepts connections up to a number at a time, and ends with its context: what the servers of the ways in that are not
// HTTP have in common.
package connections

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"time"
)

// Serve accepts connections until ctx ends, has talk answer up to most of them at a time and refuse the others, and then waits for those that
// are open. It closes the listener, and each connection when talk or refuse is done with it. A connection that cannot be accepted, as when there
// are no more file descriptors, is waited for: the error is that of a listener that is closed.
func Serve(ctx context.Context, listener net.Listener, most int, talk, refuse func(net.Conn)) error {
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()
	var open sync.WaitGroup
	defer open.Wait()
	places := make(chan struct{}, most)
	for failures := 0; ; {
		connection, err := listener.Accept()
		switch {
		case err == nil:
			failures = 0
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		default:
			rest(ctx, failures)
			failures++
			continue
		}
		answer, release := talk, func() { <-places }
		select {
		case places <- struct{}{}:
		default:
			answer, release = refuse, func() {}
		}
		open.Go(func() {
			defer connection.Close() // after its place is free: who sees the end may come again at once
			defer release()
			answer(connection)
		})
	}
}

// handshake is how long a peer may take to begin TLS.
const handshake = 30 * time.Second

// Begin has a peer begin TLS, where that is what is spoken. The error is that of a peer who does not, or whose certificate is not taken.
func Begin(ctx context.Context, connection net.Conn) error {
	secure, ok := connection.(*tls.Conn)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, handshake)
	defer cancel()
	return secure.HandshakeContext(ctx)
}

// longestRest is how long accepting waits at most after it failed.
const longestRest = time.Second

// rest waits, longer with each failure.
func rest(ctx context.Context, failures int) {
	select {
	case <-time.After(min(5*time.Millisecond<<min(failures, 10), longestRest)):
	case <-ctx.Done():
	}
}
