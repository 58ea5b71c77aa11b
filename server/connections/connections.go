// Package connections accepts connections up to a number at a time, and ends with its context: what the servers of the ways in that are not
// HTTP have in common.
package connections

import (
	"context"
	"net"
	"sync"
)

// Serve accepts connections until ctx ends, has talk answer up to most of them at a time and refuse the others, and then waits for those that
// are open. It closes the listener, and each connection when talk or refuse is done with it. The error is that of the listener.
func Serve(ctx context.Context, listener net.Listener, most int, talk, refuse func(net.Conn)) error {
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()
	var open sync.WaitGroup
	defer open.Wait()
	places := make(chan struct{}, most)
	for {
		connection, err := listener.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
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
