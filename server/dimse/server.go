// Package dimse takes DICOM objects in over DIMSE: it is SCP of verification, of storage of every SOP class in every transfer syntax, and of
// storage commitment. Who calls must be known by title; an object is acknowledged once it is durable.
package dimse

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"lightbox/auth/audit"
	"lightbox/dicom/dimse"
	"lightbox/server/connections"
	"lightbox/server/ingest"
)

// Peer is an application entity that may call.
type Peer struct {
	Owner   string // "Organization/<id>" that what it sends is owned by; "" takes the institution that each object names
	Bound   bool   // it may not add to a study that only others have submitted
	Address string // host:port where it takes storage commitment results; "" for none
}

// Limits bound what callers may take of the hub. The zero value means the defaults.
type Limits struct {
	Associations int           // at a time; default 128
	Idle         time.Duration // within an association; default a minute
	Object       int64         // bytes of one object; default 8 GiB
}

func (l Limits) withDefaults() Limits {
	if l.Associations <= 0 {
		l.Associations = 128
	}
	if l.Idle <= 0 {
		l.Idle = time.Minute
	}
	if l.Object <= 0 {
		l.Object = 8 << 30
	}
	return l
}

// Server answers callers.
type Server struct {
	Hub    *ingest.Pipeline
	Title  string          // application entity title of the hub
	Peers  map[string]Peer // by title
	Limits Limits
	Log    *slog.Logger
}

// Serve accepts associations until ctx ends, and then lets each finish the message that it is in. The listener is closed.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	limits := s.Limits.withDefaults()
	var reports sync.WaitGroup
	defer reports.Wait()
	asked := make(chan struct{}, 1)
	reports.Go(func() { s.reportAll(ctx, asked) })
	return connections.Serve(ctx, listener, limits.Associations,
		func(c net.Conn) { s.converse(ctx, c, limits, asked) },
		func(c net.Conn) { s.turnAway(c, limits) })
}

// turnAway tells who comes when there is no room to come again.
func (s *Server) turnAway(connection net.Conn, limits Limits) {
	s.Log.Warn("dimse: too many associations, one is refused", "limit", limits.Associations)
	_, _ = dimse.Accept(connection, dimse.Acceptance{Admit: func(string, string) *dimse.Rejection { return &dimse.Congestion }})
}

// converse answers one association until its end.
func (s *Server) converse(ctx context.Context, connection net.Conn, limits Limits, asked chan<- struct{}) {
	told := audit.Begin(audit.Submit, nil, connection.RemoteAddr().String(), "")
	if err := connections.Begin(ctx, connection); err != nil {
		s.Log.Warn("dimse: no TLS", "cause", err)
		if ctx.Err() == nil && !errors.Is(err, io.EOF) { // who only looks whether somebody listens asks for nothing
			s.Hub.Strange(context.WithoutCancel(ctx), told, "tls")
		}
		return
	}
	admit := func(calling, called string) *dimse.Rejection {
		told.By = &audit.Caller{System: audit.AETitle, Client: calling, Organization: s.Peers[calling].Owner}
		return s.admit(calling, called)
	}
	a, err := dimse.Accept(connection, dimse.Acceptance{Admit: admit, Takes: takes, Transfer: takesTransfer, Idle: limits.Idle})
	var rejected dimse.Rejection
	if errors.As(err, &rejected) && told.By != nil {
		s.Hub.Strange(context.WithoutCancel(ctx), told, reasons[rejected])
	}
	if err != nil {
		s.Log.Warn("dimse: no association", "cause", err)
		return
	}
	// Who waits for a message is woken by the end; who is in one goes on to its answer.
	stop := context.AfterFunc(ctx, func() { _ = connection.SetReadDeadline(time.Now()) })
	defer stop()
	caller := caller{Server: s, association: a, title: a.Calling, peer: s.Peers[a.Calling], limits: limits, asked: asked, sent: map[string]int{},
		visit: ingest.NewVisit(told)}
	defer caller.complete()
	for ctx.Err() == nil {
		err := caller.one(context.WithoutCancel(ctx))
		switch {
		case errors.Is(err, io.EOF), ctx.Err() != nil:
			return
		case err != nil:
			s.Log.Warn("dimse: an association ended before its time", "calling", a.Calling, "cause", err)
			return
		}
	}
	_ = a.Abort(nil)
}

