package server

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"lightbox/fhir"
)

// byteRange is the part of a content that a client asks for, RFC 9110 14. Its end is one past the last byte.
type byteRange struct{ start, end int64 }

// rangeOf returns the part that a request asks for; not ok when the whole is to be sent: no Range, one that is not understood,
// several (they are left out, as the RFC allows), or one on the condition of another version.
func rangeOf(r *http.Request, res fhir.Resource, size int64) (part byteRange, ok bool, err error) {
	text, bytes := strings.CutPrefix(r.Header.Get("Range"), "bytes=")
	first, last, dash := strings.Cut(strings.TrimSpace(text), "-")
	if r.Method != http.MethodGet || !bytes || !dash || !sameVersion(r.Header.Get("If-Range"), res) {
		return byteRange{}, false, nil
	}
	start, startErr := position(first)
	end, endErr := position(last)
	switch {
	case first == "" && endErr == nil: // the last bytes
		part = byteRange{max(0, size-end), size}
	case startErr == nil && last == "":
		part = byteRange{start, size}
	case startErr == nil && endErr == nil && start <= end:
		part = byteRange{start, min(end, size-1) + 1}
	default:
		return byteRange{}, false, nil
	}
	if part.start >= part.end {
		return byteRange{}, false, unsatisfiable()
	}
	return part, true, nil
}

func position(digits string) (int64, error) {
	n, err := strconv.ParseUint(digits, 10, 63)
	return int64(n), err //nolint:gosec // of 63 bits
}

// sameVersion evaluates If-Range. A tag must be a strong one, and those of FHIR are weak.
func sameVersion(condition string, res fhir.Resource) bool {
	if condition == "" {
		return true
	}
	t, err := http.ParseTime(condition)
	return err == nil && res.LastUpdated.Truncate(time.Second).Equal(t)
}

func (p byteRange) of(size int64) string {
	return fmt.Sprintf("bytes %d-%d/%d", p.start, p.end-1, size)
}

func unsatisfiable() error {
	return &refusal{status: http.StatusRequestedRangeNotSatisfiable,
		err: fhir.NewError(fhir.Value, "the content has no bytes in this range")}
}
