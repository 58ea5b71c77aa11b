package archivesync

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Credentials are what an archive asks for: a user with a password, a token, or nothing.
type Credentials struct{ User, Password, Token string }

// client asks one archive.
type client struct {
	base        string
	credentials Credentials
	http        *http.Client
	delays      []time.Duration // before each further try
}

func newClient(base string, credentials Credentials) *client {
	refuse := func(r *http.Request, via []*http.Request) error {
		if r.URL.Host != via[0].URL.Host || r.URL.Scheme != via[0].URL.Scheme {
			return errors.New("the archive redirects to another host")
		}
		return nil
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, ResponseHeaderTimeout: time.Minute, MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute}
	return &client{strings.TrimRight(base, "/"), credentials, &http.Client{CheckRedirect: refuse, Transport: transport}, delays}
}

// statusError is an answer that is none of what was asked for.
type statusError struct {
	path   string
	status int
}

func (e *statusError) Error() string {
	return fmt.Sprintf("%s answers %d %s", e.path, e.status, http.StatusText(e.status))
}

// isPassing holds for what may be better a little later.
func (e *statusError) isPassing() bool {
	return e.status == http.StatusTooManyRequests || e.status == http.StatusBadGateway || e.status == http.StatusServiceUnavailable || e.status == http.StatusGatewayTimeout
}

// delays are how long to wait before each further try; where somebody waits for an object, only the first is.
var delays = []time.Duration{200 * time.Millisecond, time.Second, 5 * time.Second}

// get asks for what is below the base, and again where the archive is busy or does not answer. The caller closes the body.
func (c *client) get(ctx context.Context, path string, query url.Values, accept string) (*http.Response, error) {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return c.send(ctx, request{method: http.MethodGet, path: path, accept: accept})
}

// request is what an archive is asked.
type request struct {
	method, path, accept string
	body                 []byte // JSON; nil: none
}

func (c *client) send(ctx context.Context, q request) (*http.Response, error) {
	for try := 0; ; try++ {
		response, err := c.once(ctx, q)
		var answered *statusError
		if err == nil || ctx.Err() != nil || try == len(c.delays) || errors.As(err, &answered) && !answered.isPassing() {
			return response, err
		}
		select {
		case <-time.After(c.delays[try]):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (c *client) once(ctx context.Context, q request) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, q.method, c.base+q.path, bytes.NewReader(q.body))
	if err != nil {
		return nil, err
	}
	if q.body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if q.accept != "" {
		r.Header.Set("Accept", q.accept)
	}
	if !strings.Contains(q.accept, "json") {
		r.Header.Set("Accept-Encoding", "identity") // objects hardly get smaller, and would no longer tell their size
	}
	switch {
	case c.credentials.Token != "":
		r.Header.Set("Authorization", "Bearer "+c.credentials.Token)
	case c.credentials.User != "":
		r.SetBasicAuth(c.credentials.User, c.credentials.Password)
	}
	response, err := c.http.Do(r)
	if err != nil {
		return nil, err
	}
	path, _, _ := strings.Cut(q.path, "?")
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusNoContent {
		_ = response.Body.Close()
		return nil, &statusError{path, response.StatusCode}
	}
	return response, nil
}

// body asks for what is one long answer; ErrGone where there is none any more.
func (c *client) body(ctx context.Context, path, accept string) (body Body, contentType string, err error) {
	response, err := c.get(ctx, path, nil, accept) //nolint:bodyclose // who asked closes it
	var answered *statusError
	switch {
	case errors.As(err, &answered) && (answered.status == http.StatusNotFound || answered.status == http.StatusGone):
		return Body{}, "", ErrGone
	case err != nil:
		return Body{}, "", err
	}
	return Body{response.Body, response.ContentLength}, response.Header.Get("Content-Type"), nil
}

// maxList bounds the answer to a search.
const maxList = 256 << 20

// ask sends a question in JSON and reads the answer.
func (c *client) ask(ctx context.Context, path string, question, to any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return err
	}
	response, err := c.send(ctx, request{method: http.MethodPost, path: path, accept: "application/json", body: body})
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if err := json.NewDecoder(io.LimitReader(response.Body, maxList)).Decode(to); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// json reads a JSON answer; one without content leaves to as it is.
func (c *client) json(ctx context.Context, path string, query url.Values, to any) error {
	response, err := c.get(ctx, path, query, "application/dicom+json, application/json")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusNoContent {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxList)).Decode(to); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
