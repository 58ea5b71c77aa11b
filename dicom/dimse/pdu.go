package dimse

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
)

// Types of PDU (PS3.8 9.3).
const (
	pduAssociateRQ byte = 1 + iota
	pduAssociateAC
	pduAssociateRJ
	pduData
	pduReleaseRQ
	pduReleaseRP
	pduAbort
)

// Bounds of what a peer may send.
const (
	MaxPDU       = 128 << 10 // bytes of one P-DATA-TF, as we announce
	maxAssociate = 512 << 10 // bytes of an A-ASSOCIATE: 128 contexts with all transfer syntaxes take about a tenth of that
	maxUID       = 64
)

var (
	errTooLong   = errors.New("a PDU longer than allowed")
	errMalformed = errors.New("a malformed PDU")
)

// readPDU reads one PDU whole, into room where it fits. Its length is checked before anything is made for it.
func readPDU(r net.Conn, room []byte) (kind byte, body []byte, err error) {
	var head [6]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	prompt(r)
	kind, n := head[0], binary.BigEndian.Uint32(head[2:])
	most := uint32(MaxPDU)
	switch kind {
	case pduAssociateRQ, pduAssociateAC:
		most = maxAssociate
	case pduAssociateRJ, pduReleaseRQ, pduReleaseRP, pduAbort:
		most = 4
	case pduData:
	default:
		return 0, nil, fmt.Errorf("%w: type %d", errMalformed, kind)
	}
	if n > most {
		return 0, nil, fmt.Errorf("%w: %d bytes", errTooLong, n)
	}
	if body = room; uint32(cap(room)) < n {
		body = make([]byte, n)
	}
	body = body[:n]
	if _, err := io.ReadFull(r, body); err != nil {
		return 0, nil, unexpected(err)
	}
	return kind, body, nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func writePDU(w io.Writer, kind byte, body []byte) error {
	b := make([]byte, 6, 6+len(body))
	b[0] = kind
	binary.BigEndian.PutUint32(b[2:], uint32(len(body)))
	_, err := w.Write(append(b, body...))
	return err
}

// Context is one presentation context: what may be said in it, and how data sets are encoded.
type Context struct {
	ID       byte // odd
	Abstract string
	Transfer string   // that was agreed on
	offered  []string // transfer syntaxes of a request
	result   byte
}

// Results of a presentation context (PS3.8 table 9-18).
const (
	accepted         byte = 0
	abstractNotTaken byte = 3
	transferNotTaken byte = 4
	userRejected     byte = 1
)

// role is what one side plays for a SOP class (PS3.7 D.3.3.4).
type role struct {
	class    string
	scu, scp bool
}

// associate is an A-ASSOCIATE-RQ or -AC.
type associate struct {
	called, calling string
	application     string
	contexts        []Context
	roles           []role
	maxLength       uint32 // of P-DATA-TF that its sender takes; 0: any
}

// Items of an A-ASSOCIATE (PS3.8 9.3.2, PS3.7 D.3.3).
const (
	itemApplication byte = 0x10
	itemContextRQ   byte = 0x20
	itemContextAC   byte = 0x21
	itemAbstract    byte = 0x30
	itemTransfer    byte = 0x40
	itemUser        byte = 0x50
	itemMaxLength   byte = 0x51
	itemClassUID    byte = 0x52
	itemRole        byte = 0x54
	itemVersion     byte = 0x55
)

// What an association says of us (PS3.7 D.3.3.2), and of what is spoken on it (PS3.7 A.2.1).
const (
	ApplicationContext    = "1.2.840.10008.3.1.1.1"
	ImplementationClass   = "2.25.24293850707198518374840859836690868074"
	ImplementationVersion = "LIGHTBOX_1"
)

// items calls each for the items of b.
func items(b []byte, each func(kind byte, value []byte) error) error {
	for len(b) > 0 {
		if len(b) < 4 {
			return errMalformed
		}
		n := int(binary.BigEndian.Uint16(b[2:]))
		if n > len(b)-4 {
			return errMalformed
		}
		if err := each(b[0], b[4:4+n]); err != nil {
			return err
		}
		b = b[4+n:]
	}
	return nil
}

func parseAssociate(b []byte) (a associate, err error) {
	if len(b) < 68 {
		return a, errMalformed
	}
	if binary.BigEndian.Uint16(b)&1 == 0 {
		return a, fmt.Errorf("%w: protocol version", errMalformed)
	}
	a.called, a.calling = title(b[4:20]), title(b[20:36])
	err = items(b[68:], func(kind byte, value []byte) error {
		switch kind {
		case itemApplication:
			a.application = uidOf(value)
		case itemContextRQ, itemContextAC:
			c, err := parseContext(value)
			if err != nil || len(a.contexts) == 128 {
				return errMalformed
			}
			a.contexts = append(a.contexts, c)
		case itemUser:
			return items(value, a.user)
		}
		return nil
	})
	return a, err
}

func (a *associate) user(kind byte, value []byte) error {
	switch kind {
	case itemMaxLength:
		if len(value) != 4 {
			return errMalformed
		}
		a.maxLength = binary.BigEndian.Uint32(value)
	case itemRole:
		if len(value) < 4 || int(binary.BigEndian.Uint16(value)) != len(value)-4 || len(a.roles) == 256 {
			return errMalformed
		}
		n := len(value)
		a.roles = append(a.roles, role{uidOf(value[2 : n-2]), value[n-2] == 1, value[n-1] == 1})
	}
	return nil
}

func parseContext(b []byte) (c Context, err error) {
	if len(b) < 4 {
		return c, errMalformed
	}
	c.ID, c.result = b[0], b[2]
	err = items(b[4:], func(kind byte, value []byte) error {
		switch kind {
		case itemAbstract:
			c.Abstract = uidOf(value)
		case itemTransfer:
			if len(c.offered) < 64 {
				c.offered = append(c.offered, uidOf(value))
			}
		}
		return nil
	})
	return c, err
}

func uidOf(b []byte) string { return strings.TrimRight(string(b[:min(len(b), maxUID)]), "\x00 ") }

// title is an application entity title: 16 characters, spaces around it mean nothing (PS3.8 table 9-11).
func title(b []byte) string { return strings.Trim(string(b), " \x00") }

func (a associate) encode(isRequest bool) []byte {
	b := make([]byte, 68, 1024)
	b[1] = 1
	copy(b[4:20], fmt.Sprintf("%-16.16s", a.called))
	copy(b[20:36], fmt.Sprintf("%-16.16s", a.calling))
	b = appendItem(b, itemApplication, []byte(ApplicationContext))
	for _, c := range a.contexts {
		kind, inner := itemContextAC, []byte{c.ID, 0, c.result, 0}
		if isRequest {
			kind = itemContextRQ
			inner = appendItem(inner, itemAbstract, []byte(c.Abstract))
			for _, syntax := range c.offered {
				inner = appendItem(inner, itemTransfer, []byte(syntax))
			}
		} else {
			inner = appendItem(inner, itemTransfer, []byte(c.Transfer))
		}
		b = appendItem(b, kind, inner)
	}
	user := appendItem(nil, itemMaxLength, binary.BigEndian.AppendUint32(nil, MaxPDU))
	user = appendItem(user, itemClassUID, []byte(ImplementationClass))
	for _, r := range a.roles {
		value := append(binary.BigEndian.AppendUint16(nil, uint16(len(r.class))), r.class...)
		user = appendItem(user, itemRole, append(value, bit(r.scu), bit(r.scp)))
	}
	user = appendItem(user, itemVersion, []byte(ImplementationVersion))
	return appendItem(b, itemUser, user)
}

func bit(on bool) byte {
	if on {
		return 1
	}
	return 0
}

func appendItem(b []byte, kind byte, value []byte) []byte {
	b = append(b, kind, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(len(value)))
	return append(b, value...)
}
