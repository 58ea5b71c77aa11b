package relational

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

// cursor is what a next link carries: where the page before it ended. It is sealed with a key of the installation's,
// the caller's and the query's own, so that it opens for them alone and shows nobody what it holds.
type cursor struct {
	Texts   map[int]string  `json:"t,omitempty"`
	Numbers map[int]int64   `json:"n,omitempty"`
	Floats  map[int]float64 `json:"f,omitempty"`
	Row     int64           `json:"r"`
	Back    bool            `json:"b,omitempty"`
}

// sealFor returns the cipher of one caller's cursors of one query.
func (s *Store) sealFor(q search.Query, callerID string) (cipher.AEAD, error) {
	fingerprint := q.Fingerprint()
	mac := hmac.New(sha256.New, s.seal)
	mac.Write(fingerprint[:])
	mac.Write([]byte(callerID))
	block, err := aes.NewCipher(mac.Sum(nil))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func (s *Store) sealCursor(q search.Query, callerID string, p position) (string, error) {
	c := cursor{Texts: map[int]string{}, Numbers: map[int]int64{}, Floats: map[int]float64{}, Row: p.row, Back: p.back}
	for i, v := range p.keys {
		switch v := v.(type) {
		case string:
			c.Texts[i] = v
		case int64:
			c.Numbers[i] = v
		case float64:
			c.Floats[i] = v
		}
	}
	plain, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	aead, err := s.sealFor(q, callerID)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(aead.Seal(nil, nil, plain, nil)), nil
}

// maxCursor bounds what is decoded: keys are bounded texts.
const maxCursor = 16 << 10

// openCursor returns the position of q.Page, nil on the first page.
func (s *Store) openCursor(q search.Query, callerID string, keys []sortKey) (*position, error) {
	if q.Page == "" {
		return nil, nil
	}
	if len(q.Page) > maxCursor {
		return nil, store.ErrCursor
	}
	sealed, err := base64.RawURLEncoding.DecodeString(q.Page)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrCursor, err)
	}
	aead, err := s.sealFor(q, callerID)
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(nil, nil, sealed, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrCursor, err)
	}
	var c cursor
	if err := json.Unmarshal(plain, &c); err != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrCursor, err)
	}
	return c.position(keys), nil
}

func (c cursor) position(keys []sortKey) *position {
	p := &position{keys: make([]any, len(keys)), row: c.Row, back: c.Back}
	for i, k := range keys {
		if text, ok := c.Texts[i]; ok && k.kind == keyText {
			p.keys[i] = text
		}
		if n, ok := c.Numbers[i]; ok && k.kind == keyNumber {
			p.keys[i] = n
		}
		if f, ok := c.Floats[i]; ok && k.kind == keyFloat {
			p.keys[i] = f
		}
	}
	return p
}
