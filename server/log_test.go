package server_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tidwall/gjson"
)

// canaries stand for what a log must never hold. Each is planted where such a thing comes in.
const (
	canaryName       = "CanarySurname"
	canaryIdentifier = "CANARY-MRN-77"
	canaryID         = "canary-id-4711"
	canarySearch     = "CanarySought"
	canaryMethod     = "CANARYMETHOD"
	canaryToken      = "Canary.Token.Text"
	canaryPath       = "CanaryPath"
	canaryHeader     = "Canary Header 1"
)

func TestLogHoldsNoData(t *testing.T) {
	h := newHub(t, openSQLite(t), nil)
	h.settle(t)
	h.tokens["canary"] = canaryToken
	json := http.Header{"Content-Type": {"application/fhir+json"}, "X-Request-Id": {canaryHeader}}
	patient := `{"resourceType":"Patient","id":"` + canaryID + `","identifier":[{"value":"` + canaryIdentifier +
		`"}],"name":[{"family":"` + canaryName + `"}]}`
	requests := []struct{ method, path, as, body string }{
		{"PUT", "/Patient/" + canaryID, "emr", patient},
		{"POST", "/Patient", "emr", patient},
		{"POST", "/Patient", "emr", patient[:len(patient)-1]},
		{"PUT", "/Patient/other", "emr", patient},
		{"PUT", "/Patient?identifier=" + canaryIdentifier, "emr", patient},
		{"DELETE", "/Patient?identifier=" + canaryIdentifier + "&family=" + canaryName + "&" + canarySearch + "=1", "emr", ""},
		{"PATCH", "/Patient/" + canaryID, "emr", `{"resourceType":"Parameters","parameter":[{"name":"` + canaryName + `"}]}`},
		{"POST", "/", "emr", `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":` + patient + `,"request":{"method":"PUT","url":"Patient/` + canaryID + `","ifMatch":"W/\"9\""}}]}`},
		{"POST", "/", "emr", `{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Patient?family=` + canarySearch + `"}},{"resource":` + patient + `,"request":{"method":"` + canaryMethod + `","url":"` + canaryPath + `"}},{"request":{"method":"GET","url":"` + canaryPath + `/` + canaryID + `%zz"}}]}`},
		{"GET", "/Patient/" + canaryID, "emr", ""},
		{"GET", "/Patient/" + canaryID + "/_history/1", "emr", ""},
		{"GET", "/Patient/" + canaryID + "/_history", "emr", ""},
		{"GET", "/Patient?family=" + canarySearch + "&identifier=" + canaryIdentifier, "emr", ""},
		{"GET", "/Patient?birthdate=" + canarySearch, "emr", ""},
		{"GET", "/Patient?" + canarySearch + "=1", "emr", ""},
		{"GET", "/Patient?_page=" + canarySearch, "emr", ""},
		{"GET", "/ImagingStudy?patient=Patient/" + canaryID, "anna", ""},
		{"GET", "/Patient/" + canaryID, "anna", ""},
		{"GET", "/Patient/" + canaryID, "canary", ""},
		{"GET", "/" + canaryPath + "/" + canaryID, "emr", ""},
		{"GET", "/Patient/" + canaryID + "/" + canaryPath, "emr", ""},
		{canaryMethod, "/Patient/" + canaryID, "emr", ""},
		{"POST", "/ImagingStudy", "partner", `{"resourceType":"ImagingStudy","subject":{"reference":"Patient/` + canaryID + `"}}`},
		{"DELETE", "/Patient/" + canaryID, "emr", ""},
		{"GET", "/Patient/" + canaryID, "emr", ""},
	}
	for _, r := range requests {
		h.do(t, r.method, r.path, r.as, json, strings.NewReader(r.body))
	}
	log := h.log.String()
	if lines := strings.Count(log, `"msg":"request"`); lines != len(requests) {
		t.Errorf("%d access lines for %d requests", lines, len(requests))
	}
	for _, canary := range []string{canaryName, canaryIdentifier, canaryID, canarySearch, canaryMethod, canaryToken, canaryPath, canaryHeader} {
		for _, form := range []string{canary, url.QueryEscape(canary), strings.ToLower(canary)} {
			if strings.Contains(log, form) {
				t.Errorf("the log holds %q", form)
			}
		}
	}
	for _, token := range h.tokens {
		if strings.Contains(log, token) {
			t.Error("the log holds a token")
		}
	}
}

func TestAccessLine(t *testing.T) {
	h := newHub(t, openSQLite(t), nil)
	h.settle(t)
	h.do(t, "GET", "/Patient/boris", "anna", nil, nil)
	line := strings.TrimSpace(h.log.String())
	for path, want := range map[string]string{
		"msg": "request", "method": "GET", "route": "/fhir/Patient/{id}", "status": "404", "client": "app", "issue": "not-found",
	} {
		if got := gjson.Get(line, path).String(); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	h.tokens["anna"] = "garbage"
	h.do(t, "GET", "/Patient/boris", "anna", nil, nil)
	if log := h.log.String(); !strings.Contains(log, `"reason":"`) {
		t.Errorf("no reason for a 401 in %s", log)
	}
	for _, path := range []string{"bytes", "ms", "request"} {
		if !gjson.Get(line, path).Exists() {
			t.Errorf("no %s in %s", path, line)
		}
	}
}
