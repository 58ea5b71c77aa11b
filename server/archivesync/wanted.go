package archivesync

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"slices"
	"sync"

	"lightbox/dicom"
	"lightbox/dicom/dimse"
	"lightbox/server/connections"
)

// wanted are objects that an archive was asked for and has not sent yet.
type wanted struct {
	take func(object string, file io.Reader) error

	mu      sync.Mutex
	objects map[string]string // by SOP Instance UID
	failure error             // of ours
	refused error             // what the archive answered
}

// Statuses that arrivals are answered with (PS3.4 B.2.3).
const (
	statusSuccess     = 0x0000
	statusFailed      = 0x0110
	statusNotAskedFor = 0x0124
)

// notSent is the reason of what was listed and not sent.
const notSent = "not-sent"

// store takes one object that arrives.
func (w *wanted) store(m dimse.Message) uint16 {
	w.mu.Lock()
	defer w.mu.Unlock()
	uid := m.Command.Text(dimse.AffectedSOPInstanceUID)
	object, known := w.objects[uid]
	switch {
	case !known:
		return statusNotAskedFor
	case w.failure != nil:
		return statusFailed
	}
	if w.failure = w.take(object, m.File()); w.failure != nil {
		return statusFailed
	}
	delete(w.objects, uid)
	return statusSuccess
}

// refusedAll keeps the status of a retrieval as the reason for what was not sent; another error is passed on.
func (w *wanted) refusedAll(err error) error {
	var status *dimse.StatusError
	if !errors.As(err, &status) {
		return err
	}
	w.refused = err
	return nil
}

// left are the objects that have not come.
func (w *wanted) left() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Sorted(maps.Values(w.objects))
}

// untold tells of what was not sent.
func (w *wanted) untold() error {
	detail := "the archive lists the object and does not send it"
	if w.refused != nil {
		detail += ": " + w.refused.Error()
	}
	for _, object := range w.left() {
		if err := w.take(object, failing{&dicom.Error{Reason: notSent, Detail: detail}}); err != nil {
			return err
		}
	}
	return nil
}

// failing is a reader that fails.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// maxDoors is how many associations an archive may send on at a time.
const maxDoors = 16

// move has objects sent to an address of ours, which is open for as long as that takes.
func (d *dimseArchive) move(ctx context.Context, objects []string, w *wanted) error {
	d.moving.Lock()
	defer d.moving.Unlock()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", d.MoveTo)
	if err != nil {
		return err
	}
	open, shut := context.WithCancel(ctx)
	var doors sync.WaitGroup
	doors.Go(func() {
		_ = connections.Serve(open, listener, maxDoors, func(c net.Conn) { d.arrivals(open, c, w) }, func(net.Conn) {}) // it ends with its context
	})
	defer doors.Wait()
	defer shut()
	return d.associate(ctx, []dimse.Proposal{{Abstract: dimse.StudyRootMove, Transfer: plainSyntaxes}}, func(a *dimse.Association) error {
		_, err := a.Move(retrieval(objects), d.AET)
		return errors.Join(w.failure, w.refusedAll(err))
	})
}

// arrivals takes what the archive sends on one association of its own.
func (d *dimseArchive) arrivals(ctx context.Context, conn net.Conn, w *wanted) {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	a, err := dimse.Accept(conn, dimse.Acceptance{
		Admit: func(calling, called string) *dimse.Rejection {
			switch {
			case called != d.AET:
				return &dimse.CalledNotRecognized
			case calling != d.called:
				return &dimse.CallingNotRecognized
			}
			return nil
		},
		Takes:    func(string) bool { return true },
		Transfer: func(string) bool { return true },
		Idle:     idleArrivals,
	})
	for err == nil {
		var m dimse.Message
		if m, err = a.Next(); err != nil {
			return
		}
		status := uint16(statusNotAskedFor)
		switch {
		case m.Command.Field == dimse.CEchoRQ:
			status = statusSuccess
		case m.Command.Field == dimse.CStoreRQ && m.Data != nil:
			status = w.store(m)
		}
		err = a.Send(m.Context, m.Command.Reply(status), nil)
	}
}
