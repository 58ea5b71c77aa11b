package dicom_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"lightbox/dicom"
)

// texts are patient's names unless vr says otherwise. Those with an annex are the examples of PS3.5.
var texts = []struct {
	name, declared, vr, encoded string
	want                        []string
	doubt                       string // part of it
}{
	{name: "ascii", encoded: "Doe^Jane ", want: []string{"Doe^Jane"}},
	{name: "100", declared: "ISO_IR 100", encoded: "Buc^J\xE9r\xF4me", want: []string{"Buc^Jérôme"}},
	{name: "101", declared: "ISO_IR 101", encoded: "Wa\xB3\xEAsa", want: []string{"Wałęsa"}},
	{name: "109", declared: "ISO_IR 109", encoded: "\xA6a\xB1a", want: []string{"Ĥaħa"}},
	{name: "110", declared: "ISO_IR 110", encoded: "B\xE7rzi\xF1\xB9", want: []string{"Bįrziņš"}},
	{name: "126", declared: "ISO_IR 126", encoded: "\xC4\xE9\xEF\xED\xF5\xF3\xE9\xEF\xF2", want: []string{"Διονυσιος"}},
	{name: "127", declared: "ISO_IR 127", encoded: "\xE2\xC8\xC7\xE6\xEA^\xE4\xE6\xD2\xC7\xD1", want: []string{"قباني^لنزار"}},
	{name: "138", declared: "ISO_IR 138", encoded: "\xF9\xF8\xE5\xEF^\xE3\xE1\xE5\xF8\xE4", want: []string{"שרון^דבורה"}},
	{name: "144", declared: "ISO_IR 144", encoded: "\xBB\xEE\xDACe\xDC\xD1yp\xD3", want: []string{"ЛюкCeмбypг"}},
	{name: "148", declared: "ISO_IR 148", encoded: "\xC7avu\xFEo\xF0lu", want: []string{"Çavuşoğlu"}},
	{name: "166", declared: "ISO_IR 166", encoded: "\xA1\xA2", want: []string{"กข"}},
	{name: "203", declared: "ISO_IR 203", encoded: "\xA4\xBD", want: []string{"€œ"}},
	{name: "192", declared: "ISO_IR 192", encoded: "Wang^XiaoDong=王^小東=", want: []string{"Wang^XiaoDong=王^小東="}},
	{name: "13", declared: "ISO_IR 13", encoded: "\xD4\xCF\xC0\xDE^\xC0\xDB\xB3", want: []string{"ﾔﾏﾀﾞ^ﾀﾛｳ"}},
	{name: "13, yen in free text", declared: "ISO_IR 13", vr: "LT", encoded: "5\\~\xB1", want: []string{"5¥‾ｱ"}},
	{name: "13, two values", declared: "ISO_IR 13", vr: "LO", encoded: "\xB1\\\xB2", want: []string{"ｱ", "ｲ"}},
	{name: "87, annex H.3.1", declared: `\ISO 2022 IR 87`,
		encoded: "Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
		want:    []string{"Yamada^Tarou=山田^太郎=やまだ^たろう"}},
	{name: "13 and 87, annex H.3.2", declared: `ISO 2022 IR 13\ISO 2022 IR 87`,
		encoded: "\xD4\xCF\xC0\xDE^\xC0\xDB\xB3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J",
		want:    []string{"ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"}},
	{name: "159", declared: `\ISO 2022 IR 159`, vr: "LO", encoded: "a\x1b$(D0!\x1b(Bb", want: []string{"a丂b"}},
	{name: "149, annex I.2", declared: `\ISO 2022 IR 149`,
		encoded: "Hong^Gildong=\x1b$)C\xFB\xF3^\x1b$)C\xD1\xCE\xD4\xD7=\x1b$)C\xC8\xAB^\x1b$)C\xB1\xE6\xB5\xBF",
		want:    []string{"Hong^Gildong=洪^吉洞=홍^길동"}},
	{name: "149, switched to once", declared: `\ISO 2022 IR 149`, encoded: "=\x1b$)C\xFB\xF3^\xD1\xCE\xD4\xD7", want: []string{"=洪^吉洞"}},
	{name: "149, never switched to", declared: `\ISO 2022 IR 149`, encoded: "\xC8\xAB^\xB1\xE6\xB5\xBF", want: []string{"홍^길동"}, doubt: "not in the declared"},
	{name: "149 alone", declared: "ISO 2022 IR 149", encoded: "\xC8\xAB^\xB1\xE6\xB5\xBF", want: []string{"홍^길동"}},
	{name: "58, annex K.2", declared: `\ISO 2022 IR 58`,
		encoded: "Zhang^XiaoDong=\x1b$)A\xD5\xC5^\x1b$)A\xD0\xA1\xB6\xAB=",
		want:    []string{"Zhang^XiaoDong=张^小东="}},
	{name: "58, lines, annex K.3", declared: `\ISO 2022 IR 58`, vr: "LT",
		encoded: "1.\x1b$)A\xB5\xDA\xD2\xBB\xD0\xD0\r\n2.\x1b$)A\xB5\xDA\xB6\xFE\xD0\xD0\r\n",
		want:    []string{"1.第一行\r\n2.第二行\r\n"}},
	{name: "GB18030, annex J.3", declared: "GB18030", encoded: "Wang^XiaoDong=\xCD\xF5^\xD0\xA1\xB6\xAB=", want: []string{"Wang^XiaoDong=王^小东="}},
	{name: "GB18030, four bytes", declared: "GB18030", vr: "LO", encoded: "\x90\x30\x81\x30", want: []string{"𐀀"}},
	{name: "GBK, a byte like a backslash", declared: "GBK", vr: "LO", encoded: "\x81\x5C\\\xD0\xA1", want: []string{"乗", "小"}},
	{name: "a second single byte set", declared: `ISO 2022 IR 100\ISO 2022 IR 144`,
		encoded: "J\xE9r\xF4me=\x1b-L\xB6\xE0\xDE\xDC", vr: "LO", want: []string{"Jérôme=Жром"}},
	{name: "back to value 1 at a backslash", declared: `ISO 2022 IR 100\ISO 2022 IR 144`,
		encoded: "\x1b-L\xB6\\\xE9", vr: "LO", want: []string{"Ж", "é"}},
	{name: "back to value 1 at a line", declared: `ISO 2022 IR 100\ISO 2022 IR 144`,
		encoded: "\x1b-L\xB6\r\n\xE9", vr: "UT", want: []string{"Ж\r\né"}},
	{name: "no switch at a caret outside names", declared: `ISO 2022 IR 100\ISO 2022 IR 144`,
		encoded: "\x1b-L\xB6^\xB6", vr: "LO", want: []string{"Ж^Ж"}},
	{name: "other spellings", declared: "ISO-IR-144", encoded: "\xB6", want: []string{"Ж"}},
	{name: "code strings are ascii", declared: "ISO_IR 144", vr: "CS", encoded: "\xD0\x96", want: []string{"Ж"}, doubt: "has to be ASCII"},
	{name: "nothing declared, UTF-8", encoded: "\xD0\x96", want: []string{"Ж"}, doubt: "no character set"},
	{name: "nothing declared, Latin-1", encoded: "J\xE9r\xF4me", want: []string{"Jérôme"}, doubt: "no character set"},
	{name: "unknown, UTF-8", declared: "ISO_IR 999", encoded: "\xD0\x96", want: []string{"Ж"}, doubt: "unknown character set ISO_IR 999"},
	{name: "192, and Latin-1 it is", declared: "ISO_IR 192", encoded: "J\xE9r\xF4me", want: []string{"Jérôme"}, doubt: "not in the declared"},
	{name: "192, cut within a character", declared: "ISO_IR 192", vr: "SH", encoded: "Жа\xD0", want: []string{"Жа"}, doubt: "not in the declared"},
	{name: "100, and UTF-8 it is", declared: "ISO_IR 100", encoded: "\xD0\x96\xD0\xB0", want: []string{"Жа"}, doubt: "not in the declared"},
	{name: "13, and Shift-JIS it is", declared: "ISO_IR 13", encoded: "\x8E\x52\x93\x63^\x91\xBE\x98\x59", want: []string{"山田^太郎"}, doubt: "not in the declared"},
	{name: "unknown escape", declared: `\ISO 2022 IR 87`, vr: "LO", encoded: "a\x1b%Gb", want: []string{"a%Gb"}, doubt: "not in the declared"},
	{name: "control characters", declared: "ISO_IR 192", vr: "LT", encoded: "a\x00\x07b\tc\x7F\xC2\x85", want: []string{"ab\tc"}},
}

