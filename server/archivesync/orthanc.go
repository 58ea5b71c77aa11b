package archivesync

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// orthanc is read by its REST API: first the list of its instances, then its feed of changes from where that was when the list began.
type orthanc struct{ *client }

// orthancBatch is how many changes or instances are asked for at a time.
const orthancBatch = 200

// Positions are "list:<offset>:<last change>", and then "changes:<last change>".
func (o *orthanc) Next(ctx context.Context, position string) (Batch, error) {
	kind, rest, _ := strings.Cut(position, ":")
	switch kind {
	case "":
		var changes struct{ Last int64 }
		if err := o.json(ctx, "/changes", url.Values{"last": {""}}, &changes); err != nil {
			return Batch{}, err
		}
		return o.list(ctx, 0, changes.Last)
	case "list":
		offset, last, _ := strings.Cut(rest, ":")
		n, err := strconv.Atoi(offset)
		seq, lastErr := strconv.ParseInt(last, 10, 64)
		if err := errors.Join(err, lastErr); err != nil {
			return Batch{}, fmt.Errorf("position %q: %w", position, err)
		}
		return o.list(ctx, n, seq)
	}
	return o.changes(ctx, rest)
}

func (o *orthanc) list(ctx context.Context, offset int, last int64) (Batch, error) {
	var ids []string
	query := url.Values{"since": {strconv.Itoa(offset)}, "limit": {strconv.Itoa(orthancBatch)}}
	if err := o.json(ctx, "/instances", query, &ids); err != nil {
		return Batch{}, err
	}
	b := Batch{Objects: ids, Position: fmt.Sprintf("list:%d:%d", offset+len(ids), last)}
	if len(ids) < orthancBatch {
		b.Position = fmt.Sprintf("changes:%d", last)
	}
	return b, nil
}

func (o *orthanc) changes(ctx context.Context, since string) (Batch, error) {
	var answer struct {
		Changes []struct{ ChangeType, ID string }
		Done    bool
		Last    int64
	}
	query := url.Values{"since": {since}, "limit": {strconv.Itoa(orthancBatch)}}
	if err := o.json(ctx, "/changes", query, &answer); err != nil {
		return Batch{}, err
	}
	b := Batch{Position: fmt.Sprintf("changes:%d", answer.Last), Done: answer.Done}
	for _, c := range answer.Changes {
		if c.ChangeType == "NewInstance" {
			b.Objects = append(b.Objects, c.ID)
		}
	}
	return b, nil
}

func (o *orthanc) Fetch(ctx context.Context, id string) (io.ReadCloser, error) {
	response, err := o.get(ctx, "/instances/"+url.PathEscape(id)+"/file", nil, "")
	return bodyOf(response, err)
}

// bodyOf is the body of an answer; ErrGone where there is none any more.
func bodyOf(response *http.Response, err error) (io.ReadCloser, error) {
	var answered *statusError
	if errors.As(err, &answered) && (answered.status == http.StatusNotFound || answered.status == http.StatusGone) {
		return nil, ErrGone
	}
	if err != nil {
		return nil, err
	}
	return response.Body, nil
}
