package search

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// MaxText bounds the bytes of a string entry and of a string value: longer ones are cut alike, so that they still meet,
// and a database can keep any of them in one index row.
const MaxText = 1024

// Fold returns s as strings are compared without :exact (FHIR R4 search.html#string): lower case, without accents and
// punctuation, white space collapsed. й is a letter of its own and stays apart from и; ё is found as е. Fold(Fold(s)) is
// Fold(s). It is stable for ever: it is stored.
func Fold(s string) string {
	out := make([]rune, 0, len(s))
	space := false
	for _, r := range norm.NFKD.String(strings.ToValidUTF8(s, " ")) {
		switch {
		case strings.ContainsRune("'’‘ʼ`´ʹʺ", r):
			// O'Brien is found as OBrien, and Solov'ev as Solovev.
		case r == '\u0306' && len(out) > 0 && out[len(out)-1] == 'и' && !space:
			out[len(out)-1] = 'й'
		case unicode.Is(unicode.Mn, r):
		case unicode.IsLetter(r), unicode.IsNumber(r), unicode.Is(unicode.Mc, r):
			if space && len(out) > 0 {
				out = append(out, ' ')
			}
			out, space = append(out, letter(r)...), false
		default:
			space = true
		}
	}
	return string(out)
}

// letter returns r in lower case, Latin letters that Unicode does not decompose as they are usually typed.
func letter(r rune) []rune {
	switch r = unicode.ToLower(r); r {
	case 'ß':
		return []rune("ss")
	case 'æ':
		return []rune("ae")
	case 'œ':
		return []rune("oe")
	case 'ø':
		return []rune("o")
	case 'ł':
		return []rune("l")
	case 'đ':
		return []rune("d")
	}
	return []rune{r}
}

// cut shortens s to MaxText bytes at the end of a character.
func cut(s string) string {
	if len(s) <= MaxText {
		return s
	}
	end := MaxText
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}

// exact returns s as :exact compares it. NUL is dropped: FHIR forbids it, and PostgreSQL cannot keep it.
func exact(s string) string { return cut(strings.ReplaceAll(s, "\x00", "")) }
