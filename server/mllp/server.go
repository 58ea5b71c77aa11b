// Package mllp takes HL7 v2 messages over the Minimal Lower Layer Protocol (MLLP release 1), with or without TLS. A message is acknowledged
// once it is durable, and not before: what the hub cannot take is said so, and what it cannot take now is to be sent again.
//
// One connection is one feed: its messages are taken in order, the next one when the one before is answered, so that a sender who is
// faster than the hub waits and nothing piles up.
package mllp

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"time"

	"lightbox/server/connections"
)

// Limits bound what a sender may take of the hub. The zero value means the defaults.
type Limits struct {
	Message     int           // bytes of one message; default 16 MiB
	Connections int           // at a time; default 512
	Idle        time.Duration // between messages; default an hour
	Frame       time.Duration // from the first byte of a message to its last, and for taking an answer; default a minute
}

func (l Limits) withDefaults() Limits {
	if l.Message <= 0 {
		l.Message = 16 << 20
	}
	if l.Connections <= 0 {
		l.Connections = 512
	}
	if l.Idle <= 0 {
		l.Idle = time.Hour
	}
	if l.Frame <= 0 {
		l.Frame = time.Minute
	}
	return l
}

// Server answers senders.
type Server struct {
	// Answer takes a message that came from an address, host:port, and returns the answers to send, once what they promise is durable.
	Answer func(ctx context.Context, message []byte, from string) [][]byte
	// Strange is told of who does not show the certificate that is asked for; nil: nobody wants to know.
	Strange func(ctx context.Context, from string)
	Limits  Limits
	Log     *slog.Logger
}

// Serve accepts connections until ctx ends, and then lets each finish the message that it is in. The listener is closed.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	limits := s.Limits.withDefaults()
	return connections.Serve(ctx, listener, limits.Connections,
		func(c net.Conn) { s.converse(ctx, c, limits) },
		func(net.Conn) { s.Log.Warn("mllp: too many connections, one is refused", "limit", limits.Connections) })
}

// converse answers one connection until its end.
func (s *Server) converse(ctx context.Context, c net.Conn, limits Limits) {
	// Who waits for a message is woken by the end; who is in one goes on to its answer.
	stop := context.AfterFunc(ctx, func() { _ = c.SetReadDeadline(time.Now()) })
	defer stop()
	if err := connections.Begin(ctx, c); err != nil {
		s.Log.Warn("mllp: no TLS", "cause", err)
		if s.Strange != nil && ctx.Err() == nil && !errors.Is(err, io.EOF) { // who only looks whether somebody listens asks for nothing
			s.Strange(context.WithoutCancel(ctx), c.RemoteAddr().String())
		}
		return
	}
	r := bufio.NewReaderSize(c, 64<<10)
	for ctx.Err() == nil {
		err := s.one(ctx, c, r, limits)
		switch {
		case errors.Is(err, io.EOF), ctx.Err() != nil:
			return
		case err != nil:
			s.Log.Warn("mllp: a connection is closed", "cause", err)
			return
		}
	}
}

// one reads a message and sends its answers.
func (s *Server) one(ctx context.Context, c net.Conn, r *bufio.Reader, limits Limits) error {
	if err := c.SetDeadline(time.Now().Add(limits.Idle)); err != nil {
		return err
	}
	if ctx.Err() != nil { // ended while the deadline was set
		return nil
	}
	message, err := readFrame(r, limits.Message, func() { _ = c.SetDeadline(time.Now().Add(limits.Frame)) })
	if err != nil {
		return err
	}
	answers := s.Answer(context.WithoutCancel(ctx), message, c.RemoteAddr().String())
	if err := c.SetWriteDeadline(time.Now().Add(limits.Frame)); err != nil {
		return err
	}
	for _, answer := range answers {
		if err := writeFrame(c, answer); err != nil {
			return err
		}
	}
	return nil
}
