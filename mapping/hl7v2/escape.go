package hl7v2

import (
	"encoding/hex"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// unescape replaces escape sequences (HL7 v2.8.2 2.7). Formatting becomes line breaks and spaces; highlighting and switches of the
// character set are left out; what is not known stays as it came. Sequences do not nest.
func unescape(text string, d *delimiters) string {
	if d.escape == 0 || strings.IndexByte(text, d.escape) < 0 {
		return text
	}
	var b strings.Builder
	for text != "" {
		before, rest := head(text, d.escape)
		b.WriteString(before)
		if len(before) == len(text) {
			break
		}
		end := strings.IndexByte(rest, d.escape)
		if end < 0 || end > maxEscape {
			b.WriteByte(d.escape)
			text = rest
			continue
		}
		if said, ok := escaped(rest[:end], d); ok {
			b.WriteString(said)
			text = rest[end+1:]
			continue
		}
		b.WriteByte(d.escape)
		text = rest
	}
	return b.String()
}

// maxEscape is the longest content of an escape sequence: that of hexadecimal data.
const maxEscape = 4096

// escaped is what the content of an escape sequence stands for.
func escaped(s string, d *delimiters) (text string, ok bool) {
	switch s {
	case "F":
		return string(d.field), true
	case "S":
		return string(d.component), true
	case "T":
		return string(d.subcomponent), true
	case "R":
		return string(d.repetition), true
	case "E":
		return string(d.escape), true
	case "P":
		return "#", true // the truncation character
	case "H", "N":
		return "", true
	case "":
		return "", false
	}
	switch s[0] {
	case '.':
		return formatted(s[1:])
	case 'X':
		return hexadecimal(s[1:])
	case 'C', 'M':
		_, err := hex.DecodeString(s[1:])
		return "", err == nil && len(s) > 1
	}
	return "", false
}

// formatted is a command of formatted text (HL7 v2.8.2 2.7.6).
func formatted(command string) (string, bool) {
	name := strings.TrimRight(command, "+-0123456789")
	n, err := strconv.Atoi(command[len(name):])
	if err != nil {
		n = 1
	}
	n = min(max(n, 1), maxRepeat)
	switch name {
	case "br", "ce":
		return "\n", true
	case "sp":
		return strings.Repeat("\n", n), true
	case "sk":
		return strings.Repeat(" ", n), true
	case "in", "ti", "fi", "nf":
		return "", true
	}
	return "", false
}

// maxRepeat bounds the spaces and lines of one command.
const maxRepeat = 100

// hexadecimal is text in bytes: UTF-8, else Windows-1252. Control characters but line breaks and tabs are left out.
func hexadecimal(digits string) (string, bool) {
	bytes, err := hex.DecodeString(digits)
	if err != nil || len(bytes) == 0 {
		return "", false
	}
	if !utf8.Valid(bytes) {
		if bytes, err = charmap.Windows1252.NewDecoder().Bytes(bytes); err != nil {
			return "", false
		}
	}
	text := strings.ReplaceAll(string(bytes), "\r\n", "\n")
	return strings.Map(func(c rune) rune {
		switch {
		case c == '\r':
			return '\n'
		case c < ' ' && c != '\n' && c != '\t':
			return -1
		}
		return c
	}, text), true
}
