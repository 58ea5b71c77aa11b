package relational

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/s2"
)

// The first byte of a stored body says how the rest is kept. S2 takes a microsecond to undo, a tenth of what zstd takes. With a
// dictionary it leaves a quarter of a resource, without one half.
const (
	packedPlain byte = 0
	packedS2    byte = 1
)

// dictionary is what resources have in common: some that the synthetic city's files are mapped to, the frequent types last. Bodies are
// stored with it, so it never changes; another one has another first byte.
//
//go:embed dictionary.ndjson
var dictionary []byte

var packer = sync.OnceValue(func() *s2.Dict { return s2.MakeDict(dictionary, nil) })

// minPacked is from where compressing is worth a try.
const minPacked = 64

// pack writes a body as it is stored; that of a deletion is empty.
func pack(body []byte) []byte {
	if len(body) == 0 {
		return []byte{}
	}
	if len(body) >= minPacked {
		packed := make([]byte, 1, 1+s2.MaxEncodedLen(len(body)))
		packed[0] = packedS2
		if rest := packer().Encode(packed[1:], body); len(rest) < len(body) {
			return append(packed, rest...)
		}
	}
	return append([]byte{packedPlain}, body...)
}

// unpacked is a body that is scanned from where the driver holds what pack wrote, without a copy of that.
type unpacked []byte

// Scan implements sql.Scanner.
func (u *unpacked) Scan(stored any) (err error) {
	packed, ok := stored.([]byte)
	if !ok {
		return fmt.Errorf("store: a body of type %T", stored)
	}
	*u, err = unpack(packed)
	return err
}

// unpack returns the body of what pack wrote, in memory of its own.
func unpack(stored []byte) ([]byte, error) {
	switch {
	case len(stored) == 0:
		return nil, nil
	case stored[0] == packedPlain:
		return bytes.Clone(stored[1:]), nil
	case stored[0] == packedS2:
		body, err := packer().Decode(nil, stored[1:])
		if err != nil {
			return nil, fmt.Errorf("store: damaged body: %w", err)
		}
		return body, nil
	}
	return nil, errors.New("store: a body in a form of a later version")
}
