package hl7v2

import (
	"cmp"
	"strings"
	"time"
)

// Acknowledgment is what the receiver of a message says of it (HL7 v2.8.2 2.9.2).
type Acknowledgment struct {
	Code   string // MSA-1, HL7 table 0008: AA, AE, AR of the original mode, CA, CE, CR of the enhanced one
	Error  string // ERR-3, HL7 table 0357; "" for none
	Detail string // ERR-8, for a person; nothing of the message
	At     time.Time
}

// Acknowledge writes the answer to a message in the delimiters and for the parties that it states, sender and receiver changing places. One
// that states nothing that can be read is answered in the usual delimiters, to nobody by name.
func (a Acknowledgment) Acknowledge(message []byte) []byte {
	to := addressee(message)
	var b strings.Builder
	segment := func(name string, fields ...string) {
		line := name + to.field + strings.Join(fields, to.field)
		b.WriteString(strings.TrimRight(line, to.field))
		b.WriteByte('\r')
	}
	kind := "ACK"
	if to.event != "" {
		kind += to.component + to.event + to.component + "ACK"
	}
	segment("MSH", to.delimiters, to.fields[5], to.fields[6], to.fields[3], to.fields[4], a.At.UTC().Format("20060102150405")+"+0000", "", kind,
		"A"+to.fields[10], cmp.Or(to.fields[11], "P"), cmp.Or(to.fields[12], "2.5.1"), "", "", "", "", "", to.fields[18])
	segment("MSA", a.Code, to.fields[10])
	if a.Error != "" {
		segment("ERR", "", "", a.Error+to.component+errorNames[a.Error]+to.component+"HL70357", "E", "", "", "", plain(a.Detail, to.field+to.delimiters))
	}
	return []byte(b.String())
}

// plain is a text without what would delimit.
func plain(text, delimiters string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(delimiters, r) {
			return ' '
		}
		return r
	}, text)
}

// errorNames are the codes of HL7 table 0357 that are used.
var errorNames = map[string]string{
	"100": "Segment sequence error", "101": "Required field missing", "102": "Data type error", "103": "Table value not found",
	"200": "Unsupported message type", "201": "Unsupported event code", "202": "Unsupported processing id", "203": "Unsupported version id",
	"207": "Application internal error",
}

// party is what of a header an answer repeats, as it came.
type party struct {
	field, component, delimiters, event string
	fields                              [19]string // MSH-n
}

// maxRepeated bounds a field that an answer repeats: a longer one is no name or number.
const maxRepeated = 300

func addressee(message []byte) party {
	to := party{field: "|", component: "^", delimiters: `^~\&`}
	start := unframed(message)
	header, _, _ := strings.Cut(string(start[:min(len(start), 8192)]), "\r")
	header, _, _ = strings.Cut(header, "\n")
	if !isNamed([]byte(header), "MSH") {
		return to
	}
	if delimiters, _, _ := strings.Cut(header[4:], header[3:4]); len(delimiters) < 3 || len(delimiters) > 5 {
		return to
	}
	to.field = header[3:4]
	for n, text := range strings.Split(header, to.field) {
		if n+1 < len(to.fields) && len(text) <= maxRepeated {
			to.fields[n+1] = text
		}
	}
	to.delimiters = to.fields[2]
	to.component = to.delimiters[:1]
	if parts := strings.Split(to.fields[9], to.component); len(parts) > 1 {
		to.event = parts[1]
	}
	return to
}

// Accepts tells which answers a message asks for (HL7 v2.8.2 2.9.3): in the original mode one, of the application; in the enhanced mode, of
// MSH-15 and MSH-16, that of who takes it in and that of the application, each always, never, on success or on error.
func Accepts(message []byte, success bool) (enhanced, accept, application bool) {
	to := addressee(message)
	if to.fields[15] == "" && to.fields[16] == "" {
		return false, false, true
	}
	return true, isAsked(to.fields[15], success), isAsked(to.fields[16], success)
}

// isAsked reads HL7 table 0155.
func isAsked(condition string, success bool) bool {
	switch condition {
	case "AL":
		return true
	case "SU":
		return success
	case "ER":
		return !success
	}
	return false
}
