package auth

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"
)

// How often an issuer's keys are asked for. Tokens with invented key ids must not turn into a flood on the issuer; a key that
// the issuer withdrew must not be good for ever.
const (
	keysRefetch = time.Minute      // at most so often, for a key that is not among those known
	keysRetry   = 5 * time.Second  // at most so often, while there are none
	keysStale   = 10 * time.Minute // older ones are renewed beside the requests that use them
)

// keySet is an issuer's keys as last seen. It keeps them while the issuer is down.
type keySet struct {
	fetch      func(context.Context) ([]jose.JSONWebKey, error)
	algorithms []string
	clock      func() time.Time
	log        *slog.Logger
	flight     singleflight.Group

	mu     sync.Mutex
	keys   []jose.JSONWebKey
	tried  time.Time
	gotten time.Time
}

var errNoKey = errors.New("no key of the issuer verifies the signature")

// ready sees to it that there are keys, and returns an error when there are none.
func (s *keySet) ready(ctx context.Context) error {
	keys, gotten := s.current()
	if len(keys) == 0 {
		return s.refresh(ctx)
	}
	if s.clock().Sub(gotten) > keysStale {
		s.start(ctx)
	}
	return nil
}

// VerifySignature implements oidc.KeySet.
func (s *keySet) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	var algorithms []jose.SignatureAlgorithm
	for _, a := range s.algorithms {
		algorithms = append(algorithms, jose.SignatureAlgorithm(a))
	}
	jws, err := jose.ParseSignedCompact(jwt, algorithms)
	if err != nil {
		return nil, err
	}
	keys, _ := s.current()
	if payload, ok := verifyWith(keys, jws); ok {
		return payload, nil
	}
	if err := s.refresh(ctx); err != nil {
		return nil, errors.Join(errNoKey, err)
	}
	keys, _ = s.current()
	if payload, ok := verifyWith(keys, jws); ok {
		return payload, nil
	}
	return nil, errNoKey
}

// verifyWith tries the keys that the token's header admits. Keys come from the issuer alone: jku, jwk and x5c of the header are
// the word of whoever made the token.
func verifyWith(keys []jose.JSONWebKey, jws *jose.JSONWebSignature) ([]byte, bool) {
	header := jws.Signatures[0].Protected
	for _, k := range keys {
		if header.KeyID != "" && k.KeyID != header.KeyID || k.Algorithm != "" && k.Algorithm != header.Algorithm {
			continue
		}
		if payload, err := jws.Verify(k); err == nil {
			return payload, true
		}
	}
	return nil, false
}

func (s *keySet) current() ([]jose.JSONWebKey, time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys, s.gotten
}

// refresh asks the issuer and waits. It returns nil when there are keys after it, be it from before.
func (s *keySet) refresh(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case r := <-s.start(ctx):
		if keys, _ := s.current(); len(keys) > 0 { // others may have asked between this caller's look and its question
			return nil
		}
		return r.Err
	}
}

// start asks the issuer, once for all who want it now, unless that was done too lately.
func (s *keySet) start(ctx context.Context) <-chan singleflight.Result {
	ctx = context.WithoutCancel(ctx)
	return s.flight.DoChan("", func() (any, error) { return nil, s.renew(ctx) })
}

func (s *keySet) renew(ctx context.Context) error {
	now := s.clock()
	s.mu.Lock()
	wait := keysRefetch
	if len(s.keys) == 0 {
		wait = keysRetry
	}
	tooSoon := !s.tried.IsZero() && now.Sub(s.tried) < wait
	if !tooSoon {
		s.tried = now
	}
	s.mu.Unlock()
	if tooSoon {
		return errors.New("the issuer's keys were asked for a moment ago")
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	keys, err := s.fetch(ctx)
	if err != nil {
		s.log.Warn("keys of the issuer are not to be had", "error", err)
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys, s.gotten = keys, now
	return nil
}
