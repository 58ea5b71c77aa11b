package dimse

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"lightbox/dicom"
	"lightbox/dicom/archive"
	"lightbox/dicom/dimse"
	"lightbox/fhir/store"
)

// Failure reasons and statuses of storage commitment (PS3.4 J.3, PS3.7 C.5).
const (
	noSuchInstance   = 0x0112
	classConflict    = 0x0119
	invalidArgument  = 0x0115
	noSuchAction     = 0x0123
	requestCommit    = 1
	eventAllStored   = 1
	eventSomeMissing = 2
	commitInstance   = "1.2.840.10008.1.20.1.1"
	maxCommitted     = 100_000
	maxRequest       = 32 << 20
)

var (
	pathTransaction = dicom.MustPath("TransactionUID")
	pathReferenced  = dicom.MustPath("ReferencedSOPSequence")
	pathRefClass    = dicom.MustPath("ReferencedSOPClassUID")
	pathRefInstance = dicom.MustPath("ReferencedSOPInstanceUID")
	tagFailed       = dicom.MustPath("FailedSOPSequence").Tag()
	tagFailure      = dicom.MustPath("FailureReason").Tag()
)

// commit takes a request for commitment (N-ACTION, PS3.4 J.3.2). Whether each object is here is told afterwards, on an association to the
// caller's own address: an object is in the index only when it is durable.
func (c *caller) commit(ctx context.Context, m dimse.Message) (reply dimse.Command, after func(), err error) {
	none := func() {}
	body, err := io.ReadAll(io.LimitReader(m.Data, maxRequest+1))
	if err != nil {
		return reply, none, err
	}
	asked, err := dataSet(body, m.Context.Transfer)
	switch {
	case m.Command.Uint(dimse.ActionTypeID) != requestCommit:
		return m.Command.Reply(noSuchAction), none, nil
	case err != nil || len(body) > maxRequest || asked.Text(pathTransaction) == "" || len(asked.Items(pathReferenced)) == 0 || len(asked.Items(pathReferenced)) > maxCommitted:
		return m.Command.Reply(invalidArgument), none, nil
	case c.peer.Address == "":
		return refused(m, statusNotAuthorized, "no address of this title is known"), none, nil
	}
	result, err := c.committed(ctx, asked)
	if err != nil {
		return c.failed(m, err), none, nil
	}
	title, peer := c.title, c.peer
	return m.Command.Reply(statusSuccess), func() { go c.report(ctx, title, peer, result) }, nil
}

// dataSet reads what came in a transfer syntax.
func dataSet(body []byte, syntax string) (*dicom.Dataset, error) {
	head := dicom.NewDataset()
	head.TransferSyntax = syntax
	file := append(dicom.FileStart(head), body...)
	return dicom.Scan(bytes.NewReader(file), int64(len(file)), dicom.Limits{})
}

// committed tells of each object that is asked for whether it is here.
func (s *Server) committed(ctx context.Context, asked *dicom.Dataset) (*dicom.Dataset, error) {
	list := asked.Items(pathReferenced)
	uids := make([]string, len(list))
	for i, one := range list {
		uids[i] = one.Text(pathRefInstance)
	}
	var known map[string]string
	err := s.Hub.Store.View(ctx, func(tx store.SQL) (err error) {
		known, err = archive.Classes(ctx, tx, uids)
		return err
	})
	if err != nil {
		return nil, err
	}
	var here, failed []*dicom.Dataset
	for i, one := range list {
		class, isHere := known[uids[i]]
		item := []dicom.Element{dicom.NewText(pathRefClass.Tag(), "UI", one.Text(pathRefClass)), dicom.NewText(pathRefInstance.Tag(), "UI", uids[i])}
		switch {
		case !isHere:
			failed = append(failed, dicom.NewDataset(append(item, dicom.NewUint16(tagFailure, noSuchInstance))...))
		case class != one.Text(pathRefClass):
			failed = append(failed, dicom.NewDataset(append(item, dicom.NewUint16(tagFailure, classConflict))...))
		default:
			here = append(here, dicom.NewDataset(item...))
		}
	}
	elements := []dicom.Element{dicom.NewText(pathTransaction.Tag(), "UI", asked.Text(pathTransaction))}
	if len(here) > 0 {
		elements = append(elements, dicom.NewSequence(pathReferenced.Tag(), here...))
	}
	if len(failed) > 0 {
		elements = append(elements, dicom.NewSequence(tagFailed, failed...))
	}
	return dicom.NewDataset(elements...), nil
}

// reportDelays are how long to wait before each try to tell a caller.
var reportDelays = []time.Duration{0, 5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute}

// report tells a caller what became of its request (N-EVENT-REPORT, PS3.4 J.3.3), and tries again where nobody answers.
func (s *Server) report(ctx context.Context, title string, peer Peer, result *dicom.Dataset) {
	for _, delay := range reportDelays {
		time.Sleep(delay)
		err := s.reportOnce(ctx, title, peer, result)
		if err == nil {
			return
		}
		s.Log.Warn("dimse: the result of a storage commitment could not be told", "to", title, "cause", err)
	}
}

const explicitLittle = "1.2.840.10008.1.2.1"

func (s *Server) reportOnce(ctx context.Context, title string, peer Peer, result *dicom.Dataset) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", peer.Address)
	if err != nil {
		return err
	}
	defer connection.Close()
	a, err := dimse.Request(ctx, connection, s.Title, title, []dimse.Proposal{{Abstract: commitment, Transfer: []string{explicitLittle, "1.2.840.10008.1.2"}, AsSCP: true}})
	if err != nil {
		return err
	}
	in, ok := a.Context(commitment)
	if !ok {
		return a.Abort(fmt.Errorf("%s takes no results of storage commitment", title))
	}
	c := dimse.NewCommand(dimse.NEventReportRQ)
	c.SetUID(dimse.AffectedSOPClassUID, commitment)
	c.SetUID(dimse.AffectedSOPInstanceUID, commitInstance)
	c.SetUint(dimse.MessageID, 1)
	event := uint16(eventAllStored)
	if slices.ContainsFunc(result.Elements, func(e dicom.Element) bool { return e.Tag == tagFailed }) {
		event = eventSomeMissing
	}
	c.SetUint(dimse.EventTypeID, event)
	body := result.Encode()
	if in.Transfer != explicitLittle {
		body = result.EncodeImplicit()
	}
	if err := a.Send(in, c, bytes.NewReader(body)); err != nil {
		return err
	}
	m, err := a.Next()
	if err != nil {
		return err
	}
	if status := m.Command.Uint(dimse.Status); !m.Command.IsResponse() || status != statusSuccess {
		return a.Abort(fmt.Errorf("%s answers with status %04X", title, status))
	}
	return a.Release()
}
