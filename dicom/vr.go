package dicom

// VR is a value representation of PS3.5 6.2, "PN".
type VR string

// vrRule is what the encoding of one value representation needs (PS3.5 6.2 and 7.1.2).
type vrRule struct {
	vr      VR
	long    bool // Explicit VR gives it two reserved bytes and a length of 32 bits
	unit    int  // bytes of one binary number; 0 for text
	charset bool // its text is in Specific Character Set
	single  bool // a backslash in it is text, not a delimiter
	leading bool // leading spaces are padding too
	pad     byte // fills its value to an even length
}

var vrTable = [...]vrRule{
	{vr: "AE", leading: true, pad: ' '},
	{vr: "AS", pad: ' '},
	{vr: "AT", unit: 2}, // two numbers: group and element
	{vr: "CS", leading: true, pad: ' '},
	{vr: "DA", pad: ' '},
	{vr: "DS", leading: true, pad: ' '},
	{vr: "DT", pad: ' '},
	{vr: "FD", unit: 8},
	{vr: "FL", unit: 4},
	{vr: "IS", leading: true, pad: ' '},
	{vr: "LO", charset: true, leading: true, pad: ' '},
	{vr: "LT", charset: true, single: true, pad: ' '},
	{vr: "OB", long: true, unit: 1},
	{vr: "OD", long: true, unit: 8},
	{vr: "OF", long: true, unit: 4},
	{vr: "OL", long: true, unit: 4},
	{vr: "OV", long: true, unit: 8},
	{vr: "OW", long: true, unit: 2},
	{vr: "PN", charset: true, leading: true, pad: ' '},
	{vr: "SH", charset: true, leading: true, pad: ' '},
	{vr: "SL", unit: 4},
	{vr: "SQ", long: true},
	{vr: "SS", unit: 2},
	{vr: "ST", charset: true, single: true, pad: ' '},
	{vr: "SV", long: true, unit: 8},
	{vr: "TM", pad: ' '},
	{vr: "UC", long: true, charset: true, pad: ' '},
	{vr: "UI", leading: true},
	{vr: "UL", unit: 4},
	{vr: "UN", long: true, unit: 1},
	{vr: "UR", long: true, single: true, pad: ' '},
	{vr: "US", unit: 2},
	{vr: "UT", long: true, charset: true, single: true, pad: ' '},
	{vr: "UV", long: true, unit: 8},
}

// vrIndex finds a rule by its two letters; the scanner asks for every element.
var vrIndex = indexVRs()

func indexVRs() (index [26 * 26]*vrRule) {
	for i := range vrTable {
		vr := vrTable[i].vr
		index[int(vr[0]-'A')*26+int(vr[1]-'A')] = &vrTable[i]
	}
	return index
}

// ruleOf returns the rule of two letters, nil when they name no value representation.
func ruleOf(a, b byte) *vrRule {
	if !upper(a) || !upper(b) {
		return nil
	}
	return vrIndex[int(a-'A')*26+int(b-'A')]
}

func upper(c byte) bool { return 'A' <= c && c <= 'Z' }

// rule returns the rule of vr; unknown ones are read as UN.
func (vr VR) rule() *vrRule {
	if len(vr) == 2 {
		if r := ruleOf(vr[0], vr[1]); r != nil {
			return r
		}
	}
	return ruleOf('U', 'N')
}

// text reports whether values are character strings.
func (r *vrRule) text() bool { return r.unit == 0 && r.vr != "SQ" }
