package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"lightbox/dicom"
)

// viewing is a person at a browser who looks at a link, for server/testdata/clients/viewer.mjs.
type viewing struct {
	URL          string           `json:"url"`
	Width        int              `json:"width"`
	Height       int              `json:"height"`
	GPU          bool             `json:"gpu"`
	Touch        bool             `json:"touch,omitempty"`
	Language     string           `json:"language"`
	NoJavaScript bool             `json:"-"`
	JavaScript   *bool            `json:"javaScript,omitempty"`
	Steps        []map[string]any `json:"steps"`
}

// screen is what the page shows after a step.
type screen struct {
	State, Words, Message, Window, Count, Title, Label, Text, Hash string
	Series                                                         []string
	At, Rows, Columns, Levels, Wide                                int
	Mean, Zoom                                                     float64
	Form                                                           bool
}

func (s screen) String() string {
	return fmt.Sprintf("%s %q, series %d, %s, window %s, %dx%d, %d levels of mean %.1f, zoom %.2f, values %.8s",
		s.State, s.Words, s.At, s.Count, s.Window, s.Columns, s.Rows, s.Levels, s.Mean, s.Zoom, s.Hash)
}

// viewed is all that happened.
type viewed struct {
	Seen              []screen
	Console, Requests []string
}

func do(what string, more ...any) map[string]any {
	step := map[string]any{"do": what}
	for i := 0; i < len(more); i += 2 {
		step[more[i].(string)] = more[i+1]
	}
	return step
}

// look does the steps of a viewing in Chromium. What the page asks for elsewhere, and what a policy forbids it, is an error of the page.
func look(t *testing.T, v viewing) viewed {
	t.Helper()
	const clients = "../../server/testdata/clients"
	if os.Getenv("LIGHTBOX_TEST_PEERS") != "1" {
		t.Skip("left out: needs node, Chromium and the npm packages of server/testdata/clients; run make test")
	}
	chromium := must(exec.LookPath("chromium"))
	if v.Width == 0 {
		v.Width, v.Height = 1280, 800
	}
	if v.Language == "" {
		v.Language = "ru-RU"
	}
	if v.NoJavaScript {
		v.JavaScript = new(bool)
	}
	_, _ = os.Stat(filepath.Join(clients, "viewer.mjs")) // so that go test takes its cached answer only when it has not changed
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	node := exec.CommandContext(ctx, "node", "viewer.mjs")
	node.Dir = clients
	node.Env = append(os.Environ(), "LIGHTBOX_CHROMIUM="+chromium, "LIGHTBOX_VIEWING="+string(must(json.Marshal(v))))
	var problems bytes.Buffer
	node.Stderr = &problems
	out, err := node.Output()
	var seen viewed
	if err != nil || json.Unmarshal(out, &seen) != nil {
		t.Fatalf("%v\n%s%s", err, out, &problems)
	}
	if len(seen.Seen) < len(v.Steps) {
		t.Fatalf("%d of %d steps were done: %v\n%s", len(seen.Seen), len(v.Steps), seen.Seen, strings.Join(seen.Console, "\n"))
	}
	origin := v.URL[:strings.Index(v.URL, "/links/")]
	for _, one := range seen.Requests {
		_, at, _ := strings.Cut(one, " ")
		if !strings.HasPrefix(at, origin+"/links/") && !strings.HasPrefix(at, "data:") && !strings.HasPrefix(at, "blob:") {
			t.Errorf("the page asks elsewhere: %s", one)
		}
	}
	for _, one := range seen.Console {
		if strings.HasPrefix(one, "error:") && !strings.Contains(one, "status of 40") || strings.Contains(one, "Security Policy") {
			t.Errorf("the console: %s", one)
		}
	}
	return seen
}

// realObjects are real files, of many makers.
const realObjects = "../../../shared/testdata/dicom/"

