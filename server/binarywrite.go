package server

import (
	"encoding/base64"
	"mime"

	"lightbox/fhir"
)

// binaryBody reads a Binary: as FHIR JSON, or as content of any other type, of which it makes the resource. What comes as
// application/json is the resource where it says so itself, else content. https://hl7.org/fhir/R4/binary.html#rest
func (a *api) binaryBody(c *call, q request) ([]byte, error) {
	if q.media == mediaFHIR {
		return a.body(c, mediaFHIR)
	}
	stated := c.r.Header.Get("Content-Type")
	if _, _, err := mime.ParseMediaType(stated); err != nil || q.media == "application/fhir+xml" || q.media == "application/fhir+turtle" {
		return nil, unsupportedMedia("Content-Type must be application/fhir+json, or the type of the content")
	}
	content, err := a.anyBody(c, a.Limits.Body)
	if err != nil {
		return nil, err
	}
	if q.media == mediaJSON {
		if res, err := fhir.Parse(content); err == nil && res.Type == "Binary" {
			return content, nil
		}
	}
	if len(content) == 0 {
		return nil, fhir.NewError(fhir.Invalid, "the body is empty")
	}
	b := binary{ResourceType: "Binary", ID: q.id, ContentType: contentType(stated), Data: base64.StdEncoding.EncodeToString(content)}
	if b.SecurityContext, err = a.securityContext(c.r.Header.Values("X-Security-Context")); err != nil {
		return nil, err
	}
	return encode(b), nil
}

// binary is the shape of https://hl7.org/fhir/R4/binary.html.
type binary struct {
	ResourceType    string     `json:"resourceType"`
	ID              string     `json:"id,omitempty"`
	ContentType     string     `json:"contentType"`
	SecurityContext *binaryRef `json:"securityContext,omitempty"`
	Data            string     `json:"data"`
}

type binaryRef struct {
	Reference string `json:"reference"`
}

// securityContext reads the header that says by whose access rules the content goes.
func (a *api) securityContext(stated []string) (*binaryRef, error) {
	if len(stated) == 0 {
		return nil, nil
	}
	ref, err := fhir.ParseReference(stated[0], a.Base)
	if len(stated) > 1 || err != nil || ref.Kind != fhir.Local && ref.Kind != fhir.Absolute {
		return nil, fhir.NewError(fhir.Value, "X-Security-Context is one reference to a resource, as Patient/1")
	}
	return &binaryRef{ref.String()}, nil
}
