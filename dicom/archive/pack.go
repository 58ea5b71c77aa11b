package archive

import (
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// Stored attributes begin with a byte that tells their form, so that a better one can come without a migration.
const (
	plain      = 0
	compressed = 1 // zstd
)

// unpackLimit bounds what one stored value may unpack to: dicom.Limits lets a scan hold less.
const unpackLimit = 256 << 20

var encoder = sync.OnceValue(func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false))
	if err != nil {
		panic(err) // the options are constants
	}
	return e
})

var decoder = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(unpackLimit), zstd.WithDecoderConcurrency(0))
	if err != nil {
		panic(err) // the options are constants
	}
	return d
})

// pack returns b in its shortest stored form.
func pack(b []byte) []byte {
	small := encoder().EncodeAll(b, []byte{compressed})
	if len(small) <= len(b) {
		return small
	}
	return append([]byte{plain}, b...)
}

func unpack(b []byte) ([]byte, error) {
	switch {
	case len(b) == 0:
		return nil, errors.New("stored attributes are empty")
	case b[0] == plain:
		return b[1:], nil
	case b[0] == compressed:
		return decoder().DecodeAll(b[1:], nil)
	}
	return nil, fmt.Errorf("stored attributes have form %d", b[0])
}
