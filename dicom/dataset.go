// Package dicom reads the headers of DICOM objects: a bounded scanner that stops before pixel data, every character set of
// PS3.3 C.12.1.1.2, and a Dataset that is read by keyword and path. It decodes no pixels and trusts no length that a file
// declares. PS3.5 and PS3.10 are the sources.
package dicom

import "io"

// Tag is a group and element number, 0xGGGGEEEE.
type Tag uint32

// VR is a value representation of PS3.5 6.2, "PN".
type VR string

// Element is one attribute as it stands in the object.
type Element struct {
	Tag   Tag
	VR    VR
	Value []byte     // as encoded; nil for a sequence and for bulk data that the scanner passed over
	Items []*Dataset // of a sequence
	// Length is the declared length of the value in bytes, -1 when undefined. It is larger than len(Value) where the value was
	// passed over (Bulk).
	Length int64
	Bulk   bool
}

// Dataset is a set of attributes in tag order, or one item of a sequence. Text comes out as valid UTF-8 whatever the object's
// character set. A Dataset is safe for concurrent reads.
type Dataset struct {
	Meta     *Dataset // file meta information, group 0002; nil in items and where the file has none
	Elements []Element
	// TransferSyntax is the UID that the data set is encoded in.
	TransferSyntax string
	bigEndian      bool
	charset        *charset
}

// Limits bound what one scan may take, whatever the input declares. The zero value stands for the defaults.
type Limits struct {
	Bytes    int64 // held in memory for values; default 64 MiB
	Elements int   // default 1,000,000
	Depth    int   // of sequences; default 64
	Value    int64 // one value longer than this is passed over as Bulk; default 1 MiB
	Bulk     bool  // keep EncapsulatedDocument (0042,0011) within Bytes
}

// Scan reads the header of the object in r, size bytes long, up to pixel data. Attributes after pixel data are not read, but
// truncation always is an error. Errors are *Error.
func Scan(r io.ReaderAt, size int64, limits Limits) (*Dataset, error) { panic("dicom.Scan") }

// Error tells why an object was refused and where.
type Error struct {
	Reason Reason
	Offset int64
	Tag    Tag
	Detail string
}

// Reason is a short word that summaries count by.
type Reason string

const (
	NotDICOM    Reason = "not-dicom"
	Truncated   Reason = "truncated"
	TooLarge    Reason = "over-budget" // bytes, elements or depth
	Malformed   Reason = "malformed"
	Unsupported Reason = "unsupported" // e.g. an unknown compression of the whole data set
)

func (e *Error) Error() string { return string(e.Reason) + ": " + e.Detail }

// Path names an attribute: keywords joined by dots, sequences with an optional [item] (default 0):
// "RequestAttributesSequence[1].AccessionNumber". Compile once, read often.
type Path struct {
	text  string
	steps []step
}

type step struct {
	tag  Tag
	item int
}

// ParsePath compiles a path; MustPath panics on a bad one, for tables at start.
func ParsePath(text string) (Path, error) { panic("dicom.ParsePath") }

// Find returns the element at a path.
func (d *Dataset) Find(p Path) (*Element, *Dataset, bool) { panic("dicom.Find") }

// Text returns the first value at a path, trimmed of padding; "" when absent or empty.
func (d *Dataset) Text(p Path) string { panic("dicom.Text") }

// Texts returns all values at a path.
func (d *Dataset) Texts(p Path) []string { panic("dicom.Texts") }

// Int returns the first value as an integer (IS, US, SS, UL, SL, SV, UV, AT).
func (d *Dataset) Int(p Path) (int64, bool) { panic("dicom.Int") }

// Items returns the items of the sequence at a path.
func (d *Dataset) Items(p Path) []*Dataset { panic("dicom.Items") }

// Names returns the person names at a path.
func (d *Dataset) Names(p Path) []PersonName { panic("dicom.Names") }

// PersonName is a PN value: three component groups of family, given, middle, prefix, suffix (PS3.5 6.2.1).
type PersonName struct {
	Alphabetic, Ideographic, Phonetic [5]string
}

// Subset returns the attributes of d whose tags keep reports true, whole sequences included, with SpecificCharacterSet.
func (d *Dataset) Subset(keep func(Tag) bool) *Dataset { panic("dicom.Subset") }

// Encode writes d as Explicit VR Little Endian without preamble and meta group; the same Dataset always gives the same bytes.
// Decode reads them back.
func (d *Dataset) Encode() []byte { panic("dicom.Encode") }

// Decode reads what Encode wrote.
func Decode(b []byte) (*Dataset, error) { panic("dicom.Decode") }

type charset struct{}