func TestCharacterSets(t *testing.T) {
	for _, tt := range texts {
		t.Run(tt.name, func(t *testing.T) {
			vr, tag := dicom.VR(tt.vr), dicom.Tag(0x00091010)
			if vr == "" {
				vr = "PN"
			}
			elements := []dicom.Element{dicom.NewText(tag, vr, tt.encoded)}
			if tt.declared != "" {
				elements = append(elements, dicom.NewText(0x00080005, "CS", tt.declared))
			}
			d := dicom.NewDataset(elements...)
			if diff := cmp.Diff(tt.want, d.Texts(dicom.MustPath("(0009,1010)"))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			doubts := d.Doubts()
			if (tt.doubt != "") != (len(doubts) > 0) {
				t.Errorf("doubts = %v, want %q", doubts, tt.doubt)
			}
			for _, doubt := range doubts {
				if !strings.Contains(doubt.Detail, tt.doubt) {
					t.Errorf("doubt = %q, want %q", doubt.Detail, tt.doubt)
				}
			}
		})
	}
}

func TestItemsInheritTheCharacterSet(t *testing.T) {
	name := dicom.NewText(0x00100010, "PN", "\xB6")
	d := dicom.NewDataset(
		dicom.NewText(0x00080005, "CS", "ISO_IR 144"),
		dicom.NewSequence(0x00081115,
			dicom.NewDataset(name),
			dicom.NewDataset(name, dicom.NewText(0x00080005, "CS", "ISO_IR 100")),
			dicom.NewDataset(dicom.NewText(0x00080005, "CS", "ISO_IR 101"), dicom.NewSequence(0x00081199, dicom.NewDataset(name))),
			dicom.NewDataset(name),
		),
	)
	back, err := dicom.Decode(d.Encode())
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"ReferencedSeriesSequence.PatientName":                          "Ж",
		"ReferencedSeriesSequence[1].PatientName":                       "¶",
		"ReferencedSeriesSequence[2].ReferencedSOPSequence.PatientName": "ś",
		"ReferencedSeriesSequence[3].PatientName":                       "Ж",
	} {
		for _, ds := range []*dicom.Dataset{d, back} {
			if got := ds.Text(dicom.MustPath(path)); got != want {
				t.Errorf("%s = %q, want %q", path, got, want)
			}
		}
	}
}

