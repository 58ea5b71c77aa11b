package hl7v2

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

// charsets are those of HL7 table 0211 that are read, and other names that senders use for them; nil is UTF-8. Names compare without
// case, spaces and punctuation.
var charsets = map[string]encoding.Encoding{
	"UNICODEUTF8": nil, "UTF8": nil, "UNICODE": nil, "ASCII": charmap.Windows1252, "ISOIR6": charmap.Windows1252,
	"88591": charmap.Windows1252, "ISO88591": charmap.Windows1252, "ISOIR100": charmap.Windows1252, "LATIN1": charmap.Windows1252,
	"88592": charmap.ISO8859_2, "ISO88592": charmap.ISO8859_2,
	"88593": charmap.ISO8859_3, "ISO88593": charmap.ISO8859_3,
	"88594": charmap.ISO8859_4, "ISO88594": charmap.ISO8859_4,
	"88595": charmap.ISO8859_5, "ISO88595": charmap.ISO8859_5,
	"88596": charmap.ISO8859_6, "ISO88596": charmap.ISO8859_6,
	"88597": charmap.ISO8859_7, "ISO88597": charmap.ISO8859_7,
	"88598": charmap.ISO8859_8, "ISO88598": charmap.ISO8859_8,
	"88599": charmap.ISO8859_9, "ISO88599": charmap.ISO8859_9,
	"885915": charmap.ISO8859_15, "ISO885915": charmap.ISO8859_15,
	"WINDOWS1251": charmap.Windows1251, "CP1251": charmap.Windows1251, "WINDOWS1252": charmap.Windows1252, "KOI8R": charmap.KOI8R,
	"GB180302000": simplifiedchinese.GB18030, "GB18030": simplifiedchinese.GB18030,
	"BIG5": traditionalchinese.Big5, "KSX1001": korean.EUCKR,
	"ISOIR14": japanese.ShiftJIS, "ISOIR87": japanese.ISO2022JP, "ISOIR159": japanese.ISO2022JP,
}

// Charsets are the names of the character sets that are read, sorted.
func Charsets() []string { return slices.Sorted(maps.Keys(charsets)) }

func charsetName(s string) string {
	return strings.Map(func(c rune) rune {
		if c < 0x80 && isNameCharacter(byte(c)) {
			return c
		}
		return -1
	}, strings.ToUpper(s))
}

// decode returns the message as UTF-8. The whole of it is decoded before it is cut: the second byte of a character may look like a
// delimiter. Bytes that are none in their set become U+FFFD, and a remark.
func (m *Message) decode(data []byte, d delimiters, assumed string) (string, error) {
	stated := m.stated(data, d)
	if stated == "" {
		stated = assumed
	}
	of, known := charsets[charsetName(stated)]
	switch {
	case stated == "" && utf8.Valid(data):
		return string(data), nil
	case stated == "":
		m.remark("no character set is stated and it is not UTF-8: read as Windows-1252")
		of = charmap.Windows1252
	case !known && utf8.Valid(data):
		m.remark("the character set is not known: read as UTF-8")
		return string(data), nil
	case !known:
		return "", fail(Encoding, "the character set of MSH-18 is not read")
	case of == nil && utf8.Valid(data):
		return string(data), nil
	case of == nil:
		m.remark("it is not in UTF-8, as it says: read as Windows-1252")
		of = charmap.Windows1252
	case of == charmap.Windows1252 && utf8.Valid(data) && !isASCII(data):
		m.remark("it is in UTF-8, not in the character set that it states")
		return string(data), nil
	}
	text, err := of.NewDecoder().Bytes(data)
	if err != nil {
		return "", fail(Encoding, "it is not in the character set that it states")
	}
	if strings.ContainsRune(string(text), utf8.RuneError) {
		m.remark("some bytes are no characters of the character set")
	}
	return string(text), nil
}

// stated is the first of MSH-18, which is ASCII in every set.
func (m *Message) stated(data []byte, d delimiters) string {
	line := string(data[:min(len(data), maxHeader)])
	if i := strings.IndexAny(line, "\r\n"); i >= 0 {
		line = line[:i]
	}
	one, _ := head(cut(line, d.field, 17), d.repetition)
	return one
}

// maxHeader is how far MSH is looked for its character set.
const maxHeader = 8 << 10

func isASCII(data []byte) bool {
	for _, c := range data {
		if c >= 0x80 {
			return false
		}
	}
	return true
}
