package archivesync

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"lightbox/dicom"
	"lightbox/dicom/archive"
)

// orthanc is read by its REST API: first the list of its instances, then its feed of changes from where that was when the list began.
type orthanc struct{ *client }

// orthancBatch is how many changes or instances are asked for at a time.
const orthancBatch = 200

// Positions are "list:<offset>:<last change>:<last instance>", and then "changes:<last change>".
func (o *orthanc) Next(ctx context.Context, position string) (Batch, error) {
	kind, rest, _ := strings.Cut(position, ":")
	switch kind {
	case "":
		var changes struct{ Last int64 }
		if err := o.json(ctx, "/changes", url.Values{"last": {""}}, &changes); err != nil {
			return Batch{}, err
		}
		return o.list(ctx, listed{change: changes.Last})
	case "list":
		at, err := parseListed(rest)
		if err != nil {
			return Batch{}, fmt.Errorf("position %q: %w", position, err)
		}
		return o.list(ctx, at)
	}
	return o.changes(ctx, rest)
}

// listed is how far the list of instances has been read.
type listed struct {
	offset int
	change int64  // the last when the list began
	last   string // instance before offset; "" at the beginning
}

func parseListed(text string) (at listed, err error) {
	parts := strings.SplitN(text, ":", 3)
	if len(parts) != 3 {
		return at, errors.New("not three parts")
	}
	at.last = parts[2]
	if at.offset, err = strconv.Atoi(parts[0]); err != nil {
		return at, err
	}
	at.change, err = strconv.ParseInt(parts[1], 10, 64)
	return at, err
}

// lookBack is how many pages back an instance is looked for that stood at an offset.
const lookBack = 10

// list reads the next page. What was deleted meanwhile from before the offset has moved the rest of the list towards its beginning: the last
// instance that was read is looked for there. Where it is not found either, the pages are read once more, which changes nothing.
func (o *orthanc) list(ctx context.Context, at listed) (Batch, error) {
	ids, err := o.page(ctx, max(at.offset-1, 0))
	if err != nil {
		return Batch{}, err
	}
	start := max(at.offset-1, 0)
	for back := 0; at.last != "" && back < lookBack && start > 0 && !slices.Contains(ids, at.last); back++ {
		start = max(start-orthancBatch, 0)
		if ids, err = o.page(ctx, start); err != nil {
			return Batch{}, err
		}
	}
	after := slices.Index(ids, at.last) + 1
	full := len(ids) == orthancBatch
	b := Batch{Objects: ids[after:], Position: fmt.Sprintf("changes:%d", at.change)}
	if full {
		b.Position = fmt.Sprintf("list:%d:%d:%s", start+len(ids), at.change, ids[len(ids)-1])
	}
	return b, nil
}

func (o *orthanc) page(ctx context.Context, offset int) (ids []string, err error) {
	query := url.Values{"since": {strconv.Itoa(offset)}, "limit": {strconv.Itoa(orthancBatch)}}
	return ids, o.json(ctx, "/instances", query, &ids)
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

func (o *orthanc) Fetch(ctx context.Context, id string) (Body, error) {
	body, _, err := o.body(ctx, "/instances/"+url.PathEscape(id)+"/file", "")
	return body, err
}

// Group: each object is read by itself.
func (o *orthanc) Group(object string) string { return object }

// Headers reads the beginning of a file, so that nothing that Orthanc makes of it comes between.
func (o *orthanc) Headers(ctx context.Context, objects []string, yield func(string, *dicom.Dataset, error)) error {
	for _, id := range objects {
		body, err := o.Fetch(ctx, id)
		if errors.Is(err, ErrGone) {
			continue
		}
		if err != nil {
			return err
		}
		header, refused, failed := readHeader(body)
		if failed != nil {
			return fmt.Errorf("read %s: %w", id, failed)
		}
		yield(id, header, refused)
	}
	return nil
}

// orthancInstance is what is asked of one of its instances.
type orthancInstance struct {
	ID            string
	MainDicomTags struct{ SOPInstanceUID string }
}

func (o *orthanc) find(ctx context.Context, study, instance string) (list []orthancInstance, err error) {
	query := map[string]string{"StudyInstanceUID": study}
	if instance != "" {
		query["SOPInstanceUID"] = instance
	}
	question := map[string]any{"Level": "Instance", "Expand": true, "CaseSensitive": true, "Query": query}
	return list, o.ask(ctx, "/tools/find", question, &list)
}

func (o *orthanc) Instances(ctx context.Context, study string) (uids []string, err error) {
	list, err := o.find(ctx, study, "")
	for _, one := range list {
		uids = append(uids, one.MainDicomTags.SOPInstanceUID)
	}
	return uids, err
}

func (o *orthanc) Find(ctx context.Context, i archive.Instance) (string, error) {
	list, err := o.find(ctx, i.StudyInstanceUID, i.SOPInstanceUID)
	if err == nil && len(list) == 0 {
		err = ErrGone
	}
	if err != nil {
		return "", err
	}
	return list[0].ID, nil // one patient's, where several have the UID: the hub shows one as well
}

// Fewer asks for each study.
func (o *orthanc) Fewer(ctx context.Context, studies map[string]int) (list []string, err error) {
	for _, study := range slices.Sorted(maps.Keys(studies)) {
		var found []string
		question := map[string]any{"Level": "Study", "CaseSensitive": true, "Query": map[string]string{"StudyInstanceUID": study}}
		if err := o.ask(ctx, "/tools/find", question, &found); err != nil {
			return nil, err
		}
		n := 0
		for _, id := range found {
			var statistics struct{ CountInstances int }
			if err := o.json(ctx, "/studies/"+url.PathEscape(id)+"/statistics", nil, &statistics); err != nil {
				return nil, err
			}
			n += statistics.CountInstances
		}
		if n < studies[study] {
			list = append(list, study)
		}
	}
	return list, nil
}
