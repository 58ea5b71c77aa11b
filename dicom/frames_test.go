package dicom_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strconv"
	"testing"

	"lightbox/dicom"
)

// checkFrames holds pixel data to the laws of any: frames lie within the object, or what it inflates to, in order, and do not overlap; together those of native pixel
// data are no longer than it.
func checkFrames(t *testing.T, p *dicom.Pixels) (told int) {
	t.Helper()
	last, size := int64(0), p.Source().Size()
	for n := 1; n <= min(p.Frames, 64); n++ {
		spans, err := p.Frame(n)
		if err != nil {
			if !errors.Is(err, dicom.ErrNoFrame) && !errors.Is(err, dicom.ErrFrames) {
				t.Errorf("frame %d: %v", n, err)
			}
			continue
		}
		told++
		for _, s := range spans {
			if s.Offset < last || s.Length < 0 || s.Offset+s.Length > size {
				t.Errorf("frame %d: %v after %d of %d bytes", n, s, last, size)
			}
			last = s.Offset + s.Length
		}
	}
	for _, n := range []int{-1, 0, p.Frames + 1} {
		if _, err := p.Frame(n); !errors.Is(err, dicom.ErrNoFrame) {
			t.Errorf("frame %d of %d: %v", n, p.Frames, err)
		}
	}
	return told
}

// Frames of real objects begin as their transfer syntax says.
func TestFramesOfRealObjects(t *testing.T) {
	signatures := map[string][]byte{
		"1.2.840.10008.1.2.4.50": {0xFF, 0xD8}, "1.2.840.10008.1.2.4.51": {0xFF, 0xD8}, "1.2.840.10008.1.2.4.57": {0xFF, 0xD8}, "1.2.840.10008.1.2.4.70": {0xFF, 0xD8},
		"1.2.840.10008.1.2.4.80": {0xFF, 0xD8}, "1.2.840.10008.1.2.4.81": {0xFF, 0xD8}, "1.2.840.10008.1.2.4.90": {0xFF, 0x4F}, "1.2.840.10008.1.2.4.91": {0xFF, 0x4F},
	}
	objects, several, native := 0, 0, 0
	for _, one := range samples(t) {
		name, content := one.path, one.read(t)
		_, p, err := dicom.ScanPixels(bytes.NewReader(content), int64(len(content)), dicom.Limits{})
		if err != nil {
			continue
		}
		ds, err := dicom.Scan(bytes.NewReader(content), int64(len(content)), dicom.Limits{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		told := checkFrames(t, p)
		if told == 0 {
			t.Logf("%s: no frame of %d can be told, %s", name, p.Frames, ds.TransferSyntax)
			continue
		}
		objects++
		if p.Frames > 1 {
			several++
		}
		if !p.IsEncapsulated() {
			native++
			continue
		}
		spans, err := p.Frame(1)
		if want := signatures[ds.TransferSyntax]; err == nil && want != nil && spans[0].Length > 8 && !bytes.HasPrefix(content[spans[0].Offset:], want) && !bytes.HasPrefix(content[spans[0].Offset+4:], []byte("jP")) {
			t.Errorf("%s: a frame of %s begins with % x", name, ds.TransferSyntax, content[spans[0].Offset:][:4])
		}
	}
	t.Logf("%d objects, %d of several frames, %d native", objects, several, native)
	if objects == 0 {
		t.Error("no frames at all")
	}
}

// encapsulatedOf is an object of several frames and fragments, with an offset table of entries bytes each; 0 for none.
func encapsulatedOf(entries int, frames [][]byte) []byte {
	var b bytes.Buffer
	element := func(group, tag uint16, vr, value string) {
		if len(value)%2 == 1 {
			value += " "
		}
		b.Write([]byte{byte(group), byte(group >> 8), byte(tag), byte(tag >> 8), vr[0], vr[1], byte(len(value)), 0})
		b.WriteString(value)
	}
	element(0x0008, 0x0018, "UI", "1.2")
	element(0x0028, 0x0008, "IS", strconv.Itoa(len(frames)))
	b.WriteString("\xE0\x7F\x10\x00OB\x00\x00\xFF\xFF\xFF\xFF")
	item := func(value []byte) {
		b.WriteString("\xFE\xFF\x00\xE0")
		b.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(value))))
		b.Write(value)
	}
	var table []byte
	at := uint32(0)
	for _, f := range frames { // a frame is cut into fragments of one byte
		if entries > 0 {
			table = binary.LittleEndian.AppendUint32(table, at)
		}
		at += 9 * uint32(len(f))
	}
	item(table)
	for _, f := range frames {
		for _, c := range f {
			item([]byte{c})
		}
	}
	b.WriteString("\xFE\xFF\xDD\xE0\x00\x00\x00\x00")
	return b.Bytes()
}

