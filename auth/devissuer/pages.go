package devissuer

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
	"regexp"
)

//go:embed pages.html
var pagesHTML string

//go:embed pages.css
var pagesCSS string

var pageTemplate = template.Must(template.New("pages").Parse(pagesHTML))

// page is a form with one choice, or an error.
type page struct {
	Title       string
	Client      string
	Scopes      []string
	Action      string // path below the issuer's URL
	Transaction string
	Name        string // of the choice
	Choices     []choice
	Error       string
	Style       template.CSS
}

type choice struct {
	Value, Text string
	Selected    bool
}

func loginPage(t transaction, users []User) page {
	p := page{Title: "Log in", Client: t.client.title(), Scopes: t.scopes, Action: "/login", Name: "user"}
	for _, u := range users {
		hinted := t.hint != "" && (t.hint == u.Subject || t.hint == u.Name)
		p.Choices = append(p.Choices, choice{u.Subject, u.Name, hinted})
	}
	return p
}

func patientPage(t transaction, u User) page {
	p := page{Title: "Choose a patient", Client: t.client.title(), Scopes: t.scopes, Action: "/patient", Name: "patient"}
	for _, patient := range u.Patients {
		text := patient.Display
		if text == "" {
			text = patient.ID
		}
		p.Choices = append(p.Choices, choice{Value: patient.ID, Text: text})
	}
	return p
}

// errorPage is for those who are not sent back to an application.
func errorPage(w http.ResponseWriter, err error) {
	why := asRefusal(err)
	page{Title: "This does not work", Error: why.description}.write(w, why.status(), "")
}

func (p page) write(w http.ResponseWriter, status int, redirectURI string) {
	p.Style = template.CSS(pagesCSS)
	var body bytes.Buffer
	if err := pageTemplate.Execute(&body, p); err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	pageHeaders(w.Header(), redirectURI)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes())
}

// pageHeaders forbid a page all but its style and its form. Browsers hold the redirect after a form to form-action as well, so it
// names where the client is.
func pageHeaders(h http.Header, redirectURI string) {
	hash := sha256.Sum256([]byte(pagesCSS))
	unstored(h)
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(hash[:])+
		"'; form-action 'self'"+origin(redirectURI)+"; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
}

var hostSource = regexp.MustCompile(`^[A-Za-z0-9.:\[\]-]+$`)

// origin is a source of a policy for a redirect URI, with a space before it: of the web its origin, of an application its scheme.
func origin(redirectURI string) string {
	u, err := url.Parse(redirectURI)
	switch {
	case err != nil || u.Scheme == "":
		return ""
	case u.Scheme != "http" && u.Scheme != "https":
		return " " + u.Scheme + ":"
	case !hostSource.MatchString(u.Host):
		return ""
	}
	return " " + u.Scheme + "://" + u.Host
}
