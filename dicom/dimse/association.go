// Package dimse speaks the DICOM message exchange (PS3.7) over its upper layer (PS3.8): associations, messages of a command and, with
// some, a data set, and what a service user asks (C-ECHO, C-FIND, C-MOVE, C-GET). It decides nothing about what is said: that is for who uses
// it. Of data sets it decodes the identifiers of queries alone.
//
// Memory is bounded by the package: a PDU is at most 128 KiB, a data set is read as it comes. Time is bounded by deadlines of the connection
// that an Association sets before each read and write.
package dimse

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"
)

// Association is an open association. It is not safe for concurrent use.
type Association struct {
	Calling, Called string
	conn            net.Conn
	contexts        map[byte]Context
	most            int           // bytes of a P-DATA-TF that the peer takes
	idle            time.Duration // for a read or a write
	data            *dataReader   // of the message that was read last; nil: none
	pending         []pdv         // of the PDU that was read last
	room            []byte        // that it is in
	out             []byte        // a PDU that is being sent
	message         uint16        // id of the last request
}

// Rejection refuses an association (PS3.8 table 9-21).
type Rejection struct{ Result, Source, Reason byte }

func (r Rejection) Error() string {
	return fmt.Sprintf("association rejected: result %d, source %d, reason %d", r.Result, r.Source, r.Reason)
}

// Reasons to refuse an association.
var (
	CallingNotRecognized = Rejection{1, 1, 3}
	CalledNotRecognized  = Rejection{1, 1, 7}
	Congestion           = Rejection{2, 3, 1}
	noApplicationContext = Rejection{1, 1, 2}
	badProtocolVersion   = Rejection{1, 2, 2}
)

// Errors that end an association.
var (
	ErrAborted  = errors.New("dimse: the peer aborted the association")
	ErrProtocol = errors.New("dimse: the peer breaks the protocol")
)

// Acceptance decides about an association that is asked for.
type Acceptance struct {
	// Admit returns a Rejection, or nil.
	Admit func(calling, called string) *Rejection
	// Takes reports whether messages about a SOP class are taken.
	Takes func(abstract string) bool
	// Transfer reports whether data sets in a transfer syntax are taken.
	Transfer func(syntax string) bool
	Idle     time.Duration // for a read or a write; default a minute
}

const (
	defaultIdle = time.Minute
	handshake   = 30 * time.Second
)

// Accept answers who asks for an association. The error is a *Rejection that was sent, or what broke; the connection is the caller's to
// close.
func Accept(conn net.Conn, how Acceptance) (*Association, error) {
	if err := conn.SetDeadline(time.Now().Add(handshake)); err != nil {
		return nil, err
	}
	kind, body, err := readPDU(conn, nil)
	if err != nil {
		return nil, err
	}
	if kind != pduAssociateRQ {
		return nil, abort(conn, fmt.Errorf("%w: no association was asked for", ErrProtocol))
	}
	asked, err := parseAssociate(body)
	if err != nil {
		return nil, reject(conn, badProtocolVersion)
	}
	if asked.application != ApplicationContext {
		return nil, reject(conn, noApplicationContext)
	}
	if refused := how.Admit(asked.calling, asked.called); refused != nil {
		return nil, reject(conn, *refused)
	}
	a := newAssociation(conn, asked, how.Idle)
	a.Calling, a.Called = asked.calling, asked.called
	answer := associate{called: asked.called, calling: asked.calling}
	for _, c := range asked.contexts {
		c = how.negotiate(c)
		if c.result == accepted {
			a.contexts[c.ID] = c
		}
		answer.contexts = append(answer.contexts, c)
	}
	for _, r := range asked.roles {
		answer.roles = append(answer.roles, role{r.class, r.scu, false}) // we are SCP of what comes in
	}
	return a, a.write(pduAssociateAC, answer.encode(false))
}

// negotiate takes the first transfer syntax of a context that is taken: what is sent is kept as it comes.
func (how Acceptance) negotiate(c Context) Context {
	c.Transfer = "1.2.840.10008.1.2" // of no meaning where it is refused, but there has to be one
	at := slices.IndexFunc(c.offered, how.Transfer)
	switch {
	case c.ID%2 == 0 || c.Abstract == "":
		c.result = userRejected
	case !how.Takes(c.Abstract):
		c.result = abstractNotTaken
	case at < 0:
		c.result = transferNotTaken
	default:
		c.result, c.Transfer = accepted, c.offered[at]
	}
	return c
}

