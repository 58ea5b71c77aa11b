package hl7v2_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"

	"lightbox/mapping/hl7v2"
)

const report = "MSH|^~\\&|RIS|CITY|HUB|CITY|20260601120000+0300||ORU^R01^ORU_R01|M-1|P|2.5.1|||||RUS|UNICODE UTF-8\r" +
	"PID|1||77^^^CITY&1.2.3&ISO^MR~123^^^STATE^SS||Иванов^Иван^Петрович||19700229|M|||\"\"\r" +
	"OBR|1|P-1|F-1|71260^CT chest\r" +
	"OBX|1|TX|59776-5^Findings^LN|1|A \\T\\ B \\.br\\C\\H\\!\\N\\ \\X41\\ \\Zx\\ 1\\F\\2\\S\\3\\R\\4\\E\\5~second||||||F\r" +
	"OBX|2|NM|||-1.5|mm\r"

func parse(t testing.TB, text string) *hl7v2.Message {
	t.Helper()
	m, err := hl7v2.Parse([]byte(text), hl7v2.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestParse(t *testing.T) {
	m := parse(t, report)
	var names []string
	for _, s := range m.Segments {
		names = append(names, s.Name)
	}
	if diff := cmp.Diff([]string{"MSH", "PID", "OBR", "OBX", "OBX"}, names); diff != "" {
		t.Error(diff)
	}
	msh, _ := m.First("MSH")
	pid, _ := m.First("PID")
	obx, _ := m.First("OBX")
	ids := pid.Field(3).Repetitions()
	for _, one := range []struct{ name, got, want string }{
		{"MSH-1", msh.Field(1).Text(), "|"},
		{"MSH-2", msh.Field(2).Text(), `^~\&`},
		{"MSH-3", msh.Field(3).Text(), "RIS"},
		{"MSH-9.2", msh.Field(9).First().Component(2).Text(), "R01"},
		{"MSH-18", msh.Field(18).Text(), "UNICODE UTF-8"},
		{"PID-3(1).4.2", ids[0].Component(4).Subcomponent(2), "1.2.3"},
		{"PID-3(2).1", ids[1].Component(1).Text(), "123"},
		{"PID-5.1", pid.Field(5).Text(), "Иванов"},
		{"PID-99", pid.Field(99).Text(), ""},
		{"PID-3(1).9", ids[0].Component(9).Text(), ""},
		{"the null value", pid.Field(11).Text(), ""},
		{"OBX-5(1)", obx.Field(5).Text(), "A & B \nC! A \\Zx\\ 1|2^3~4\\5"},
		{"OBX-5(2)", obx.Field(5).Repetitions()[1].Component(1).Text(), "second"},
	} {
		if one.got != one.want {
			t.Errorf("%s is %q, want %q", one.name, one.got, one.want)
		}
	}
	if !pid.Field(11).IsNull() || pid.Field(10).IsNull() {
		t.Error(`"" is the null value, and an empty field is not`)
	}
	if len(m.Remarks) > 0 {
		t.Error(m.Remarks)
	}
}

func TestOtherDelimiters(t *testing.T) {
	m := parse(t, "MSH$%*?!$RIS$$$$$$ORU%R01$1$P$2.3\nPID$$$7%%%A!B*8$$O?T?Neil")
	pid, _ := m.First("PID")
	if got := pid.Field(3).First().Component(4).Subcomponent(2); got != "B" {
		t.Errorf("PID-3.4.2 is %q", got)
	}
	if got := pid.Field(5).Text(); got != "O!Neil" {
		t.Errorf("PID-5 is %q", got)
	}
}

func TestCharsets(t *testing.T) {
	const name = "Иванов"
	encoded := func(e encoding.Encoding, text string) string {
		s, err := e.NewEncoder().String(text)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	message := func(charset, name string) string {
		return "MSH|^~\\&|RIS||||||ADT^A08|1|P|2.3||||||" + charset + "\rPID|||1||" + name
	}
	for _, one := range []struct {
		name, text, assumed, want string
		remarks                   int
	}{
		{"8859-5", message("8859/5", encoded(charmap.ISO8859_5, name)), "", name, 0},
		{"UTF-8 that is not stated", message("", name), "", name, 0},
		{"Windows-1251 by configuration", message("", encoded(charmap.Windows1251, name)), "Windows-1251", name, 0},
		{"nothing stated", message("", "M\xFCller"), "", "Müller", 1},
		{"another than stated", message("UNICODE UTF-8", "M\xFCller"), "", "Müller", 1},
		{"UTF-8 called Latin-1", message("8859/1", name), "", name, 1},
		{"a set that nobody knows", message("MARTIAN", name), "", name, 1},
		{"Shift-JIS whose second byte looks like a delimiter", message("ISO IR14", encoded(japanese.ShiftJIS, "ポ表")), "", "ポ表", 0},
	} {
		m, err := hl7v2.Parse([]byte(one.text), hl7v2.Options{Charset: one.assumed})
		if err != nil {
			t.Errorf("%s: %v", one.name, err)
			continue
		}
		pid, _ := m.First("PID")
		if got := pid.Field(5).Text(); got != one.want || len(m.Remarks) != one.remarks {
			t.Errorf("%s: %q, want %q; %q", one.name, got, one.want, m.Remarks)
		}
	}
}

func TestRefused(t *testing.T) {
	for name, one := range map[string]struct {
		text   string
		reason hl7v2.Reason
	}{
		"empty":                    {"", hl7v2.NotHL7},
		"something else":           {"%PDF-1.4", hl7v2.NotHL7},
		"no delimiters":            {"MSH|", hl7v2.NotHL7},
		"letters as delimiters":    {"MSHabcde", hl7v2.Malformed},
		"a delimiter twice":        {"MSH|^^\\&|", hl7v2.Malformed},
		"a character set too many": {"MSH|^~\\&||||||||||||||||MARTIAN\rPID|||\xFF", hl7v2.Encoding},
		"too many segments":        {"MSH|^~\\&|\r" + strings.Repeat("NTE|1\r", 20), hl7v2.TooLarge},
		"too long":                 {"MSH|^~\\&|" + strings.Repeat("x", 2000), hl7v2.TooLarge},
	} {
		m, err := hl7v2.Parse([]byte(one.text), hl7v2.Options{Limits: hl7v2.Limits{Bytes: 1000, Segments: 10}})
		var e *hl7v2.Error
		if !errors.As(err, &e) || e.Reason != one.reason || m != nil {
			t.Errorf("%s: %v, want %s", name, err, one.reason)
		}
	}
}

func TestLineBreakInText(t *testing.T) {
	m := parse(t, "\x0BMSH|^~\\&|RIS\r\nOBX|1|TX|||one\r\ntwo three|x\r\nOBX|2\r\n\x1C\r")
	obx, _ := m.First("OBX")
	if got := obx.Field(5).Text(); got != "one\ntwo three" || len(m.Segments) != 3 || len(m.Remarks) != 1 {
		t.Errorf("%q, %d segments, %q", got, len(m.Segments), m.Remarks)
	}
}

func TestSplit(t *testing.T) {
	file := "FHS|^~\\&|x\rBHS|^~\\&|x\rMSH|^~\\&|1\rPID|1\r\r\nMSH|^~\\&|2\nPID|2\nBTS|2\nFTS|1\n\x0BMSH|^~\\&|3\r\x1C\r"
	var got []string
	for _, one := range hl7v2.Split([]byte(file)) {
		got = append(got, string(one))
	}
	want := []string{"MSH|^~\\&|1\rPID|1", "MSH|^~\\&|2\nPID|2", "MSH|^~\\&|3"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestRealFiles reads every message there is: those that are none are counted, and the others keep all that they hold.
func TestRealFiles(t *testing.T) {
	root := filepath.Join("..", "..", "..", "shared", "testdata", "hl7v2")
	messages, refused := 0, map[hl7v2.Reason]int{}
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, one := range hl7v2.Split(data) {
			messages++
			m, err := hl7v2.Parse(one, hl7v2.Options{})
			var e *hl7v2.Error
			if errors.As(err, &e) {
				refused[e.Reason]++
				continue
			}
			checkLaws(t, m)
		}
		return nil
	})
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("left out: ../shared/testdata is not here")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d messages, refused %v", messages, refused)
	if messages < 500 {
		t.Errorf("%d messages", messages)
	}
}

// checkLaws: parts joined by their delimiters are the whole.
func checkLaws(t *testing.T, m *hl7v2.Message) {
	t.Helper()
	msh := m.Segments[0]
	stated := msh.Field(2).Raw()
	for _, s := range m.Segments {
		for n := 1; n <= min(s.Fields(), 100); n++ {
			f := s.Field(n)
			var parts []string
			for _, r := range f.Repetitions() {
				parts = append(parts, r.Raw())
				_ = r.Component(1).Text()
			}
			if len(stated) < 2 || len(parts) >= 1000 {
				continue
			}
			if got := strings.Join(parts, stated[1:2]); got != f.Raw() && f.Raw() != stated {
				t.Fatalf("%s-%d: %q is put together as %q", s.Name, n, f.Raw(), got)
			}
		}
	}
}

// FuzzParse: whatever comes is refused or read, nothing is lost between delimiters, and a message gives no more text than it has.
func FuzzParse(f *testing.F) {
	f.Add([]byte(report))
	f.Add([]byte("MSH$%*?!$RIS\nPID$$$7%%%A!B*8$$O?T?Neil"))
	f.Add([]byte("MSH|^~\\&|||||||||||||||||GB 18030-2000\rPID|||\x84\x31\x95\x33"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := hl7v2.Parse(data, hl7v2.Options{})
		if err != nil {
			if m != nil {
				t.Fatal("an error and a message")
			}
			return
		}
		checkLaws(t, m)
		size := 0
		for _, s := range m.Segments {
			size += len(s.Name)
			for n := 1; n <= min(s.Fields(), 100); n++ {
				size += len(s.Field(n).Raw())
			}
		}
		if size > 4*len(data)+16 {
			t.Fatalf("%d bytes of text from %d", size, len(data))
		}
	})
}

// FuzzAcknowledge holds every answer to be a message that can be read, of a bounded size, that says what it is about.
func FuzzAcknowledge(f *testing.F) {
	for _, seed := range []string{"", "MSH", "MSH|", "MSH|^~\\&|A|B|C|D|20250101||ADT^A01|1|P|2.5\rPID|1", "\x0bMSH#*~\\&#A#B#C#D###ADT*A08#2#P#2.3\r",
		"MSH|^~\\&|" + strings.Repeat("x", 10_000) + "|\r", "MSH|^|||", "MSH|\r|\r"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		a := hl7v2.Acknowledgment{Code: "AE", Error: "101", Detail: "why | not ^ so", At: time.Unix(0, 0)}
		answer := a.Acknowledge(message)
		if len(answer) > 6000 {
			t.Fatalf("%d bytes", len(answer))
		}
		got, err := hl7v2.Parse(answer, hl7v2.Options{})
		var unread *hl7v2.Error
		if errors.As(err, &unread) && (unread.Reason == hl7v2.Encoding || unread.Reason == hl7v2.Malformed) {
			return // in a character set, or with delimiters, that are not read: it is answered as it came
		}
		if err != nil {
			t.Fatalf("%v: %q", err, answer)
		}
		msa, ok := got.First("MSA")
		if !ok || msa.Field(1).Text() != "AE" {
			t.Fatalf("%q", answer)
		}
		hl7v2.Accepts(message, true)
	})
}