// Folders of them.
const (
	pydicom     = "MIT/pydicom+pydicom/src/pydicom/data/test_files/"
	pydicomData = "MIT/pydicom+pydicom-data/data_store/data/"
	orthanc     = "GPL-3.0-or-later/orthanc-mirrors+orthanc-tests/Database/"
	microsoft   = "MIT/microsoft+dicom-server/src/Microsoft.Health.Dicom.Tests.Common/TranscodingSamples/"
	cornerstone = "MIT/cornerstonejs+cornerstone3D/packages/dicomImageLoader/"
)

// realSample is a file whose values are known: dcmtk decodes it, or another file has them undecoded.
type realSample struct {
	name, file string
	with, same string // the program that decodes it, or the other file
}

var realSamples = []realSample{
	{name: "explicit", file: pydicom + "CT_small.dcm", with: "dcmconv"},
	{name: "implicit, colour", file: microsoft + "ImplicitVRLittleEndian.dcm", with: "dcmconv"},
	{name: "big endian", file: pydicom + "MR_small_bigendian.dcm", with: "dcmconv"},
	{name: "big endian, colour", file: microsoft + "ExplicitVRBigEndian.dcm", with: "dcmconv"},
	{name: "deflated, colour", file: microsoft + "DeflatedExplicitVRLittleEndian.dcm", with: "dcmconv"},
	{name: "JPEG lossless", file: orthanc + "TransferSyntaxes/1.2.840.10008.1.2.4.57.dcm", with: "dcmdjpeg"},
	{name: "JPEG lossless, SV1", file: cornerstone + "examplesOld/test-images/CTImage.dcm_JPEGProcess14SV1TransferSyntax_1.2.840.10008.1.2.4.70.dcm", with: "dcmdjpeg"},
	{name: "JPEG lossless, colour", file: cornerstone + "testImages/TestPattern_JPEG-Lossless_RGB.dcm", with: "dcmdjpeg"},
	{name: "JPEG-LS", file: orthanc + "Formats/JpegLossless.dcm", with: "dcmdjpls"},
	{name: "JPEG 2000", file: pydicom + "MR_small_jp2klossless.dcm", same: pydicom + "MR_small_padded.dcm"},
	{name: "JPEG 2000, large", file: pydicomData + "MR2_J2KR.dcm", same: pydicomData + "MR2_UNCR.dcm"},
	{name: "RLE", file: "GPL-3.0/ivmartel+dwv/tests/data/leadtools-flowers-16-mono2-rle.dcm", with: "dcmdrle"},
	{name: "RLE, colour", file: microsoft + "RLELossless.dcm", with: "dcmdrle"},
	{name: "RLE, palette", file: pydicomData + "OBXXXX1A_rle.dcm", with: "dcmdrle"},
	{name: "palette", file: cornerstone + "testImages/TestPattern_Palette_16.dcm", with: "dcmconv"},
}

// mixed is a study of one patient with a series for each sample, made of the real files: only what identifies them is another.
func mixed(t *testing.T, files []string) (dir, study string) {
	t.Helper()
	if os.Getenv("LIGHTBOX_TEST_PEERS") != "1" {
		t.Skip("left out: needs dcmtk; run make test")
	}
	if _, err := os.Stat(realObjects); err != nil {
		t.Skip("left out: ../shared/testdata is not here")
	}
	dir, study = t.TempDir(), "1.2.826.0.1.3680043.8.498.77"
	for n, file := range files {
		to := filepath.Join(dir, strconv.Itoa(n)+".dcm")
		if err := os.WriteFile(to, must(os.ReadFile(realObjects+file)), 0o600); err != nil {
			t.Fatal(err)
		}
		uid := study + "." + strconv.Itoa(n+1)
		dcmtk(t, "dcmodify", "-nb", "-ie", "-i", "StudyInstanceUID="+study, "-i", "SeriesInstanceUID="+uid, "-i", "SOPInstanceUID="+uid+".1",
			"-i", "SeriesNumber="+strconv.Itoa(n+1), "-i", "PatientID=CANARY-ID", "-i", "PatientName=Canary^Name", "-i", "PatientBirthDate=19700101",
			"-i", "IssuerOfPatientID=CITY", "-i", "AccessionNumber=CANARY-A", to)
	}
	return dir, study
}

