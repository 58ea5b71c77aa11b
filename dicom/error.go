package dicom

// Error tells why an object was refused and where.
type Error struct {
	Reason Reason
	Offset int64 // in the file; in the inflated data set where that is deflated
	Tag    Tag
	Detail string // no patient data
	Err    error  // what reading failed with, when Reason is Unreadable
}

// Reason is a short word that summaries count by.
type Reason string

const (
	NotDICOM    Reason = "not-dicom"
	Truncated   Reason = "truncated"
	TooLarge    Reason = "over-budget" // bytes, elements or depth
	Malformed   Reason = "malformed"
	Unsupported Reason = "unsupported" // e.g. an unknown compression of the whole data set
	Unreadable  Reason = "unreadable"  // the reader failed, see Err; the object itself may be sound
)

func (e *Error) Error() string { return string(e.Reason) + ": " + e.Detail }

func (e *Error) Unwrap() error { return e.Err }
