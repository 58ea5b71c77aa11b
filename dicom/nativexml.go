package dicom

import (
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"
)

// AppendXML appends d in the Native DICOM Model (PS3.19 A.1), without file meta information and group lengths. bulk is as for AppendJSON.
func (d *Dataset) AppendXML(b []byte, bulk func(path string) string) []byte {
	b = append(b, `<?xml version="1.0" encoding="UTF-8"?><NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM">`...)
	b = d.appendXML(b, "", bulk)
	return append(b, `</NativeDicomModel>`...)
}

func (d *Dataset) appendXML(b []byte, prefix string, bulk func(string) string) []byte {
	for i := range d.Elements {
		e := &d.Elements[i]
		if uint16(e.Tag) == 0 {
			continue
		}
		m := modeled{jsonVR(e), prefix + stepName(e.Tag), bulk}
		b = fmt.Appendf(b, `<DicomAttribute tag="%08X" vr="%s"`, uint32(e.Tag), m.vr)
		if keyword := Keyword(e.Tag); keyword != "" {
			b = append(b, ` keyword="`+keyword+`"`...)
		}
		b = append(b, '>')
		b = d.appendXMLValue(b, e, m)
		b = append(b, `</DicomAttribute>`...)
	}
	return b
}

func (d *Dataset) appendXMLValue(b []byte, e *Element, m modeled) []byte {
	switch {
	case m.vr == "SQ":
		for i, item := range e.Items {
			b = fmt.Appendf(b, `<Item number="%d">`, i+1)
			b = item.appendXML(b, fmt.Sprintf("%s[%d].", m.path, i), m.bulk)
			b = append(b, `</Item>`...)
		}
		return b
	case e.Bulk:
		if m.bulk == nil || m.bulk(m.path) == "" {
			return b
		}
		return append(b, `<BulkData uri="`+escapeXML(m.bulk(m.path))+`"/>`...)
	case isInline(m.vr):
		if len(e.Value) == 0 {
			return b
		}
		b = append(b, `<InlineBinary>`...)
		b = base64.StdEncoding.AppendEncode(b, d.littleEndian(e))
		return append(b, `</InlineBinary>`...)
	case e.Tag == tagSpecificCharacterSet:
		return append(b, `<Value number="1">ISO_IR 192</Value>`...)
	}
	for i, value := range d.texts(e) {
		if value != "" {
			b = appendXMLOne(b, m.vr, numbered{i + 1, value})
		}
	}
	return b
}

// numbered is a value with its position, from 1.
type numbered struct {
	number int
	text   string
}

func appendXMLOne(b []byte, vr VR, v numbered) []byte {
	n := strconv.Itoa(v.number)
	switch vr {
	case "PN":
		b = append(b, `<PersonName number="`+n+`">`...)
		for i, group := range strings.SplitN(v.text, "=", 4) {
			if group != "" && i < len(nameGroups) {
				b = appendXMLName(b, nameGroups[i], group)
			}
		}
		return append(b, `</PersonName>`...)
	case "AT":
		v.text = strings.NewReplacer("(", "", ",", "", ")", "").Replace(v.text)
	}
	return append(b, `<Value number="`+n+`">`+escapeXML(v.text)+`</Value>`...)
}

// nameComponents are the elements of one component group, in the order of PS3.5 6.2.
var nameComponents = [...]string{"FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix"}

func appendXMLName(b []byte, group, text string) []byte {
	b = append(b, "<"+group+">"...)
	for i, part := range components(text) {
		if part != "" {
			b = append(b, "<"+nameComponents[i]+">"+escapeXML(part)+"</"+nameComponents[i]+">"...)
		}
	}
	return append(b, "</"+group+">"...)
}

// escapeXML makes text safe between tags and in attributes. Control characters that XML 1.0 does not have become the replacement character.
func escapeXML(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder takes everything
	return b.String()
}
