package bench

import (
	"encoding/hex"
	"math/rand/v2"
	"strconv"
)

// subject names what is drawn, so that no two resources draw the same numbers.
type subject uint64

const (
	ofOrganization subject = iota + 1
	ofLocation
	ofPractitioner
	ofDevice
	ofPatient
	ofVisit
	ofStudy
	ofOrder
	ofReport
	ofDose
	ofPick // what a benchmark asks for
)

// draws gives the numbers of one subject's i-th: a function of seed, subject and i, whatever was drawn before.
func draws(seed uint64, of subject, i int) *rand.Rand {
	return rand.New(rand.NewPCG(mix(seed^mix(uint64(of))), mix(uint64(i)))) //nolint:gosec // not a secret
}

// mix spreads neighbouring numbers over all 64 bits (splitmix64, https://prng.di.unimi.it/splitmix64.c).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// id is the logical id of a subject's i-th: a UUID of version 8, as the hub makes them of business identifiers.
func id(seed uint64, of subject, i int) string {
	r := draws(seed, of, i)
	var raw [16]byte
	for n := range raw {
		raw[n] = byte(r.Uint32())
	}
	raw[6], raw[8] = raw[6]&0x0f|0x80, raw[8]&0x3f|0x80
	var text [36]byte
	hex.Encode(text[:], raw[:4])
	for n, at := range []int{9, 14, 19} {
		text[at-1] = '-'
		hex.Encode(text[at:], raw[4+2*n:6+2*n])
	}
	text[23] = '-'
	hex.Encode(text[24:], raw[10:])
	return string(text[:])
}

// uid draws a DICOM UID as made of a UUID (PS3.5 B.2).
func uid(r *rand.Rand) string {
	tail := strconv.FormatUint(1e18+r.Uint64N(9e18), 10)
	return "2.25." + strconv.FormatUint(r.Uint64N(3e18)+1e18, 10) + tail
}

// one draws an element.
func one[T any](r *rand.Rand, all []T) T { return all[r.IntN(len(all))] }

// text is JSON being written. What is added is text of this package's tables, or digits: nothing in it needs an escape.
type text []byte

func (t *text) add(parts ...string) {
	for _, p := range parts {
		*t = append(*t, p...)
	}
}

func number(n int) string { return strconv.Itoa(n) }

// padded is n with leading zeros.
func padded(n, width int) string {
	s := strconv.Itoa(n)
	for len(s) < width {
		s = "0" + s
	}
	return s
}