func TestNames(t *testing.T) {
	d := dicom.NewDataset(dicom.NewText(0x00080005, "CS", "ISO_IR 192"),
		dicom.NewText(0x00100010, "PN", "Adams^John Robert Quincy^^Rev.^B.A. M.Div. ", "", "=王^小東=", "Doe ^ Jane^^^^extra"))
	want := []dicom.PersonName{
		{Alphabetic: [5]string{"Adams", "John Robert Quincy", "", "Rev.", "B.A. M.Div."}},
		{Ideographic: [5]string{"王", "小東"}},
		{Alphabetic: [5]string{"Doe", "Jane"}},
	}
	if diff := cmp.Diff(want, d.Names(dicom.MustPath("PatientName"))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestRealFilesAreAlwaysUTF8(t *testing.T) {
	for _, s := range samples(t) {
		d, err := scan(s.read(t))
		if err != nil {
			continue
		}
		for a := range d.Attributes() {
			checkUTF8(t, d, a)
		}
		if doubts := d.Doubts(); len(doubts) > 0 {
			t.Logf("%s: %v", s.path[len(realFiles):], doubts)
		}
	}
}

func checkUTF8(t *testing.T, d *dicom.Dataset, a dicom.Attribute) {
	t.Helper()
	for _, text := range append(d.Texts(dicom.MustPath(a.Path)), a.Display()) {
		if strings.ToValidUTF8(text, "") != text || bytes.ContainsAny([]byte(text), "\x00\x1b") {
			t.Errorf("%s reads %q", a.Path, text)
		}
	}
}
