package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// syncAt is how many objects are read at a time, by the hub and by who is compared with it.
const syncAt = 4

// sync reads an Orthanc whose objects stay there, once, and compares that with the time in which it sends the same objects to who does nothing
// with them.
func (r *run) sync(ctx context.Context) error {
	if r.From == "" {
		return nil // there is nothing to read
	}
	o, err := r.intakeOf(ctx)
	if err != nil {
		return err
	}
	began, before := time.Now(), processor()
	n, err := o.Sync(ctx, r.From, syncAt)
	if err != nil {
		return err
	}
	took, used := time.Since(began), processor()-before
	began, before = time.Now(), processor()
	plain, err := fetchAll(ctx, r.From)
	if err != nil {
		return err
	}
	plainTook, plainUsed := time.Since(began), processor()-before
	row := Row{Name: "an Orthanc read, objects stay", N: int64(n), Value: float64(n) / took.Seconds(), Unit: "objects/s", CPU: perOne(used, n), LimitCPU: perOne(plainUsed, plain),
		Against: "the same objects fetched and thrown away"}
	row.limit(float64(plain) / plainTook.Seconds())
	if n != plain {
		row.Note = fmt.Sprintf("the hub took %d of %d objects", n, plain)
	}
	r.add(row)
	return nil
}

// fetchAll has an Orthanc send all its objects, and returns how many they are.
func fetchAll(ctx context.Context, url string) (n int, err error) {
	client := &http.Client{Transport: newTransport(syncAt)}
	defer client.CloseIdleConnections()
	get := func(path string, read func(io.Reader) error) error {
		q, err := http.NewRequestWithContext(ctx, http.MethodGet, url+path, nil)
		if err != nil {
			return err
		}
		answer, err := client.Do(q)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("%s answers %s", path, answer.Status)
		}
		return read(answer.Body)
	}
	var ids []string
	if err := get("/instances", func(r io.Reader) error { return json.NewDecoder(r).Decode(&ids) }); err != nil {
		return 0, err
	}
	faults := make([]error, syncAt)
	var next atomic.Int64
	var all sync.WaitGroup
	for w := range syncAt {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(ids)) && faults[w] == nil; i = next.Add(1) - 1 {
				faults[w] = get("/instances/"+ids[i]+"/file", func(r io.Reader) error {
					_, err := io.Copy(io.Discard, r)
					return err
				})
			}
		})
	}
	all.Wait()
	return len(ids), errors.Join(faults...)
}
