package dicom

type charset struct{}

func newCharset(string) *charset { return nil }

func (c *charset) decode(b []byte, r *vrRule) (string, string) { return string(b), "" }
