package dicom_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lightbox/dicom"
)

// What AppendJSON writes of real files reads back to what says the same.
func TestJSONReadsBack(t *testing.T) {
	files := 0
	for _, s := range samples(t) {
		d, err := scan(s.read(t))
		if err != nil {
			continue
		}
		want := d.AppendJSON(nil, func(path string) string { return "https://example.org/" + path })
		again, err := dicom.ParseJSON(want, dicom.Limits{})
		if err != nil {
			t.Errorf("%s: %v", s.path, err)
			continue
		}
		files++
		got := again.AppendJSON(nil, func(path string) string { return "https://example.org/" + path })
		if len(got) > len(want) { // the character set that the object leaves out
			got = bytes.Replace(got, []byte(`"00080005":{"vr":"CS","Value":["ISO_IR 192"]},`), nil, 1)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s: %.2000s", s.path, diff)
		}
	}
	if files < 200 {
		t.Errorf("only %d files", files)
	}
}

func TestParseJSON(t *testing.T) {
	text := `{"00080005":{"vr":"CS","Value":["ISO_IR 100"]},"00100010":{"vr":"PN","Value":[{"Alphabetic":"Yamada^Tarou","Ideographic":"山田^太郎"}]},
		"00100020":{"vr":"LO","Value":["A",null,"B"]},"00280010":{"vr":"US","Value":[512]},"00200032":{"vr":"DS","Value":[-1.50,"2"]},"00281050":{"vr":"DS"},
		"00280009":{"vr":"AT","Value":["00181063"]},"00081115":{"vr":"SQ","Value":[{"0020000E":{"vr":"UI","Value":["1.2.3"]}},null]},
		"00420011":{"vr":"OB","BulkDataURI":"https://example.org/x"},"00091010":{"vr":"OB","InlineBinary":"AQI="},"00020010":{"vr":"UI","Value":["1.2"]},
		"00660022":{"vr":"OD","Value":[34.5,1]}}`
	d, err := dicom.ParseJSON([]byte(text), dicom.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"SpecificCharacterSet": "ISO_IR 192", "PatientName": "Yamada^Tarou=山田^太郎", "PatientID": `A||B`, "Rows": "512", "ImagePositionPatient": "-1.50|2",
		"FrameIncrementPointer": "(0018,1063)", "ReferencedSeriesSequence[0].SeriesInstanceUID": "1.2.3", "WindowCenter": "", "(0009,1010)": "", "(0002,0010)": "",
	} {
		if got := strings.Join(d.Texts(dicom.MustPath(path)), "|"); got != want && path != "(0009,1010)" {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	if e, _, ok := d.Find(dicom.MustPath("(0066,0022)")); !ok || len(e.Value) != 16 {
		t.Error("an array of numbers is lost")
	}
	if e, _, ok := d.Find(dicom.MustPath("EncapsulatedDocument")); !ok || !e.Bulk {
		t.Error("what has an address alone is not bulk data")
	}
	for name, bad := range map[string]string{
		"no JSON": `{"00080005":`, "a list": `[]`, "a key": `{"PatientID":{"vr":"LO"}}`, "no attribute": `{"00100020":"x"}`, "a number": `{"00280010":{"vr":"US","Value":[70000]}}`,
		"bytes as values": `{"00091010":{"vr":"OB","Value":[1]}}`, "base64": `{"00091010":{"vr":"OB","InlineBinary":"%"}}`, "an item": `{"00081115":{"vr":"SQ","Value":[3]}}`,
		"too deep": strings.Repeat(`{"00081115":{"vr":"SQ","Value":[`, 80) + "{}" + strings.Repeat(`]}}`, 80),
	} {
		var refused *dicom.Error
		if d, err := dicom.ParseJSON([]byte(bad), dicom.Limits{}); d != nil || !errors.As(err, &refused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzParseJSON: no input takes much more memory than itself, and what was written once more, without names of nothing but padding, says
// the same when it is read again.
func FuzzParseJSON(f *testing.F) {
	f.Add([]byte(`{"00080005":{"vr":"CS","Value":["ISO_IR 100"]},"00100010":{"vr":"PN","Value":[{"Alphabetic":"a^b","Ideographic":"山"}]}}`))
	f.Add([]byte(`{"00081115":{"vr":"SQ","Value":[{"0020000E":{"vr":"UI","Value":["1.2.3"]}},null]},"00280010":{"vr":"US","Value":[512]}}`))
	f.Add([]byte(`{"00091010":{"vr":"OB","InlineBinary":"AQI="},"00280009":{"vr":"AT","Value":["00181063"]},"00101020":{"vr":"FD","Value":[1.5,"NaN"]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var d *dicom.Dataset
		var err error
		if n := allocated(func() { d, err = dicom.ParseJSON(b, dicom.Limits{Elements: 20_000}) }); n > 1<<20+100*uint64(len(b)) {
			t.Fatalf("allocated %d bytes for %d", n, len(b))
		}
		if err != nil {
			if d != nil {
				t.Fatal("an error and a data set")
			}
			return
		}
		checkLaw(t, d)
		written := [2][]byte{}
		for i := range written {
			written[i] = d.AppendJSON(nil, nil)
			if d, err = dicom.ParseJSON(written[i], dicom.Limits{}); err != nil {
				t.Fatalf("%s: %v", written[i], err)
			}
		}
		if again := d.AppendJSON(nil, nil); !bytes.Equal(written[1], again) {
			t.Fatalf("%s\n%s", written[1], again)
		}
	})
}
