package main

import (
	"archive/zip"
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"lightbox/fhir/store"
)

// linked is a hub of which a patient hands out images.
type linked struct {
	servingHub
	t        *testing.T
	database string
	emr      string // tokens
	patient  string
	study    string // "ImagingStudy/<id>"
	subject  string // "Patient/<id>"
	log      *syncBuffer
}

func newLinked(t *testing.T, start func(*testing.T) string, args ...string) linked {
	t.Helper()
	return newLinkedOf(t, start, nil, args...)
}

// newLinkedOf has more than the city.
func newLinkedOf(t *testing.T, start func(*testing.T) string, more []string, args ...string) linked {
	t.Helper()
	l := linked{t: t, database: start(t)}
	objects := t.TempDir()
	ingestInto(t, l.database, objects, append(more, city(t))...)
	l.servingHub, l.log = startServe(t, append([]string{"--database", l.database, "--archive", objects, "--id-key", testKey}, args...)...)
	l.emr = l.token(map[string]any{"sub": "emr", "scope": "system/*.cruds"})
	_, body := fetch(t, l.origin+"/fhir/ImagingStudy?modality=CT&_count=1", l.emr)
	entry := gjson.GetBytes(body, "entry.0.resource")
	l.study, l.subject = "ImagingStudy/"+entry.Get("id").Str, entry.Get("subject.reference").Str
	l.patient = l.token(map[string]any{"sub": "p", "client_id": "app", "scope": "patient/*.rs", "patient": strings.TrimPrefix(l.subject, "Patient/")})
	return l
}

func (l linked) token(claims map[string]any) string {
	l.t.Helper()
	claims["aud"] = l.origin + "/fhir"
	token, err := l.issuer.Token(claims, time.Hour)
	if err != nil {
		l.t.Fatal(err)
	}
	return token
}

