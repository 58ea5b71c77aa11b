package viewer

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The embedded files are those that the build made of the sources and the lock that are here: make viewer.
func TestBuiltFromWhatIsHere(t *testing.T) {
	sumOf := func(b []byte) string {
		sum := sha256.Sum256(b)
		return hex.EncodeToString(sum[:])
	}
	here := map[string]string{}
	for _, name := range []string{"build.mjs", "package.json", "package-lock.json"} {
		here[name] = ""
	}
	files, err := filepath.Glob("src/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		here[filepath.ToSlash(name)] = ""
	}
	for name := range here {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		here[name] = sumOf(content)
	}
	if diff := cmp.Diff(here, sources); diff != "" {
		t.Errorf("dist was built from other sources (-here +built), run make viewer:\n%s", diff)
	}
	entries, err := dist.ReadDir("dist")
	if err != nil {
		t.Fatal(err)
	}
	built, size := map[string]string{}, 0
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".gz")
		if !ok {
			continue
		}
		content, err := dist.ReadFile("dist/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		size += len(content)
		built[name] = sumOf(unzipped(t, content))
	}
	if diff := cmp.Diff(built, listed); diff != "" {
		t.Errorf("dist is not what was built (-is +built), run make viewer:\n%s", diff)
	}
	if size > 2<<20 {
		t.Errorf("%d bytes, which is a lot for the repository", size)
	}
}

// Versions are exact: what is built is the same tomorrow.
func TestVersionsAreExact(t *testing.T) {
	content, err := os.ReadFile("package.json")
	if err != nil {
		t.Fatal(err)
	}
	var p struct{ Dependencies, DevDependencies map[string]string }
	if err := json.Unmarshal(content, &p); err != nil {
		t.Fatal(err)
	}
	maps.Copy(p.Dependencies, p.DevDependencies)
	for name, version := range p.Dependencies {
		if strings.Trim(version, "0123456789.") != "" {
			t.Errorf("%s %s", name, version)
		}
	}
}

// Each language says the same things.
func TestTexts(t *testing.T) {
	content, err := os.ReadFile("src/texts.json")
	if err != nil {
		t.Fatal(err)
	}
	var texts map[string]map[string]string
	if err := json.Unmarshal(content, &texts); err != nil {
		t.Fatal(err)
	}
	keys := func(language string) []string { return slices.Sorted(maps.Keys(texts[language])) }
	if diff := cmp.Diff(keys("ru"), keys("en")); diff != "" || len(keys("ru")) < 20 {
		t.Errorf("(-ru +en):\n%s", diff)
	}
	for _, problem := range []Problem{Document, Video, Syntax, Pixels, Unreadable} {
		if texts["en"][string(problem)] == "" {
			t.Errorf("no words for %q", problem)
		}
	}
}

// The page names files that are there, which are served for good, as what they are, compressed to whoever takes that.
func TestFiles(t *testing.T) {
	var page bytes.Buffer
	if err := Write(&page, "<secret>"); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(page.String(), "<secret>") {
		t.Error("the page does not escape its URL")
	}
	for name := range listed {
		at := "/" + Path + "/" + version + "/" + name
		if ext := path.Ext(name); (name == "main.js" || ext == ".css") && !strings.Contains(page.String(), `="`+at[1:]+`"`) {
			t.Errorf("the page does not name %s", name)
		}
		plain, zipped := get(t, at, ""), get(t, at, "br, gzip")
		for _, answer := range []*httptest.ResponseRecorder{plain, zipped} {
			h := answer.Header()
			kept, bounded := strings.Contains(h.Get("Cache-Control"), "immutable"), strings.HasPrefix(h.Get("Content-Security-Policy"), "default-src 'none'")
			if answer.Code != http.StatusOK || h.Get("Content-Type") != types[path.Ext(name)] || !kept || !bounded {
				t.Errorf("%s: %d %v", name, answer.Code, h)
			}
		}
		if zipped.Header().Get("Content-Encoding") != "gzip" || !bytes.Equal(unzipped(t, zipped.Body.Bytes()), plain.Body.Bytes()) || plain.Body.Len() == 0 {
			t.Errorf("%s: %d bytes, and %d compressed", name, plain.Body.Len(), zipped.Body.Len())
		}
	}
	for _, at := range []string{"0000000000000000/main.js", version + "/SHA256SUMS", version + "/", version + "/../viewer.go"} {
		if answer := get(t, "/"+Path+"/"+at, "gzip"); answer.Code != http.StatusNotFound {
			t.Errorf("%s: %d", at, answer.Code)
		}
	}
}

func get(t *testing.T, at, encoding string) *httptest.ResponseRecorder {
	t.Helper()
	answer := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, at, nil)
	r.Header.Set("Accept-Encoding", encoding)
	Files().ServeHTTP(answer, r)
	return answer
}

func unzipped(t *testing.T, b []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}
