package mapping_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"lightbox/mapping"
	"lightbox/mapping/hl7v2"
)

// marks are values of OBX-5 by type that nothing else says, and what shows that one was mapped.
func mark(kind string) (value, shown string) {
	const word = "zqmark7391"
	switch strings.ToUpper(kind) {
	case "NM":
		return "7391.0625", "7391.0625"
	case "SN":
		return "^7391.0625", "7391.0625"
	case "DT", "TS", "DTM":
		return "17390102", "1739-01-02"
	case "ED":
		return "^TEXT^^A^" + word, base64.StdEncoding.EncodeToString([]byte(word))
	case "RP":
		return "https://" + word + ".example/1", word
	case "CE", "CWE", "CNE", "CF":
		return word + "^" + word, word
	}
	return word, word
}

// Every OBX of every real message is mapped or reported: its value is made one that nothing else says, and then stands in what the message
// became, or an issue names it.
func TestEveryOBXIsAccountedFor(t *testing.T) {
	m, seen, reported := mapper(t), 0, map[string]int{}
	for n, text := range realMessages(t) {
		if _, err := hl7v2.Parse(text, hl7v2.Options{}); err != nil || len(text) < 8 || text[3] != '|' || text[4] != '^' {
			continue
		}
		segments := bytes.FieldsFunc(text, func(r rune) bool { return r == '\r' || r == '\n' })
		for i, segment := range segments {
			fields := strings.Split(string(segment), "|")
			if fields[0] != "OBX" || len(fields) < 6 {
				continue
			}
			value, shown := mark(fields[2])
			fields[5] = value
			changed := append([][]byte{}, segments...)
			changed[i] = []byte(strings.Join(fields, "|"))
			message, err := hl7v2.Parse(bytes.Join(changed, []byte("\r")), hl7v2.Options{})
			if err != nil {
				continue
			}
			got, err := m.Message(message)
			if err != nil {
				break // the message is refused, with its reason
			}
			seen++
			if isShown(got, shown) {
				continue
			}
			issue := issueOf(got.Issues)
			if issue == "" {
				t.Errorf("message %d (%s), segment %d: an OBX of type %q is neither mapped nor reported", n, kindOf(message), i, fields[2])
			}
			reported[issue]++
		}
	}
	if seen == 0 {
		t.Error("no OBX was looked at")
	}
	t.Log(fmt.Sprint(seen, " OBX; reported: ", reported))
}

func kindOf(message *hl7v2.Message) string {
	header, _ := message.First("MSH")
	return header.Field(9).Raw()
}

func isShown(got mapping.Translation, shown string) bool {
	for _, report := range got.Reports {
		for _, r := range report.Resources {
			if bytes.Contains(r.Body, []byte(shown)) {
				return true
			}
		}
	}
	for _, one := range got.Mentions {
		if bytes.Contains(one.Body, []byte(shown)) {
			return true
		}
	}
	return false
}

// issueOf is the code of an issue that tells of an OBX that is left out.
func issueOf(issues []mapping.Issue) string {
	for _, i := range issues {
		if strings.HasPrefix(i.Attribute, "OBX") && i.Code != "local-code-system" && i.Code != "unknown-unit" && i.Code != "no-zone" && i.Code != "missing" {
			return i.Code
		}
	}
	return ""
}