// Frames in several fragments are told apart by the offset table, and not at all without one.
func TestFramesInFragments(t *testing.T) {
	frames := [][]byte{{1, 2}, {3}, {4, 5, 6}}
	for _, entries := range []int{4, 0} {
		content := encapsulatedOf(entries, frames)
		_, p, err := dicom.ScanPixels(bytes.NewReader(content), int64(len(content)), dicom.Limits{})
		if err != nil || !p.IsEncapsulated() || p.Frames != 3 {
			t.Fatal(err, p)
		}
		for n, want := range frames {
			spans, err := p.Frame(n + 1)
			var got []byte
			for _, s := range spans {
				got = append(got, content[s.Offset:s.Offset+s.Length]...)
			}
			if entries == 0 && !errors.Is(err, dicom.ErrFrames) || entries > 0 && !bytes.Equal(got, want) {
				t.Errorf("frame %d, %d bytes an offset: % x, %v", n+1, entries, got, err)
			}
		}
	}
}

// The frames of a deflated object are those of what it inflates to, which is bounded.
func TestFramesOfDeflatedObjects(t *testing.T) {
	const syntax = "1.2.840.10008.1.2.1.99"
	element := func(tag, vr, value string) string { return tag + vr + string(rune(len(value))) + "\x00" + value }
	set := element("\x28\x00\x02\x00", "US", "\x01\x00") + element("\x28\x00\x08\x00", "IS", "2 ") + element("\x28\x00\x10\x00", "US", "\x01\x00") +
		element("\x28\x00\x11\x00", "US", "\x02\x00") + element("\x28\x00\x00\x01", "US", "\x08\x00")
	content := append(headerOf(syntax), deflate(t, []byte(set+"\xE0\x7F\x10\x00OB\x00\x00\x04\x00\x00\x00abcd"))...)
	_, p, err := dicom.ScanPixels(bytes.NewReader(content), int64(len(content)), dicom.Limits{})
	if err != nil || p.Frames != 2 || checkFrames(t, p) != 2 {
		t.Fatal(err, p)
	}
	spans, err := p.Frame(2)
	got := make([]byte, 2)
	if err == nil {
		_, err = p.Source().ReadAt(got, spans[0].Offset)
	}
	if err != nil || string(got) != "cd" {
		t.Errorf("%q %v", got, err)
	}
	bomb := append(headerOf(syntax), deflate(t, append([]byte(set+"\xE0\x7F\x10\x00OB\x00\x00\x00\x00\x80\x00"), make([]byte, 8<<20)...))...)
	var told *dicom.Error
	if _, _, err := dicom.ScanPixels(bytes.NewReader(bomb), int64(len(bomb)), dicom.Limits{Bytes: 1 << 20}); !errors.As(err, &told) || told.Reason != dicom.TooLarge {
		t.Errorf("8 MiB where 4 are allowed: %v", err)
	}
}

// FuzzFrames: whatever an object declares, its frames lie within it.
func FuzzFrames(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Add(encapsulatedOf(4, [][]byte{{1, 2}, {3}, {4, 5, 6}}))
	f.Fuzz(func(t *testing.T, content []byte) {
		_, p, err := dicom.ScanPixels(bytes.NewReader(content), int64(len(content)), dicom.Limits{Bytes: 1 << 20, Elements: 10_000})
		if err == nil {
			checkFrames(t, p)
		}
	})
}