func (s *Server) admit(calling, called string) *dimse.Rejection {
	if called != s.Title {
		return &dimse.CalledNotRecognized
	}
	if _, known := s.Peers[calling]; !known {
		return &dimse.CallingNotRecognized
	}
	return nil
}

// reasons are what the audit record says of a Rejection by admit.
var reasons = map[dimse.Rejection]string{dimse.CalledNotRecognized: "called-ae-title", dimse.CallingNotRecognized: "calling-ae-title"}

const (
	verification     = "1.2.840.10008.1.1"
	commitment       = "1.2.840.10008.1.20.1"
	standardRoot     = "1.2.840.10008."
	storageClasses   = "1.2.840.10008.5.1.4.1.1."
	transferSyntaxes = "1.2.840.10008.1.2"
)

// takes holds for what a caller may propose: storage SOP classes are those of the standard, and any that is not of the standard.
func takes(abstract string) bool {
	return abstract == verification || abstract == commitment || strings.HasPrefix(abstract, storageClasses) ||
		!strings.HasPrefix(abstract, standardRoot)
}

// untakenSyntaxes are transfer syntaxes whose objects only refer to their pixel data, or are no data set: such an object is not whole.
var untakenSyntaxes = []string{
	"1.2.840.10008.1.2.4.94", "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.204", "1.2.840.10008.1.2.4.205", "1.2.840.10008.1.2.6.1", "1.2.840.10008.1.2.6.2",
}

// takesTransfer holds for the other transfer syntaxes of the standard, and for any that is not of the standard.
func takesTransfer(syntax string) bool {
	return !slices.Contains(untakenSyntaxes, syntax) && (strings.HasPrefix(syntax, transferSyntaxes) || !strings.HasPrefix(syntax, standardRoot))
}

// caller is one association with who is behind it.
type caller struct {
	*Server
	association *dimse.Association
	title       string
	peer        Peer
	limits      Limits
	asked       chan<- struct{} // wakes who tells results of storage commitment
	sent        map[string]int  // objects by study
	visit       *ingest.Visit
}

// wholeFrom is how many objects of a study one association has at least for its end to be that of the study. Who opens an association for each
// object, or for a few, would have the study built as often.
const wholeFrom = 20

// complete has what came with the association built now that it has ended.
func (c *caller) complete() {
	for study, n := range c.sent {
		if n >= wholeFrom && c.Hub.Completed != nil {
			c.Hub.Completed(study)
		}
	}
}

// unrecognized is the status of an operation that is not provided (PS3.7 C.5.15).
const unrecognized = 0x0211

// one answers one message.
func (c *caller) one(ctx context.Context) error {
	m, err := c.association.Next()
	if err != nil {
		return err
	}
	if m.Command.IsResponse() {
		return c.association.Abort(dimse.ErrProtocol)
	}
	var reply dimse.Command
	switch {
	case m.Command.Field == dimse.CEchoRQ:
		reply = m.Command.Reply(0)
	case m.Command.Field == dimse.CStoreRQ && m.Data != nil:
		reply, err = c.store(ctx, m)
	case m.Command.Field == dimse.NActionRQ && m.Context.Abstract == commitment && m.Data != nil:
		reply, err = c.commit(ctx, m)
	default:
		reply = m.Command.Reply(unrecognized)
	}
	if err != nil {
		return err
	}
	if err := c.association.Send(m.Context, reply, nil); err != nil {
		return err
	}
	if m.Command.Field == dimse.NActionRQ {
		select {
		case c.asked <- struct{}{}:
		default: // it is awake
		}
	}
	return nil
}
