package dicomweb

import (
	"strconv"
	"strings"
)

// mediaType is a Content-Type, or one of an Accept header, with its parameters. What clients write is read generously: values with a slash
// that nobody quoted, as in type=application/dicom, which RFC 2045 does not allow.
type mediaType struct {
	name   string // in lower case
	params map[string]string
}

func parseMediaType(text string) mediaType {
	parts := splitQuoted(text, ';')
	m := mediaType{name: strings.ToLower(strings.TrimSpace(parts[0])), params: map[string]string{}}
	for _, part := range parts[1:] {
		name, value, _ := strings.Cut(part, "=")
		m.params[strings.ToLower(strings.TrimSpace(name))] = unquoted(strings.TrimSpace(value))
	}
	return m
}

// parseAccept reads an Accept header, best first; none is anything.
func parseAccept(headers []string) []mediaType {
	var list []mediaType
	for _, one := range splitQuoted(strings.Join(headers, ","), ',') {
		if strings.TrimSpace(one) != "" {
			list = append(list, parseMediaType(one))
		}
	}
	if len(list) == 0 {
		return []mediaType{{name: "*/*", params: map[string]string{}}}
	}
	sorted := list[:0:0]
	for len(list) > 0 { // stable, and few
		best := 0
		for i := range list {
			if list[i].quality() > list[best].quality() {
				best = i
			}
		}
		sorted = append(sorted, list[best])
		list = append(list[:best:best], list[best+1:]...)
	}
	return sorted
}

func (m mediaType) quality() float64 {
	text, ok := m.params["q"]
	if !ok {
		return 1
	}
	q, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0
	}
	return q
}

// splitQuoted cuts at a separator outside of quotes.
func splitQuoted(text string, separator byte) []string {
	var parts []string
	start, inside := 0, false
	for i := range len(text) {
		switch {
		case text[i] == '"':
			inside = !inside
		case text[i] == separator && !inside:
			parts = append(parts, text[start:i])
			start = i + 1
		}
	}
	return append(parts, text[start:])
}

func unquoted(text string) string {
	if len(text) >= 2 && text[0] == '"' && text[len(text)-1] == '"' {
		return strings.ReplaceAll(text[1:len(text)-1], `\`, "")
	}
	return text
}
