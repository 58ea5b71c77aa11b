package dimse

import (
	"context"
	"errors"
	"io"
	"syscall"

	"lightbox/dicom"
	"lightbox/dicom/dimse"
	"lightbox/fhir/store"
	"lightbox/server/ingest"
)

// Statuses of C-STORE (PS3.4 B.2.3, PS3.7 C.5).
const (
	statusSuccess        = 0x0000
	statusProcessing     = 0x0110
	statusDuplicate      = 0x0111
	statusNotAuthorized  = 0x0124
	statusOutOfResources = 0xA700
	statusMismatch       = 0xA900
	statusNotUnderstood  = 0xC000
)

var statuses = map[string]uint16{
	ingest.Conflict: statusDuplicate, ingest.Foreign: statusNotAuthorized, "over-budget": statusOutOfResources,
	"dicomdir": statusMismatch, "worklist": statusMismatch, "not-in-study": statusMismatch,
}

// store takes an object in (C-STORE, PS3.7 9.1.1). It is kept as it is sent.
func (c *caller) store(ctx context.Context, m dimse.Message) (dimse.Command, error) {
	class, instance := m.Command.Text(dimse.AffectedSOPClassUID), m.Command.Text(dimse.AffectedSOPInstanceUID)
	data := &watched{Reader: m.Data}
	m.Data = data
	file, err := c.Hub.Incoming(ctx, "object", m.File(), c.limits.Object)
	switch {
	case errors.Is(err, ingest.ErrTooLarge):
		return refused(m, statusOutOfResources, "an object beyond the limit"), c.Hub.Refuse(ctx, c.visit, "too-large")
	case data.err != nil: // the association broke off: there is nobody to answer
		return dimse.Command{}, data.err
	case err != nil:
		return c.failed(m, err), nil
	}
	if reply := check(m, file, class, instance); reply != nil {
		return *reply, c.Hub.Refuse(ctx, c.visit, "mismatch")
	}
	var receipts []ingest.Receipt
	files := func(_ context.Context, yield func(ingest.File) bool) error { yield(file); return nil }
	from := ingest.Origin{Source: c.title, Owner: c.peer.Owner, Bound: c.peer.Bound, Visit: c.visit}
	err = c.Hub.Receive(ctx, files, from, func(r ingest.Receipt) { receipts = append(receipts, r) })
	switch {
	case err != nil || len(receipts) != 1:
		return c.failed(m, err), nil
	case receipts[0].Refusal != nil:
		why := receipts[0].Refusal
		status, known := statuses[why.Reason]
		if !known {
			status = statusNotUnderstood
		}
		return refused(m, status, why.Reason), nil
	}
	if study := receipts[0].Instance.StudyInstanceUID; c.sent[study] > 0 || len(c.sent) < maxStudies {
		c.sent[study]++
	}
	return m.Command.Reply(statusSuccess), nil
}

// maxStudies bounds the studies that are counted of one association.
const maxStudies = 1000

// failed answers with a failure of ours, which is worth another try.
func (c *caller) failed(m dimse.Message, err error) dimse.Command {
	c.Log.Error("dimse: an object could not be taken", "calling", c.title, "cause", err)
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, store.ErrFull) {
		return refused(m, statusOutOfResources, "no space")
	}
	return refused(m, statusProcessing, "try again")
}

func refused(m dimse.Message, status uint16, why string) dimse.Command {
	reply := m.Command.Reply(status)
	reply.SetText(dimse.ErrorComment, why[:min(len(why), 64)], ' ')
	return reply
}

var (
	pathClass    = dicom.MustPath("SOPClassUID")
	pathInstance = dicom.MustPath("SOPInstanceUID")
)

// check compares what is said of an object and what it says itself; nil: they agree, or the object cannot be read, which the hub will say.
func check(m dimse.Message, file ingest.File, class, instance string) *dimse.Command {
	content, err := file.Open()
	if err != nil {
		return nil
	}
	d, err := dicom.Scan(content, file.Size, dicom.Limits{Value: 1 << 10})
	if err != nil || d.Text(pathClass) == class && d.Text(pathInstance) == instance {
		return nil
	}
	_ = content.Close() // nobody receives it
	reply := refused(m, statusMismatch, "the object is not the one that the command names")
	return &reply
}

// watched remembers what reading failed with.
type watched struct {
	io.Reader
	err error
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err
}
