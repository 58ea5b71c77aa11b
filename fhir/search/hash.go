package search

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"
)

// Hash is what a posting holds of a token, reference or uri: the first 64 bits of its SHA-256. It is stable for ever: it is
// stored. Two values of one parameter that meet in it would be found for each other: one chance in ten million among two
// million values; to make one that meets a given other takes 2^64 tries. Access must not be decided by it alone.
func Hash(text string) int64 {
	sum := sha256.Sum256([]byte(text))
	return int64(binary.BigEndian.Uint64(sum[:8])) //nolint:gosec // all 64 bits count, the sign is one of them
}

// TokenCode returns a code as the index writes it: an OID or DICOM UID is known without its urn:oid:, so that both
// spellings find each other. UIDs that break the rules (a part that begins with 0) are in use and are taken as well.
func TokenCode(code string) string {
	if oid, ok := strings.CutPrefix(code, "urn:oid:"); ok && oid != "" && strings.Trim(oid, ".0123456789") == "" {
		return oid
	}
	return code
}

// hashCode is Hash of a token's code; 0 is that of none.
func hashCode(code string) int64 {
	if code == "" {
		return 0
	}
	return Hash(TokenCode(code))
}

// hashSystem is Hash of a token's system; 0 is that of none.
func hashSystem(system string) int64 {
	if system == "" {
		return 0
	}
	return Hash(system)
}