func dcmtk(t *testing.T, program string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", program, err, out)
	}
}

// decoded are the values of the first frame as cornerstone keeps them: after the rescaling of the object, as 32 bit integers.
func decoded(t *testing.T, s realSample) string {
	t.Helper()
	native := realObjects + s.same
	if s.with != "" {
		native = filepath.Join(t.TempDir(), "native.dcm")
		dcmtk(t, s.with, "+te", realObjects+s.file, native)
	}
	content := must(os.ReadFile(native))
	ds, pixels, err := dicom.ScanPixels(bytes.NewReader(content), int64(len(content)), dicom.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	frame := make([]byte, must(pixels.Frame(1))[0].Length)
	if _, err := pixels.Source().ReadAt(frame, must(pixels.Frame(1))[0].Offset); err != nil {
		t.Fatal(err)
	}
	sum := sha256.New()
	for _, v := range valuesOf(ds, frame) {
		_ = binary.Write(sum, binary.LittleEndian, v)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func valuesOf(ds *dicom.Dataset, frame []byte) (values []int32) {
	number := func(keyword string, otherwise float64) float64 {
		if v, err := strconv.ParseFloat(strings.TrimSpace(ds.Text(dicom.MustPath(keyword))), 64); err == nil {
			return v
		}
		return otherwise
	}
	stored, signed := number("BitsStored", 16), number("PixelRepresentation", 0) == 1
	slope, intercept := number("RescaleSlope", 1), number("RescaleIntercept", 0)
	palette := paletteOf(ds)
	size := int(number("BitsAllocated", 16)) / 8
	for i := 0; i < len(frame); i += size {
		v := int32(frame[i])
		if size == 2 {
			v = int32(binary.LittleEndian.Uint16(frame[i:]))
		}
		if shift := 32 - int(stored); signed {
			v = v << shift >> shift
		}
		if palette != nil {
			values = append(values, palette(v)...)
			continue
		}
		values = append(values, int32(math.Floor(float64(float32(float64(v)*slope+intercept))+0.5)))
	}
	return values
}

// paletteOf looks up the colour of a value, in 8 bits (PS3.3 C.7.6.3.1.5); nil where the image has no palette.
func paletteOf(ds *dicom.Dataset) func(v int32) []int32 {
	if ds.Text(dicom.MustPath("PhotometricInterpretation")) != "PALETTE COLOR" {
		return nil
	}
	return func(v int32) (colour []int32) {
		for _, one := range []string{"Red", "Green", "Blue"} {
			e, _, _ := ds.Find(dicom.MustPath(one + "PaletteColorLookupTableData"))
			at := min(int(v), len(e.Value)/2-1)
			colour = append(colour, int32(binary.LittleEndian.Uint16(e.Value[2*at:])>>8))
		}
		return colour
	}
}

// A link for viewing shows what the objects hold, value by value, whatever they are compressed with, and says in words what it does not show.
func TestViewLinkShowsWhatObjectsHold(t *testing.T) {
	others := map[string]string{
		orthanc + "sample-pdf.dcm":                                                                                  "документ",
		orthanc + "Issue56-NoPixelData.dcm":                                                                         "этого вида",
		cornerstone + "examplesOld/test-images/no-pixel-data.dcm":                                                   "документ",
		pydicomData + "parametric_map_float.dcm":                                                                    "этого вида",
		pydicomData + "liver_nonbyte_aligned_j2k.dcm":                                                               "этого вида",
		"BSD-3-Clause/QIICR+dcmqi/data/segmentations/24x38x3/seg/label.seg":                                         "этого вида",
		cornerstone + "examplesOld/test-images/CTImage.dcm_JPEGProcess6_8TransferSyntax_1.2.840.10008.1.2.4.53.dcm": "сжат способом",
	}
	var files []string
	for _, s := range realSamples {
		files = append(files, s.file)
	}
	files = append(files, slices.Sorted(maps.Keys(others))...)
	dir, study := mixed(t, files)
	l := newLinkedOf(t, databases["sqlite"], []string{dir})
	l.study = l.studyOf(study)
	_, at := l.link(l.emr, `{"name":"purpose","valueCode":"view"}`)
	for _, gpu := range []bool{true, false} {
		t.Run(fmt.Sprintf("gpu %v", gpu), func(t *testing.T) {
			v := look(t, viewing{URL: at, GPU: gpu, Steps: []map[string]any{do("open"), do("walk")}})
			byNumber := map[int]screen{}
			for _, one := range v.Seen {
				if _, ok := byNumber[one.At]; !ok {
					byNumber[one.At] = one
				}
			}
			if len(byNumber) != len(files) {
				t.Errorf("%d series of %d; console: %s", len(byNumber), len(files), strings.Join(v.Console, "\n"))
			}
			for n, s := range realSamples {
				if got := byNumber[n]; got.State != "shown" || got.Hash != decoded(t, s) || got.Levels < 8 {
					t.Errorf("%s: %v", s.name, got)
				}
			}
			for n, file := range files[len(realSamples):] {
				if got := byNumber[len(realSamples)+n]; !strings.Contains(got.Words, others[file]) || got.Hash != "" {
					t.Errorf("%s: %v", file, got)
				}
			}
		})
	}
}

// studyOf is the ImagingStudy of a Study Instance UID.
func (l linked) studyOf(uid string) string {
	l.t.Helper()
	_, body := fetch(l.t, l.origin+"/fhir/ImagingStudy?identifier=urn:oid:"+uid, l.emr)
	return "ImagingStudy/" + gjson.GetBytes(body, "entry.0.resource.id").Str
}

// Somebody with a mouse, a keyboard or a finger scrolls, changes the window, zooms, pans and inverts, on a desk and on a telephone, in two languages.
func TestViewLinkByHand(t *testing.T) {
	l := newLinked(t, databases["sqlite"])
	_, at := l.link(l.patient, `{"name":"purpose","valueCode":"view"}`)
	dir := t.TempDir()
	if kept := os.Getenv("LIGHTBOX_SHOTS"); kept != "" {
		dir = kept
	}
	t.Run("desk", func(t *testing.T) {
		v := look(t, viewing{URL: at, GPU: true, Steps: []map[string]any{
			do("open"), do("click", "on", "#series li:nth-child(2) button", "number", 1), do("wheel", "by", 100, "number", 2), do("key", "press", "ArrowDown", "number", 3), do("key", "press", "End"), do("key", "press", "Home", "number", 1),
			do("drag", "x", 100, "y", 60), do("preset", "name", "lung"), do("key", "press", "1"), do("click", "on", "[data-do=invert]"), do("key", "press", "i"),
			do("wheel", "by", -300, "zoom", true), do("drag", "x", 80, "y", 0, "button", "middle"), do("click", "on", "[data-do=fit]"),
			do("click", "on", "#language"), do("shot", "file", filepath.Join(dir, "desk.png")),
		}})
		s := v.Seen
		open, wheeled, down, end, home, dragged, lung := s[1], s[2], s[3], s[4], s[5], s[6], s[7]
		first, inverted, again, zoomed, panned, fitted, english := s[8], s[9], s[10], s[11], s[12], s[13], s[14]
		for _, one := range v.Seen {
			t.Log(one)
		}
		at, of, _ := strings.Cut(end.Count, " / ")
		if open.State != "shown" || wheeled.Hash == open.Hash || down.Hash == wheeled.Hash || home.Hash != open.Hash || at != of {
			t.Error("it does not scroll")
		}
		if dragged.Window == home.Window || dragged.Mean == home.Mean || dragged.Hash != home.Hash || lung.Window != "-600 / 1500" ||
			first.Window != home.Window || first.Mean != home.Mean {
			t.Error("the window does not change as it should")
		}
		if inverted.Mean == first.Mean || again.Mean != first.Mean || zoomed.Zoom <= 1 || panned.Mean == zoomed.Mean ||
			fitted.Zoom != 1 || fitted.Mean != first.Mean {
			t.Error("it does not invert, zoom, pan or fit")
		}
		if !strings.Contains(open.Text, "не для постановки диагноза") || !strings.Contains(english.Text, "not for diagnosis") || !strings.HasPrefix(english.Label, "Image 1 of") {
			t.Errorf("languages: %q", english.Text)
		}
	})
	t.Run("telephone", func(t *testing.T) {
		v := look(t, viewing{URL: at, GPU: true, Width: 390, Height: 844, Touch: true, Language: "en-GB", Steps: []map[string]any{
			do("open"), do("click", "on", "#series li:nth-child(2) button"), do("pinch", "from", 40, "to", 120), do("shot", "file", filepath.Join(dir, "telephone.png")),
		}})
		for _, one := range v.Seen {
			t.Log(one)
			if one.Wide > 390 {
				t.Errorf("%d px wide", one.Wide)
			}
		}
		if v.Seen[2].Zoom < 1.5 || !strings.Contains(v.Seen[0].Text, "not for diagnosis") {
			t.Error("it does not zoom, or speaks another language")
		}
	})
	t.Run("without JavaScript", func(t *testing.T) {
		v := look(t, viewing{URL: at, NoJavaScript: true, Steps: []map[string]any{do("open")}})
		if text := v.Seen[0].Text; !strings.Contains(text, "нужен JavaScript") || !strings.Contains(text, "needs JavaScript") {
			t.Errorf("%q", text)
		}
	})
}

// A link for viewing tells nothing of a person, serves one study and no files, is counted and on record by study.json, and dies as any.
func TestViewLink(t *testing.T) {
	for name, start := range databases {
		t.Run(name, func(t *testing.T) {
			l := newLinked(t, start)
			id, at := l.link(l.patient, `{"name":"purpose","valueCode":"view"}`)
			_, download := l.link(l.patient, "")
			status, header, page := l.get(at, map[string]string{"Accept": "text/html"})
			policy := header.Get("Content-Security-Policy")
			if status != http.StatusOK || !bytes.Contains(page, []byte("<noscript>")) || header.Get("Referrer-Policy") != "no-referrer" ||
				!strings.Contains(policy, "default-src 'none'; script-src 'self' 'wasm-unsafe-eval';") || strings.Contains(policy, "unsafe-inline") {
				t.Errorf("page: %d %v", status, header)
			}
			for _, zip := range []string{at, at + "/study.zip"} {
				if status, _, body := l.get(zip, nil); bytes.HasPrefix(body, []byte("PK")) || zip != at && status != http.StatusNotFound {
					t.Errorf("%s: %d, %d bytes", zip, status, len(body))
				}
			}
			l.usedTimes(id, 0)
			study := l.studyJSON(at)
			l.usedTimes(id, 1)
			l.tellsNothingPersonal(study)
			frame := "/instances/" + study.Get("series.1.instances.0.uid").Str + "/frames/1"
			status, header, pixels := l.get(at+frame, nil)
			if kind := header.Get("Content-Type"); status != http.StatusOK || len(pixels) != 112*112*2 ||
				kind != "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1" || !strings.Contains(header.Get("Cache-Control"), "no-store") {
				t.Errorf("frame: %d, %d bytes, %v", status, len(pixels), header)
			}
			l.usedTimes(id, 1)
			for path, want := range map[string]int{
				"/instances/" + l.otherInstance() + "/frames/1": http.StatusNotFound,
				"/instances/1.2.3/frames/1":                     http.StatusNotFound,
				strings.TrimSuffix(frame, "1") + "2":            http.StatusNotAcceptable,
				strings.TrimSuffix(frame, "1") + "0":            http.StatusNotAcceptable,
				strings.TrimSuffix(frame, "1") + "x":            http.StatusNotFound,
			} {
				if status, _, _ := l.get(at+path, nil); status != want {
					t.Errorf("%s: %d, want %d", path, status, want)
				}
			}
			for _, path := range []string{"/study.json", frame} {
				if status, _, _ := l.get(download+path, nil); status != http.StatusNotFound {
					t.Errorf("a download link, %s: %d", path, status)
				}
			}
			l.frameAlone(frame)
			l.endsForViewing(id, at, frame)
		})
	}
}

func (l linked) studyJSON(at string) gjson.Result {
	l.t.Helper()
	status, _, body := l.get(at+"/study.json", nil)
	if status != http.StatusOK || !json.Valid(body) {
		l.t.Fatalf("study.json: %d %s", status, body)
	}
	return gjson.ParseBytes(body)
}

// usedTimes compares what $links and the audit record say of the use of a link.
func (l linked) usedTimes(id string, uses int) {
	l.t.Helper()
	_, body := fetch(l.t, l.origin+"/fhir/"+l.study+"/$links", l.patient)
	one := gjson.GetBytes(body, `parameter.#.part|#(#(valueId=="`+id+`"))`)
	if int(one.Get(`#(name=="uses").valueInteger`).Int()) != uses || one.Get(`#(name=="purpose").valueCode`).Str != "view" {
		l.t.Errorf("$links, want %d: %s", uses, body)
	}
	if n := l.onRecord(); n != uses {
		l.t.Errorf("%d uses on record, want %d", n, uses)
	}
}

// onRecord is how often images of the study were shown, as an auditor sees it.
func (l linked) onRecord() int {
	l.t.Helper()
	auditor := l.token(map[string]any{"sub": "a", "scope": "user/AuditEvent.rs", "roles": []string{"auditor"}})
	_, body := fetch(l.t, l.origin+"/fhir/AuditEvent?type=110104&action=R&patient="+l.subject+"&entity="+l.study, auditor)
	return int(gjson.GetBytes(body, "entry.#").Int())
}

// frameAlone: a frame that somebody asks for without the page is on record too, once for what follows it.
func (l linked) frameAlone(frame string) {
	l.t.Helper()
	before := l.onRecord()
	_, at := l.link(l.patient, `{"name":"purpose","valueCode":"view"}`)
	for range 2 {
		if status, _, _ := l.get(at+frame, nil); status != http.StatusOK {
			l.t.Errorf("a frame alone: %d", status)
		}
	}
	if n := l.onRecord() - before; n != 1 {
		l.t.Errorf("a frame alone: %d more on record, want 1", n)
	}
}

// tellsNothingPersonal looks for what the patient's record and the objects say of persons, institutions and numbers.
func (l linked) tellsNothingPersonal(study gjson.Result) {
	l.t.Helper()
	_, patient := fetch(l.t, l.origin+"/fhir/"+l.subject, l.emr)
	names := []string{gjson.GetBytes(patient, "name.0.family").Str, gjson.GetBytes(patient, "identifier.0.value").Str, gjson.GetBytes(patient, "id").Str,
		strings.ReplaceAll(gjson.GetBytes(patient, "birthDate").Str, "-", ""), strings.TrimPrefix(l.study, "ImagingStudy/")}
	for _, name := range names {
		if name == "" || strings.Contains(study.Raw, name) {
			l.t.Errorf("study.json has %q", name)
		}
	}
	images := 0
	for _, series := range study.Get("series").Array() {
		for _, one := range series.Get("instances").Array() {
			one.Get("metadata").ForEach(func(tag, e gjson.Result) bool {
				vr, group := e.Get("vr").Str, tag.Str[:4]
				if vr == "PN" || vr == "DA" || group == "0010" || group == "0040" || group == "7FE0" || e.Get("BulkDataURI").Exists() {
					l.t.Errorf("metadata have %s %s", tag, e.Raw)
				}
				return true
			})
			if one.Get("metadata").Exists() {
				images++
			}
		}
	}
	if images < 10 {
		l.t.Errorf("%d images", images)
	}
}

// otherInstance is an image that the caller sees, of another study.
func (l linked) otherInstance() string {
	l.t.Helper()
	_, body := fetch(l.t, l.origin+"/fhir/ImagingStudy?modality=MR&_count=1", l.emr)
	return gjson.GetBytes(body, "entry.0.resource.series.0.instance.0.uid").Str
}

// endsForViewing: a link that was revoked has no page, no study and no frame.
func (l linked) endsForViewing(id, at, frame string) {
	l.t.Helper()
	if status, answer := l.post("$revoke-link", l.patient, `{"name":"id","valueId":"`+id+`"}`); status != http.StatusOK {
		l.t.Fatalf("revoke: %d %s", status, answer)
	}
	for _, path := range []string{"", "/study.json", frame} {
		status, _, body := l.get(at+path, map[string]string{"Accept": "text/html"})
		if status != http.StatusNotFound || !bytes.Contains(body, []byte("не действует")) {
			l.t.Errorf("revoked, %s: %d", path, status)
		}
	}
	if status, answer := l.post("$link", l.patient, `{"name":"purpose","valueCode":"print"}`); status != http.StatusBadRequest {
		l.t.Errorf("another purpose: %d %s", status, answer)
	}
	if strings.Contains(l.log.String(), at[strings.LastIndex(at, "/")+1:]) || strings.Contains(l.log.String(), strings.Split(frame, "/")[2]) {
		l.t.Error("the log has a link's secret, or the UID of an image")
	}
}

// A passcode opens the page and all that it asks for, by the form's cookie; one who has looked when the link ends is told so.
func TestViewLinkWithPasscode(t *testing.T) {
	l := newLinked(t, databases["sqlite"])
	_, at := l.link(l.patient, `{"name":"purpose","valueCode":"view"},{"name":"passcode","valueString":"1234 ю"}`)
	for _, path := range []string{"/study.json", "/instances/1.2.3/frames/1"} {
		status, header, _ := l.get(at+path, nil)
		if status != http.StatusForbidden || header.Get("WWW-Authenticate") != "" {
			t.Errorf("%s without a passcode: %d %v", path, status, header)
		}
	}
	v := look(t, viewing{URL: at, GPU: true, Steps: []map[string]any{
		do("open"), do("passcode", "text", "wrong"), do("passcode", "text", "1234 ю"), do("key", "press", "ArrowRight"), do("key", "press", "End"),
	}})
	if !v.Seen[0].Form || !v.Seen[1].Form || v.Seen[2].State != "shown" || v.Seen[4].State != "shown" || v.Seen[4].Hash == v.Seen[3].Hash {
		t.Errorf("%v", v.Seen)
	}
	_, ended := l.link(l.patient, `{"name":"purpose","valueCode":"view"}`)
	l.post("$revoke-link", l.patient, `{"name":"id","valueId":"`+l.newest()+`"}`)
	if v := look(t, viewing{URL: ended, Steps: []map[string]any{do("open")}}); !strings.Contains(v.Seen[0].Text, "Ссылка не действует") {
		t.Errorf("%v", v.Seen)
	}
}

// newest is the id of the link that was made last.
func (l linked) newest() string {
	l.t.Helper()
	_, body := fetch(l.t, l.origin+"/fhir/"+l.study+"/$links", l.patient)
	return gjson.GetBytes(body, `parameter.0.part.#(name=="id").valueId`).Str
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
