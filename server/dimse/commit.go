package dimse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"github.com/google/uuid"

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
func (c *caller) commit(ctx context.Context, m dimse.Message) (dimse.Command, error) {
	body, err := io.ReadAll(io.LimitReader(m.Data, maxRequest+1))
	if err != nil {
		return dimse.Command{}, err
	}
	asked, err := dicom.ScanBare(body, m.Context.Transfer)
	switch {
	case m.Command.Uint(dimse.ActionTypeID) != requestCommit:
		return m.Command.Reply(noSuchAction), nil
	case err != nil || len(body) > maxRequest || asked.Text(pathTransaction) == "" || len(asked.Items(pathReferenced)) == 0 || len(asked.Items(pathReferenced)) > maxCommitted:
		return m.Command.Reply(invalidArgument), nil
	case c.peer.Address == "":
		return refused(m, statusNotAuthorized, "no address of this title is known"), nil
	}
	if err := c.remember(ctx, asked); err != nil {
		return c.failed(m, err), nil
	}
	return m.Command.Reply(statusSuccess), nil
}

// remember keeps a request until its result is told: what was promised outlives this process.
func (c *caller) remember(ctx context.Context, asked *dicom.Dataset) error {
	return c.Hub.Store.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO dimse_commitment (id, title, request, due, tries) VALUES ($1, $2, $3, $4, 0)",
			uuid.NewString(), c.title, asked.Encode(), time.Now().Unix())
		return err
	})
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

// reportDelays are how long to wait after each try to tell a result that failed; the last is for all that follow, until giveUpAfter tries.
var reportDelays = []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, time.Hour}

// giveUpAfter is about a week.
const giveUpAfter = 170

// owed is a result that is still to be told.
type owed struct {
	id, title string
	request   []byte
	tries     int64
}

// reportAll tells the results that are due, until ctx ends. asked wakes it when there is a new one.
func (s *Server) reportAll(ctx context.Context, asked <-chan struct{}) {
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for {
		if err := s.reportDue(ctx); err != nil && ctx.Err() == nil {
			s.Log.Error("dimse: results of storage commitments are told later", "cause", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-asked:
		case <-tick.C:
		}
	}
}

func (s *Server) reportDue(ctx context.Context) error {
	var list []owed
	err := s.Hub.Store.View(ctx, func(tx store.SQL) error {
		list = nil
		query := "SELECT id, title, request, tries FROM dimse_commitment WHERE due <= $1 ORDER BY due, id LIMIT 100"
		return tx.Query(ctx, query, []any{time.Now().Unix()}, func(scan func(...any) error) error {
			var o owed
			err := scan(&o.id, &o.title, &o.request, &o.tries)
			list = append(list, o)
			return err
		})
	})
	for _, o := range list {
		err = errors.Join(err, s.tell(ctx, o))
	}
	return err
}

// tell tells one result, or puts it off.
func (s *Server) tell(ctx context.Context, o owed) error {
	asked, err := dicom.Decode(o.request)
	if err != nil {
		return err
	}
	result, err := s.committed(ctx, asked)
	if err != nil {
		return err
	}
	failure := s.reportOnce(ctx, o.title, s.Peers[o.title], result)
	if failure != nil {
		s.Log.Warn("dimse: the result of a storage commitment could not be told", "to", o.title, "tries", o.tries+1, "cause", failure)
	}
	return s.Hub.Store.Write(ctx, func(tx store.Tx) error {
		if failure != nil && o.tries < giveUpAfter {
			due := time.Now().Add(reportDelays[min(int(o.tries), len(reportDelays)-1)]).Unix()
			_, err := tx.Exec(ctx, "UPDATE dimse_commitment SET due = $1, tries = $2 WHERE id = $3", due, o.tries+1, o.id)
			return err
		}
		if failure != nil {
			s.Log.Error("dimse: the result of a storage commitment is given up", "to", o.title)
		}
		_, err := tx.Exec(ctx, "DELETE FROM dimse_commitment WHERE id = $1", o.id)
		return err
	})
}

const explicitLittle = "1.2.840.10008.1.2.1"

func (s *Server) reportOnce(ctx context.Context, title string, peer Peer, result *dicom.Dataset) error {
	if peer.Address == "" {
		return fmt.Errorf("no address of %s is known any more", title)
	}
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
