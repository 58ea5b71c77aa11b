package dimse

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"lightbox/dicom"
)

// SOP classes of the Study Root information model (PS3.4 C.6.2).
const (
	StudyRootFind = "1.2.840.10008.5.1.4.1.2.2.1"
	StudyRootMove = "1.2.840.10008.5.1.4.1.2.2.2"
	StudyRootGet  = "1.2.840.10008.5.1.4.1.2.2.3"
)

// Statuses of a query and a retrieval (PS3.4 C.4.1.1.4, C.4.2.1.5, C.4.3.1.4).
const (
	statusPending         = 0xFF00
	statusPendingOptional = 0xFF01 // some keys are not supported
	statusSomeFailed      = 0xB000
	statusCancelled       = 0xFE00
)

// StatusError is a status with which a peer ends an operation that it did not do.
type StatusError struct {
	Operation string
	Status    uint16
	Comment   string // of the peer
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%s: status %04X (%s) %.64q", e.Operation, e.Status, meaningOf(e.Status), e.Comment)
}

// meaningOf names a status.
func meaningOf(status uint16) string {
	switch {
	case status == 0x0122:
		return "SOP class not supported"
	case status == 0x0124:
		return "not authorized"
	case status == 0xA700, status == 0xA701, status == 0xA702:
		return "out of resources"
	case status == 0xA801:
		return "move destination unknown"
	case status == 0xA900:
		return "identifier does not match SOP class"
	case status&0xF000 == 0xC000:
		return "unable to process"
	case status == statusCancelled:
		return "cancelled"
	}
	return "failure"
}

// Bounds of what a peer may answer.
const (
	maxIdentifier = 1 << 20
	maxAfter      = 1000 // answers that come after a query was cancelled
)

// request sends a request about an identifier in the context of a SOP class.
func (a *Association) request(class string, c Command, identifier *dicom.Dataset) error {
	in, ok := a.Context(class)
	if !ok {
		return fmt.Errorf("%s does not take %s", a.Called, dicom.UIDName(class))
	}
	a.message++
	c.SetUID(AffectedSOPClassUID, class)
	c.SetUint(MessageID, a.message)
	if identifier == nil {
		return a.Send(in, c, nil)
	}
	c.SetUint(Priority, 0)
	body := identifier.Encode()
	if in.Transfer == implicitLittle {
		body = identifier.EncodeImplicit()
	}
	return a.Send(in, c, bytes.NewReader(body))
}

const implicitLittle = "1.2.840.10008.1.2"

// Echo verifies that the peer answers (C-ECHO, PS3.7 9.1.5).
func (a *Association) Echo() error {
	if err := a.request("1.2.840.10008.1.1", NewCommand(CEchoRQ), nil); err != nil {
		return err
	}
	m, err := a.Next()
	if err != nil {
		return unexpected(err)
	}
	return ended("C-ECHO", m.Command)
}

// ended is the error of a final status.
func ended(operation string, c Command) error {
	switch status := c.Uint(Status); status {
	case 0, statusSomeFailed:
		return nil
	default:
		return &StatusError{operation, status, c.Text(ErrorComment)}
	}
}

func isPending(c Command) bool {
	status := c.Uint(Status)
	return status == statusPending || status == statusPendingOptional
}

