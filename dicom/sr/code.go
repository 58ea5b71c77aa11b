package sr

import "lightbox/dicom"

// Code is an item of a code sequence (PS3.3 table 8.8-1).
type Code struct {
	Value, Scheme, Version, Meaning string
}

// Is reports whether c is the code value of a coding scheme.
func (c Code) Is(value, scheme string) bool { return c.Value == value && c.Scheme == scheme }

var (
	pathCodeValue     = dicom.MustPath("CodeValue")
	pathLongCodeValue = dicom.MustPath("LongCodeValue")
	pathURNCodeValue  = dicom.MustPath("URNCodeValue")
	pathScheme        = dicom.MustPath("CodingSchemeDesignator")
	pathSchemeVersion = dicom.MustPath("CodingSchemeVersion")
	pathMeaning       = dicom.MustPath("CodeMeaning")
)

// Codes reads the code sequence at a path.
func Codes(ds *dicom.Dataset, p dicom.Path) []Code {
	var codes []Code
	for _, item := range ds.Items(p) {
		codes = append(codes, codeOf(item))
	}
	return codes
}

// firstCode reads a code sequence that has one item.
func firstCode(ds *dicom.Dataset, p dicom.Path) Code {
	if items := ds.Items(p); len(items) > 0 {
		return codeOf(items[0])
	}
	return Code{}
}

// codeOf reads one item: of the three forms of a code value one is present.
func codeOf(item *dicom.Dataset) Code {
	c := Code{
		Value:   item.Text(pathCodeValue),
		Scheme:  item.Text(pathScheme),
		Version: item.Text(pathSchemeVersion),
		Meaning: item.Text(pathMeaning),
	}
	for _, longer := range []dicom.Path{pathLongCodeValue, pathURNCodeValue} {
		if c.Value == "" {
			c.Value = item.Text(longer)
		}
	}
	return c
}
