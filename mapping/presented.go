package mapping

import (
	"bytes"
	"cmp"
	"crypto/sha1"
	"strings"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"lightbox/dicom"
)

// presentedTree renders the content tree as a page of its own.
func presentedTree(r *run, to *report, v value) {
	one := page(to.title, to.Language, rendered(to))
	one.Creation = r.written(v)
	to.PresentedForm = append(to.PresentedForm, one)
}

// page is an HTML page of its own.
func page(title string, language *string, body string) r4.Attachment {
	content := "<!DOCTYPE html>\n<html" + htmlLanguage(language) + "><head><meta charset=\"utf-8\"><title>" + escape(title) +
		"</title></head><body>" + body + "</body></html>\n"
	one := attachmentOf("text/html", []byte(content))
	one.Title, one.Language = text(title), language
	one.Data = new(base64Of([]byte(content)))
	return one
}

func htmlLanguage(language *string) string {
	if language == nil {
		return ""
	}
	return ` lang="` + escape(*language) + `"`
}

// attachmentOf describes content: hash is SHA-1 in base64 (FHIR R4 datatypes.html#attachment).
func attachmentOf(contentType string, content []byte) r4.Attachment {
	hash := sha1.Sum(content)
	return r4.Attachment{ContentType: &contentType, Size: new(len(content)), Hash: new(base64Of(hash[:]))}
}

// written is when the content was.
func (r *run) written(v value) *string {
	if date := v.of("ContentDate"); date.isPresent() {
		return text(r.dateTime(date, v.of("ContentTime")))
	}
	return nil
}

var pathDocumentLength = dicom.MustPath("EncapsulatedDocumentLength")

// presentedDocument puts an encapsulated document into a Binary that follows its patient's access.
func presentedDocument(r *run, to *report, v value) {
	element, _, _ := v.dataset.Find(v.path)
	if element.Bulk {
		r.doubt("over-budget", "the document is too large to be read: left out")
		return
	}
	content := unpadded(v.dataset, element.Value)
	contentType := r.contentType(v.of("MIMETypeOfEncapsulatedDocument").text(), content)
	one := attachmentOf(contentType, content)
	one.Title, one.Creation = text(v.of("DocumentTitle").text()), r.written(v)
	id := r.mapper.ID("Binary", uidSystem, to.version().uid)
	one.Url = new("Binary/" + id)
	to.PresentedForm = append(to.PresentedForm, one)
	to.binaries = append(to.binaries, r.binary(id, contentType, base64Of(content), to.Subject))
	c, ok := r.clinical(contentType, content)
	if ok && c.page != "" {
		to.Text = &r4.Narrative{Status: r4.NarrativeStatusGenerated, Div: xhtml(c.page)}
		to.PresentedForm = append([]r4.Attachment{page(cmp.Or(c.title, to.title), nil, c.page)}, to.PresentedForm...)
	}
	if ok && c.body != nil {
		inner := r.contentType("", c.body)
		form := attachmentOf(inner, c.body)
		binary := r.binary(r.mapper.ID("Binary", uidSystem, join(to.version().uid, "body")), inner, base64Of(c.body), to.Subject)
		form.Url = new(binary.Reference())
		to.PresentedForm, to.binaries = append(to.PresentedForm, form), append(to.binaries, binary)
	}
}

// documentNarrative names the document; what it says is in its own format.
func documentNarrative(_ *run, to *report, v value) {
	name := cmp.Or(v.of("DocumentTitle").text(), "Document")
	to.Text = &r4.Narrative{Status: r4.NarrativeStatusGenerated, Div: xhtml("<p>" + escape(name) + "</p>")}
}

// unpadded cuts the byte that makes the length even: by the stated length, else a zero at the end.
func unpadded(ds *dicom.Dataset, content []byte) []byte {
	if n, ok := ds.Int(pathDocumentLength); ok && n > 0 && n <= int64(len(content)) {
		return content[:n]
	}
	return bytes.TrimSuffix(content, []byte{0})
}

// contentType is what the document says of itself by its first bytes, else what the object says of it.
func (r *run) contentType(stated string, content []byte) string {
	stated = strings.ToLower(stated)
	sniffed := sniff(content)
	switch {
	case sniffed == "" && stated == "":
		r.doubt("no-content-type", "nothing tells the type of the document")
		return "application/octet-stream"
	case sniffed == "":
		return stated
	case stated != "" && stated != sniffed && !(sniffed == "text/xml" && strings.HasSuffix(stated, "xml")):
		r.doubt("content-type", "the document is not of the stated type: its own first bytes decide")
	}
	return sniffed
}

func sniff(content []byte) string {
	start := bytes.TrimLeft(content[:min(len(content), 1024)], "\x00\t\r\n \xEF\xBB\xBF")
	switch {
	case bytes.HasPrefix(start, []byte("%PDF")):
		return "application/pdf"
	case bytes.HasPrefix(start, []byte("<?xml")), bytes.HasPrefix(start, []byte("<ClinicalDocument")):
		return "text/xml"
	case bytes.HasPrefix(start, []byte(`{\rtf`)):
		return "application/rtf"
	}
	return ""
}