// Find asks what matches an identifier (C-FIND, PS3.4 C.4.1), and calls found for each match until that returns an error, which ends the query
// and is returned.
func (a *Association) Find(identifier *dicom.Dataset, found func(*dicom.Dataset) error) error {
	if err := a.request(StudyRootFind, NewCommand(CFindRQ), identifier); err != nil {
		return err
	}
	var stop error
	for after := 0; ; {
		m, err := a.Next()
		switch {
		case err != nil:
			return unexpected(err)
		case m.Command.Field != CFindRQ|response:
			return a.Abort(fmt.Errorf("%w: no answer to C-FIND", ErrProtocol))
		case !isPending(m.Command):
			if stop != nil {
				return stop
			}
			return ended("C-FIND", m.Command)
		case stop != nil:
			if after++; after > maxAfter {
				return errors.Join(stop, a.Abort(nil))
			}
			continue
		}
		match, err := m.dataSet()
		if err != nil {
			return a.Abort(fmt.Errorf("%w: a match that cannot be read: %w", ErrProtocol, err))
		}
		if stop = found(match); stop != nil {
			cancel := NewCommand(CCancelRQ)
			cancel.SetUint(MessageIDBeingRespondedTo, a.message)
			if err := a.Send(m.Context, cancel, nil); err != nil {
				return errors.Join(stop, err)
			}
		}
	}
}

// dataSet reads an identifier.
func (m Message) dataSet() (*dicom.Dataset, error) {
	if m.Data == nil {
		return nil, errors.New("no identifier")
	}
	body, err := io.ReadAll(io.LimitReader(m.Data, maxIdentifier+1))
	switch {
	case err != nil:
		return nil, err
	case len(body) > maxIdentifier:
		return nil, errors.New("an identifier beyond every reasonable size")
	}
	return dicom.ScanBare(body, m.Context.Transfer)
}

// Retrieved counts the objects of a retrieval.
type Retrieved struct{ Completed, Failed, Warning int }

func retrieved(c Command) Retrieved {
	return Retrieved{int(c.Uint(NumberOfCompleted)), int(c.Uint(NumberOfFailed)), int(c.Uint(NumberOfWarning))}
}

// Move has the peer send what an identifier names to an application entity that it knows by title (C-MOVE, PS3.4 C.4.2).
func (a *Association) Move(identifier *dicom.Dataset, destination string) (Retrieved, error) {
	c := NewCommand(CMoveRQ)
	c.SetText(MoveDestination, destination, ' ')
	return a.retrieve("C-MOVE", StudyRootMove, c, identifier, nil)
}

// Get has the peer send what an identifier names on this association (C-GET, PS3.4 C.4.3): store takes each object, whose data are to be read
// before it returns, and tells the status to answer with.
func (a *Association) Get(identifier *dicom.Dataset, store func(Message) (status uint16)) (Retrieved, error) {
	return a.retrieve("C-GET", StudyRootGet, NewCommand(CGetRQ), identifier, store)
}

func (a *Association) retrieve(operation, class string, c Command, identifier *dicom.Dataset, store func(Message) uint16) (Retrieved, error) {
	if err := a.request(class, c, identifier); err != nil {
		return Retrieved{}, err
	}
	for {
		m, err := a.Next()
		if err != nil {
			return Retrieved{}, unexpected(err)
		}
		switch {
		case m.Command.Field == CStoreRQ && store != nil && m.Data != nil:
			status := store(m)
			if err := a.Send(m.Context, m.Command.Reply(status), nil); err != nil {
				return Retrieved{}, err
			}
		case m.Command.Field != c.Field|response:
			return Retrieved{}, a.Abort(fmt.Errorf("%w: no answer to %s", ErrProtocol, operation))
		case !isPending(m.Command):
			return retrieved(m.Command), ended(operation, m.Command)
		}
	}
}

var (
	tagClass    = dicom.MustPath("SOPClassUID").Tag()
	tagInstance = dicom.MustPath("SOPInstanceUID").Tag()
)

// File is the object of a C-STORE as a Part 10 file, whose meta information says only what the command and the context say: so that what two
// senders send is the same file.
func (m Message) File() io.Reader {
	head := dicom.NewDataset(dicom.NewText(tagClass, "UI", m.Command.Text(AffectedSOPClassUID)), dicom.NewText(tagInstance, "UI", m.Command.Text(AffectedSOPInstanceUID)))
	head.TransferSyntax = m.Context.Transfer
	return io.MultiReader(bytes.NewReader(dicom.FileStart(head)), m.Data)
}
