// Package viewer is the page that shows the images of one study in any browser: its script, which is built from src by the versions that
// package-lock.json names, and what the script is told of a study. It knows neither who looks nor where the images come from, and it is a
// viewer for looking, not for a diagnosis.
//
// The script asks, relative to the page's own URL, for Document (a Study as JSON) and for frames, in the way of WADO-RS (PS3.18 10.4):
// instances/{SOP Instance UID}/frames/{number from 1}.
package viewer

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"path"
	"strings"
)

// Study is what the page is told of a study: what it shows, and nothing else.
type Study struct {
	Description string   `json:"description,omitempty"`
	Date        string   `json:"date,omitempty"`    // FHIR date
	Expires     string   `json:"expires,omitempty"` // when the page ends, as people read it
	Series      []Series `json:"series"`
}

// Series is a series of a study.
type Series struct {
	Modality    string     `json:"modality,omitempty"`
	Description string     `json:"description,omitempty"`
	Instances   []Instance `json:"instances"`
}

// Instance is an object of a series. Metadata are those attributes in the DICOM JSON model (PS3.18 F.2) that are needed to decode and show it.
type Instance struct {
	UID      string          `json:"uid"`
	Frames   int             `json:"frames"`
	Problem  Problem         `json:"problem,omitempty"`
	Metadata json.RawMessage `json:"metadata,omitempty"`
}

// Problem is why the page shows words in place of an image.
type Problem string

// Problems that are known before a frame is asked for. The page has words for each.
const (
	Document   Problem = "document"   // no image: a report, a PDF, marks on images
	Video      Problem = "video"      // a film in a codec of films
	Syntax     Problem = "syntax"     // a transfer syntax that the page has no decoder for
	Pixels     Problem = "pixels"     // samples that the page cannot show
	Unreadable Problem = "unreadable" // an object that cannot be read
)

// decodable are the transfer syntaxes that the page decodes, beside those without compression.
var decodable = map[string]bool{
	"1.2.840.10008.1.2": true, "1.2.840.10008.1.2.1": true, "1.2.840.10008.1.2.1.99": true, "1.2.840.10008.1.2.2": true, "1.2.840.10008.1.2.5": true,
	"1.2.840.10008.1.2.4.50": true, "1.2.840.10008.1.2.4.51": true, "1.2.840.10008.1.2.4.57": true, "1.2.840.10008.1.2.4.70": true,
	"1.2.840.10008.1.2.4.80": true, "1.2.840.10008.1.2.4.81": true, "1.2.840.10008.1.2.4.90": true, "1.2.840.10008.1.2.4.91": true,
	"1.2.840.10008.1.2.4.201": true, "1.2.840.10008.1.2.4.202": true, "1.2.840.10008.1.2.4.203": true,
}

// Decodes reports whether the page decodes a transfer syntax.
func Decodes(transferSyntax string) bool { return decodable[transferSyntax] }

// StudyFile is where the page asks for its Study, below its own URL.
const StudyFile = "study.json"

//go:embed dist
var dist embed.FS

// listed are the files that the page loads, by name, each with the SHA-256 of its content; embedded they are compressed. sources are what they
// were built from.
var listed, sources = sums()

// version names all the files at once, so that whoever has one of that name may keep it.
var version = versionOf(listed)

func sums() (files, sources map[string]string) {
	list, err := dist.ReadFile("dist/SHA256SUMS")
	if err != nil {
		panic(err) // it is embedded
	}
	files, sources = map[string]string{}, map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(list)); lines.Scan(); {
		sum, name, _ := strings.Cut(lines.Text(), "  ")
		if inside, ok := strings.CutPrefix(name, "dist/"); ok {
			files[inside] = sum
		} else {
			sources[name] = sum
		}
	}
	return files, sources
}

func versionOf(files map[string]string) string {
	text, err := json.Marshal(files) // sorted by name
	if err != nil {
		panic(err) // they are texts
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// Path is where Files has to be served, relative to the parent of the page's URL.
const Path = "viewer"

// types of files by the end of their name. A browser compiles no WebAssembly of another type while it loads.
var types = map[string]string{
	".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".wasm": "application/wasm", ".txt": "text/plain; charset=utf-8",
}

// workerPolicy is the policy of a worker's script, which has none from the page: it decodes, and asks for decoders.
const workerPolicy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'"

// Files serves {version}/{file}: the same to everybody, for good.
func Files() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		of, name := path.Split(r.URL.Path)
		content, err := dist.ReadFile("dist/" + name + ".gz")
		if path.Base(of) != version || err != nil || listed[name] == "" {
			http.NotFound(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Type", types[path.Ext(name)])
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", workerPolicy)
		h.Add("Vary", "Accept-Encoding")
		h.Set("No-Gzip-Compression", "1")
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			send(w, r, content)
			return
		}
		h.Set("Content-Encoding", "gzip")
		h.Set("Content-Length", fmt.Sprint(len(content)))
		if r.Method != http.MethodHead {
			_, _ = w.Write(content) // who has gone has gone
		}
	})
}

// send sends a file to who takes no compression.
func send(w http.ResponseWriter, r *http.Request, compressed []byte) {
	plain, err := gzip.NewReader(bytes.NewReader(compressed))
	if err == nil && r.Method != http.MethodHead {
		_, _ = io.Copy(w, plain)
	}
}

// Policy is the Content-Security-Policy of the page: nothing from elsewhere, and WebAssembly for the decoders.
const Policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"style-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"

//go:embed page.html
var pageText string

var page = template.Must(template.New("").Parse(pageText))

// Write writes the page. at is its own URL, relative to itself: the last segment.
func Write(w io.Writer, at string) error {
	return page.Execute(w, struct{ Files, At string }{Path + "/" + version + "/", at + "/"})
}