func newAssociation(conn net.Conn, peer associate, idle time.Duration) *Association {
	if idle <= 0 {
		idle = defaultIdle
	}
	most := int(min(peer.maxLength, MaxPDU))
	if most == 0 {
		most = MaxPDU
	}
	return &Association{conn: conn, contexts: map[byte]Context{}, most: max(most, 128), idle: idle}
}

func reject(conn net.Conn, why Rejection) error {
	return errors.Join(why, writePDU(conn, pduAssociateRJ, []byte{0, why.Result, why.Source, why.Reason}))
}

func abort(conn net.Conn, why error) error {
	_ = writePDU(conn, pduAbort, []byte{0, 0, 2, 0}) // the peer may be gone
	return why
}

// Proposal is what an association is asked for.
type Proposal struct {
	Abstract string
	Transfer []string
	AsSCP    bool // the requester is SCP of it (PS3.7 D.3.3.4)
}

// Request asks a peer for an association. The error is a Rejection where the peer refused.
func Request(ctx context.Context, conn net.Conn, calling, called string, proposals []Proposal) (*Association, error) {
	asked := associate{calling: calling, called: called}
	for i, p := range proposals {
		asked.contexts = append(asked.contexts, Context{ID: byte(2*i + 1), Abstract: p.Abstract, offered: p.Transfer})
		if p.AsSCP {
			asked.roles = append(asked.roles, role{p.Abstract, false, true})
		}
	}
	deadline := time.Now().Add(handshake)
	if by, ok := ctx.Deadline(); ok && by.Before(deadline) {
		deadline = by
	}
	if err := conn.SetDeadline(deadline); err != nil {
		return nil, err
	}
	if err := writePDU(conn, pduAssociateRQ, asked.encode(true)); err != nil {
		return nil, err
	}
	kind, body, err := readPDU(conn, nil)
	switch {
	case err != nil:
		return nil, err
	case kind == pduAssociateRJ && len(body) == 4:
		return nil, Rejection{body[1], body[2], body[3]}
	case kind != pduAssociateAC:
		return nil, abort(conn, ErrProtocol)
	}
	answer, err := parseAssociate(body)
	if err != nil {
		return nil, abort(conn, err)
	}
	a := newAssociation(conn, answer, 0)
	a.Calling, a.Called = calling, called
	for _, c := range answer.contexts {
		at := slices.IndexFunc(asked.contexts, func(of Context) bool { return of.ID == c.ID })
		if c.result == accepted && at >= 0 && len(c.offered) == 1 {
			a.contexts[c.ID] = Context{ID: c.ID, Abstract: asked.contexts[at].Abstract, Transfer: c.offered[0]}
		}
	}
	return a, nil
}

// Context returns one that was agreed on for a SOP class.
func (a *Association) Context(abstract string) (Context, bool) {
	for id := 1; id < 256; id += 2 {
		if c, ok := a.contexts[byte(id)]; ok && c.Abstract == abstract {
			return c, true
		}
	}
	return Context{}, false
}

// Message is a command with its context, and the data set that follows it, to be read before the next message; nil: none does.
type Message struct {
	Context Context
	Command Command
	Data    io.Reader
}

// Next returns the next message. The error is io.EOF when the peer released the association, which was answered; ErrAborted when it aborted.
func (a *Association) Next() (Message, error) {
	if a.data != nil { // what nobody read
		if _, err := io.Copy(io.Discard, a.data); err != nil {
			return Message{}, err
		}
		a.data = nil
	}
	var command []byte
	for {
		p, err := a.pdv()
		if err != nil {
			return Message{}, err
		}
		context, known := a.contexts[p.context]
		if !known || !p.isCommand() || len(command)+len(p.value) > maxCommand {
			return Message{}, a.Abort(fmt.Errorf("%w: a command was expected", ErrProtocol))
		}
		command = append(command, p.value...)
		if !p.isLast() {
			continue
		}
		c, hasData, err := parseCommand(command)
		if err != nil {
			return Message{}, a.Abort(fmt.Errorf("%w: a command that cannot be read", ErrProtocol))
		}
		m := Message{Context: context, Command: c}
		if hasData {
			a.data = &dataReader{of: a, context: p.context}
			m.Data = a.data
		}
		return m, nil
	}
}

// pdv is a part of a command or a data set (PS3.8 9.3.5.1).
type pdv struct {
	context, control byte
	value            []byte
}

func (p pdv) isCommand() bool { return p.control&1 != 0 }
func (p pdv) isLast() bool    { return p.control&2 != 0 }

