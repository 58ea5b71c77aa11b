package archivesync

import (
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
}

func newClient(base string, credentials Credentials) *client {
	refuse := func(r *http.Request, via []*http.Request) error {
		if r.URL.Host != via[0].URL.Host || r.URL.Scheme != via[0].URL.Scheme {
			return errors.New("the archive redirects to another host")
		}
		return nil
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, ResponseHeaderTimeout: time.Minute, MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute}
	return &client{strings.TrimRight(base, "/"), credentials, &http.Client{CheckRedirect: refuse, Transport: transport}}
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

// delays are how long to wait before each further try.
var delays = []time.Duration{200 * time.Millisecond, time.Second, 5 * time.Second}

// get asks for what is below the base, and again where the archive is busy or does not answer. The caller closes the body.
func (c *client) get(ctx context.Context, path string, query url.Values, accept string) (*http.Response, error) {
	for try := 0; ; try++ {
		response, err := c.once(ctx, path, query, accept)
		var answered *statusError
		if err == nil || ctx.Err() != nil || try == len(delays) || errors.As(err, &answered) && !answered.isPassing() {
			return response, err
		}
		select {
		case <-time.After(delays[try]):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (c *client) once(ctx context.Context, path string, query url.Values, accept string) (*http.Response, error) {
	address := c.base + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	if accept != "" {
		r.Header.Set("Accept", accept)
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
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusNoContent {
		_ = response.Body.Close()
		return nil, &statusError{path, response.StatusCode}
	}
	return response, nil
}

// maxList bounds the answer to a search.
const maxList = 256 << 20

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
