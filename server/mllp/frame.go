package mllp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// What frames a message (HL7 v2 transport specification: MLLP release 1, 2.3).
const (
	startBlock     = 0x0B
	endBlock       = 0x1C
	carriageReturn = 0x0D
)

// maxBetween bounds what may stand between two frames: some senders put line ends there, and nothing else belongs there.
const maxBetween = 64

var (
	errTooLarge = errors.New("mllp: a message beyond the limit")
	errNoFrame  = errors.New("mllp: bytes outside of any frame")
)

// readFrame reads the next message: what stands between a start block and an end block with its carriage return. Memory grows with what
// came, up to limit. io.EOF is the orderly end between frames. began is called at the start block.
func readFrame(r *bufio.Reader, limit int, began func()) ([]byte, error) {
	if err := findStart(r); err != nil {
		return nil, err
	}
	began()
	var message []byte
	for {
		piece, err := r.ReadSlice(endBlock)
		message = append(message, piece...)
		switch {
		case len(message) > limit:
			return nil, errTooLarge
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil:
			return nil, fmt.Errorf("mllp: a frame without end: %w", noEOF(err))
		}
		next, err := r.Peek(1)
		if err != nil {
			return nil, fmt.Errorf("mllp: a frame without end: %w", noEOF(err))
		}
		if next[0] == carriageReturn {
			_, err := r.Discard(1)
			return message[:len(message)-1], err
		}
	}
}

func findStart(r *bufio.Reader) error {
	for range maxBetween {
		b, err := r.ReadByte()
		if err != nil {
			return err
		}
		if b == startBlock {
			return nil
		}
	}
	return errNoFrame
}

// noEOF makes an end in the middle of a frame no orderly one.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// writeFrame sends a message.
func writeFrame(w io.Writer, message []byte) error {
	framed := make([]byte, 0, len(message)+3)
	framed = append(framed, startBlock)
	framed = append(framed, message...)
	framed = append(framed, endBlock, carriageReturn)
	_, err := w.Write(framed)
	return err
}
