package dicom

import "io"

// Transfer syntaxes that encode the data set itself in a way of their own; every other is Explicit VR Little Endian (PS3.5 annex A).
const (
	implicitLittle = "1.2.840.10008.1.2"
	explicitLittle = "1.2.840.10008.1.2.1"
	explicitBig    = "1.2.840.10008.1.2.2"
	deflated       = "1.2.840.10008.1.2.1.99"
)

// Limits bound what one scan may take, whatever the input declares. The zero value stands for the defaults.
type Limits struct {
	Bytes    int64 // held in memory for values and their elements; default 64 MiB
	Elements int   // default 1,000,000
	Depth    int   // of sequences; default 64
	Value    int64 // one value longer than this is passed over as Bulk; default 1 MiB
	Bulk     bool  // keep EncapsulatedDocument (0042,0011) within Bytes
}

// Scan reads the header of the object in r, size bytes long, up to pixel data. Attributes after pixel data are not read, but
// truncation always is an error. Errors are *Error.
func Scan(r io.ReaderAt, size int64, limits Limits) (*Dataset, error) { panic("dicom.Scan") }

// Decode reads what Encode wrote.
func Decode(b []byte) (*Dataset, error) { panic("dicom.Decode") }