// post calls an operation on the study.
func (l linked) post(operation, token, parameters string) (int, gjson.Result) {
	l.t.Helper()
	body := `{"resourceType":"Parameters","parameter":[` + parameters + `]}`
	r, err := http.NewRequestWithContext(l.t.Context(), http.MethodPost, l.origin+"/fhir/"+l.study+"/"+operation, strings.NewReader(body))
	if err != nil {
		l.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/fhir+json")
	r.Header.Set("Authorization", "Bearer "+token)
	status, _, answer := l.ask(r)
	return status, gjson.ParseBytes(answer)
}

func (l linked) ask(r *http.Request) (int, http.Header, []byte) {
	l.t.Helper()
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		l.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	return response.StatusCode, response.Header, body
}

// get asks a link as a program or, with html, as a browser.
func (l linked) get(at string, header map[string]string) (int, http.Header, []byte) {
	l.t.Helper()
	r, err := http.NewRequestWithContext(l.t.Context(), http.MethodGet, at, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	for name, value := range header {
		r.Header.Set(name, value)
	}
	return l.ask(r)
}

func (l linked) link(token, parameters string) (id, at string) {
	l.t.Helper()
	status, answer := l.post("$link", token, parameters)
	if status != http.StatusOK {
		l.t.Fatalf("$link: %d %s", status, answer)
	}
	return answer.Get(`parameter.#(name=="id").valueId`).Str, answer.Get(`parameter.#(name=="url").valueUrl`).Str
}

// A patient's link hands out the study's objects with a DICOMDIR, whole and in ranges, to whoever has it and nothing else; it is counted, listed and
// on record, says nothing of anybody, and ends when it is revoked or when the patient may no longer see the study.
func TestLinks(t *testing.T) {
	for name, start := range databases {
		t.Run(name, func(t *testing.T) {
			l := newLinked(t, start)
			id, at := l.link(l.patient, "")
			if strings.Contains(at, strings.TrimPrefix(l.study, "ImagingStudy/")) || strings.Contains(at, id) {
				t.Errorf("the URL tells what it is of: %s", at)
			}
			status, header, whole := l.get(at, nil)
			if status != http.StatusOK || header.Get("Content-Type") != "application/zip" || header.Get("Referrer-Policy") != "no-referrer" || !strings.Contains(header.Get("Cache-Control"), "no-store") {
				t.Fatalf("%d %v", status, header)
			}
			l.holdsStudy(whole)
			for _, part := range []string{"bytes=0-99", "bytes=1000-2999", "bytes=-500"} {
				status, header, got := l.get(at+"/study.zip", map[string]string{"Range": part})
				from := map[string]int{"bytes=0-99": 0, "bytes=1000-2999": 1000, "bytes=-500": len(whole) - 500}[part]
				if status != http.StatusPartialContent || !bytes.Equal(got, whole[from:from+len(got)]) || header.Get("Accept-Ranges") != "bytes" {
					t.Errorf("%s: %d, %d bytes", part, status, len(got))
				}
			}
			if status, _, page := l.get(at, map[string]string{"Accept": "text/html"}); status != http.StatusOK || !bytes.Contains(page, []byte("study.zip")) {
				t.Errorf("page: %d %s", status, page)
			}
			l.isListed(id, 2)
			l.isOnRecord()
			l.tampered(at)
			if status, _ := l.post("$revoke-link", l.token(map[string]any{"sub": "other", "client_id": "app", "scope": "patient/*.rs", "patient": strings.TrimPrefix(l.subject, "Patient/")}), `{"name":"id","valueId":"`+id+`"}`); status != http.StatusNotFound {
				t.Errorf("revoked by another: %d", status)
			}
			if status, answer := l.post("$revoke-link", l.patient, `{"name":"id","valueId":"`+id+`"}`); status != http.StatusOK {
				t.Errorf("revoke: %d %s", status, answer)
			}
			if status, _, _ := l.get(at, nil); status != http.StatusNotFound {
				t.Errorf("revoked, and answered with %d", status)
			}
			l.diesWithItsGrant()
			if secret := at[strings.LastIndex(at, "/")+1:]; strings.Contains(l.log.String(), secret) || !strings.Contains(l.log.String(), "/links/") {
				t.Error("the log has a link's secret, or no line of it")
			}
		})
	}
}

// holdsStudy compares a ZIP with the study's instances.
func (l linked) holdsStudy(b []byte) {
	l.t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		l.t.Fatal(err)
	}
	objects, directory := 0, false
	for _, f := range z.File {
		content, err := f.Open()
		if err != nil {
			l.t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, content); err != nil { // which checks the sum
			l.t.Errorf("%s: %v", f.Name, err)
		}
		directory = directory || f.Name == "DICOMDIR"
		if strings.HasPrefix(f.Name, "DICOM/") {
			objects++
		}
	}
	_, body := fetch(l.t, l.origin+"/fhir/"+l.study, l.emr)
	uid := strings.TrimPrefix(gjson.GetBytes(body, `identifier.#(system=="urn:dicom:uid").value`).Str, "urn:oid:")
	_, body = fetch(l.t, l.origin+"/dicom-web/studies/"+uid+"/instances", l.patient) // those that the patient sees
	if want := int(gjson.GetBytes(body, "#").Int()); !directory || objects != want || want == 0 {
		l.t.Errorf("%d objects, DICOMDIR %v; the study has %d", objects, directory, want)
	}
}

func (l linked) isListed(id string, uses int64) {
	l.t.Helper()
	_, body := fetch(l.t, l.origin+"/fhir/"+l.study+"/$links", l.patient)
	one := gjson.GetBytes(body, "parameter.0.part")
	if one.Get(`#(name=="id").valueId`).Str != id || one.Get(`#(name=="uses").valueInteger`).Int() != uses || strings.Contains(string(body), "/links/") {
		l.t.Errorf("$links: %s", body)
	}
	other := l.token(map[string]any{"sub": "other", "client_id": "app", "scope": "patient/*.rs", "patient": strings.TrimPrefix(l.subject, "Patient/")})
	if _, body := fetch(l.t, l.origin+"/fhir/"+l.study+"/$links", other); gjson.GetBytes(body, "parameter.#").Int() != 0 {
		l.t.Errorf("$links of another: %s", body)
	}
}

func (l linked) isOnRecord() {
	l.t.Helper()
	auditor := l.token(map[string]any{"sub": "a", "scope": "user/AuditEvent.rs", "roles": []string{"auditor"}})
	for kind, want := range map[string]int64{"110106": 1, "110104": 5} { // the link, that the study came, and each that was sent of it
		_, body := fetch(l.t, l.origin+"/fhir/AuditEvent?type="+kind+"&patient="+l.subject+"&entity="+l.study, auditor)
		if n := gjson.GetBytes(body, "entry.#").Int(); n != want {
			l.t.Errorf("%s: %d events, want %d", kind, n, want)
		}
	}
}

// tampered tries secrets that are none.
func (l linked) tampered(at string) {
	l.t.Helper()
	base := at[:strings.LastIndex(at, "/")+1]
	secret := at[len(base):]
	for _, other := range []string{secret[1:], secret + "A", strings.ToUpper(secret), secret[:10], "..%2f" + secret, url.PathEscape(secret + "\x00"), secret + "/", "AAAA" + secret[4:]} {
		if status, _, body := l.get(base+other, nil); status == http.StatusOK && other != secret+"/" || bytes.Contains(body, []byte("PK")) && other != secret+"/" {
			l.t.Errorf("%q is answered with %d", other, status)
		}
	}
}

// diesWithItsGrant: a link of somebody who acted for the patient ends with that.
func (l linked) diesWithItsGrant() {
	l.t.Helper()
	put := func(resourceType, id, body string) {
		r, err := http.NewRequestWithContext(l.t.Context(), http.MethodPut, l.origin+"/fhir/"+resourceType+"/"+id, strings.NewReader(body))
		if err != nil {
			l.t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/fhir+json")
		r.Header.Set("Authorization", "Bearer "+l.emr)
		if status, _, answer := l.ask(r); status > 201 {
			l.t.Fatalf("%d %s", status, answer)
		}
	}
	put("RelatedPerson", "friend", `{"resourceType":"RelatedPerson","id":"friend","patient":{"reference":"`+l.subject+`"}}`)
	consent := `{"resourceType":"Consent","id":"c","status":"STATUS","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},` +
		`"category":[{"coding":[{"system":"http://loinc.org","code":"59284-0"}]}],"policyRule":{"text":"x"},"patient":{"reference":"` + l.subject + `"},` +
		`"provision":{"type":"permit","actor":[{"role":{"text":"x"},"reference":{"reference":"RelatedPerson/friend"}}]}}`
	put("Consent", "c", strings.Replace(consent, "STATUS", "active", 1))
	friend := l.token(map[string]any{"sub": "f", "client_id": "app", "scope": "user/*.rs", "fhirUser": "RelatedPerson/friend"})
	_, at := l.link(friend, "")
	if status, _, _ := l.get(at, nil); status != http.StatusOK {
		l.t.Errorf("a friend's link: %d", status)
	}
	put("Consent", "c", strings.Replace(consent, "STATUS", "inactive", 1))
	if status, _, _ := l.get(at, nil); status != http.StatusNotFound {
		l.t.Errorf("the consent is over, and the link is answered with %d", status)
	}
}

// A passcode is asked for, in the page's form or by Basic authentication, and can not be guessed: ten that are wrong end the link.
func TestLinkWithPasscode(t *testing.T) {
	l := newLinked(t, databases["sqlite"])
	if status, answer := l.post("$link", l.patient, `{"name":"passcode","valueString":"abc"}`); status != http.StatusBadRequest {
		t.Errorf("a short passcode: %d %s", status, answer)
	}
	_, at := l.link(l.patient, `{"name":"purpose","valueCode":"download"},{"name":"passcode","valueString":"1234 ю"}`)
	enter := func(passcode string) (int, http.Header, []byte) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, at, strings.NewReader(url.Values{"passcode": {passcode}}.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return l.ask(r)
	}
	if status, _, body := l.get(at, nil); status != http.StatusUnauthorized || bytes.HasPrefix(body, []byte("PK")) {
		t.Errorf("without a passcode: %d", status)
	}
	if status, _, page := l.get(at, map[string]string{"Accept": "text/html"}); status != http.StatusOK || !bytes.Contains(page, []byte("<form")) || bytes.Contains(page, []byte("study.zip")) {
		t.Errorf("page: %d %s", status, page)
	}
	if status, _, page := enter("wrong"); status != http.StatusForbidden || !bytes.Contains(page, []byte("<form")) {
		t.Errorf("a wrong passcode: %d", status)
	}
	status, header, page := enter("1234 ю")
	cookie, _, _ := strings.Cut(header.Get("Set-Cookie"), ";")
	if status != http.StatusOK || !bytes.Contains(page, []byte("study.zip")) || !strings.Contains(header.Get("Set-Cookie"), "HttpOnly") {
		t.Errorf("the passcode: %d %v", status, header)
	}
	if status, _, body := l.get(at+"/study.zip", map[string]string{"Cookie": cookie}); status != http.StatusOK || !bytes.HasPrefix(body, []byte("PK")) {
		t.Errorf("with the form's cookie: %d", status)
	}
	for range 9 {
		enter("wrong")
	}
	if status, _, _ := enter("1234 ю"); status != http.StatusNotFound {
		t.Errorf("after ten that are wrong: %d", status)
	}
}

// A link ends on time by the hub's clock, and what has begun is sent to its end; who may not see a study has none of it.
func TestLinkExpires(t *testing.T) {
	l := newLinked(t, databases["sqlite"])
	_, at := l.link(l.patient, "")
	st, err := openStore(t.Context(), l.database, newLog(io.Discard, "error"))
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	move := func(expires time.Time) {
		err := st.Write(t.Context(), func(tx store.Tx) error {
			_, err := tx.Exec(context.Background(), "UPDATE image_link SET expires = $1", expires.UnixMicro())
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	move(time.Now().Add(time.Hour))
	if status, _, _ := l.get(at, nil); status != http.StatusOK {
		t.Errorf("an hour before its end: %d", status)
	}
	move(time.Now().Add(-time.Second))
	if status, _, _ := l.get(at, nil); status != http.StatusNotFound {
		t.Errorf("a second after its end: %d", status)
	}
	stranger := l.token(map[string]any{"sub": "s", "client_id": "app", "scope": "patient/*.rs", "patient": "somebody"})
	for _, operation := range []string{"$link", "$revoke-link"} {
		if status, _ := l.post(operation, stranger, `{"name":"id","valueId":"x"}`); status == http.StatusOK {
			t.Errorf("%s by a stranger: %d", operation, status)
		}
	}
	if status, _ := l.post("$link", l.token(map[string]any{"sub": "s", "scope": "openid"}), ""); status != http.StatusForbidden {
		t.Errorf("$link without a scope: %d", status)
	}
}