// pdv returns the next part.
func (a *Association) pdv() (pdv, error) {
	for len(a.pending) == 0 {
		if err := a.conn.SetReadDeadline(time.Now().Add(a.idle)); err != nil {
			return pdv{}, err
		}
		kind, body, err := readPDU(a.conn, a.room)
		switch {
		case errors.Is(err, errTooLong), errors.Is(err, errMalformed):
			return pdv{}, a.Abort(fmt.Errorf("%w: %w", ErrProtocol, err))
		case err != nil:
			return pdv{}, unexpected(err)
		case kind == pduReleaseRQ:
			return pdv{}, errors.Join(io.EOF, a.write(pduReleaseRP, make([]byte, 4)))
		case kind == pduAbort:
			return pdv{}, ErrAborted
		case kind != pduData:
			return pdv{}, a.Abort(fmt.Errorf("%w: data were expected", ErrProtocol))
		}
		a.room = body // all that was in it has been read
		if a.pending, err = parts(body); err != nil {
			return pdv{}, a.Abort(fmt.Errorf("%w: %w", ErrProtocol, err))
		}
	}
	p := a.pending[0]
	a.pending = a.pending[1:]
	return p, nil
}

func parts(b []byte) (list []pdv, err error) {
	for len(b) > 0 {
		if len(b) < 6 {
			return nil, errMalformed
		}
		n := binary.BigEndian.Uint32(b)
		if n < 2 || uint64(n) > uint64(len(b)-4) {
			return nil, errMalformed
		}
		list = append(list, pdv{b[4], b[5], b[6 : 4+n]})
		b = b[4+n:]
	}
	return list, nil
}

// dataReader reads the data set of a message.
type dataReader struct {
	of      *Association
	context byte
	rest    []byte
	last    bool
	err     error
}

func (r *dataReader) Read(b []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.err == nil && r.last {
			r.err = io.EOF
		}
		if r.err != nil {
			return 0, r.err
		}
		p, err := r.of.pdv()
		switch {
		case errors.Is(err, io.EOF):
			r.err = io.ErrUnexpectedEOF
		case err != nil:
			r.err = err
		case p.isCommand() || p.context != r.context:
			r.err = r.of.Abort(fmt.Errorf("%w: a data set breaks off", ErrProtocol))
		}
		r.rest, r.last = p.value, p.isLast()
	}
	n := copy(b, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// Send sends a command in a context, and the data set that follows it; nil: none does.
func (a *Association) Send(context Context, c Command, data io.Reader) error {
	if err := a.fragments(pdv{context: context.ID, control: 1}, bytes.NewReader(c.encode(data != nil))); err != nil || data == nil {
		return err
	}
	return a.fragments(pdv{context: context.ID}, data)
}

// What stands before the value in a P-DATA-TF of one part (PS3.8 9.3.5).
const (
	headOfPDU = 6
	headOfPDV = 6
)

// fragments sends what r holds in parts like one, each in a PDU.
func (a *Association) fragments(like pdv, r io.Reader) error {
	if a.out == nil {
		a.out = make([]byte, headOfPDU+a.most)
	}
	value := a.out[headOfPDU+headOfPDV:]
	for {
		n, err := io.ReadFull(r, value)
		isLast := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !isLast {
			return err
		}
		if isLast {
			like.control |= 2
		}
		if err := a.part(like, n); err != nil || isLast {
			return err
		}
	}
}

// part sends n bytes that stand where the value of a part does.
func (a *Association) part(like pdv, n int) error {
	b := a.out[:headOfPDU+headOfPDV+n]
	b[0], b[1] = pduData, 0
	binary.BigEndian.PutUint32(b[2:], uint32(headOfPDV+n))
	binary.BigEndian.PutUint32(b[headOfPDU:], uint32(n+2))
	b[10], b[11] = like.context, like.control
	if err := a.conn.SetWriteDeadline(time.Now().Add(a.idle)); err != nil {
		return err
	}
	_, err := a.conn.Write(b)
	return err
}

func (a *Association) write(kind byte, body []byte) error {
	if err := a.conn.SetWriteDeadline(time.Now().Add(a.idle)); err != nil {
		return err
	}
	return writePDU(a.conn, kind, body)
}

// Abort ends the association and returns why.
func (a *Association) Abort(why error) error {
	_ = a.conn.SetWriteDeadline(time.Now().Add(time.Second))
	return abort(a.conn, why)
}

// Release ends the association from our side.
func (a *Association) Release() error {
	if err := a.write(pduReleaseRQ, make([]byte, 4)); err != nil {
		return err
	}
	if err := a.conn.SetReadDeadline(time.Now().Add(handshake)); err != nil {
		return err
	}
	for range 16 { // what was under way
		kind, _, err := readPDU(a.conn, nil)
		if err != nil || kind == pduReleaseRP || kind == pduAbort {
			return err
		}
	}
	return ErrProtocol
}
