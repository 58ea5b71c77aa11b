package dicom

import (
	"fmt"
	"strconv"
	"strings"
)

// Tag is a group and element number, 0xGGGGEEEE.
type Tag uint32

// Tags that this package itself has to know.
const (
	tagMetaLength           Tag = 0x00020000
	tagMetaVersion          Tag = 0x00020001
	tagMediaSOPClass        Tag = 0x00020002
	tagMediaSOPInstance     Tag = 0x00020003
	tagTransferSyntax       Tag = 0x00020010
	tagImplementationClass  Tag = 0x00020012
	tagImplementation       Tag = 0x00020013
	tagSpecificCharacterSet Tag = 0x00080005
	tagSOPClassUID          Tag = 0x00080016
	tagSOPInstanceUID       Tag = 0x00080018
	tagEncapsulatedDocument Tag = 0x00420011
	tagPixelData            Tag = 0x7FE00010
	tagItem                 Tag = 0xFFFEE000
	tagItemEnd              Tag = 0xFFFEE00D
	tagSequenceEnd          Tag = 0xFFFEE0DD
)

// Group is the upper half of a tag.
func (t Tag) Group() uint16 { return uint16(t >> 16) }

// Private reports whether t belongs to a vendor: its group is odd (PS3.5 7.8).
func (t Tag) Private() bool { return t&0x10000 != 0 }

// String writes a tag as the standard does, "(0010,0020)".
func (t Tag) String() string { return fmt.Sprintf("(%04X,%04X)", uint32(t)>>16, uint32(t)&0xFFFF) }

// ParseTag reads what String writes, and "00100020".
func ParseTag(text string) (Tag, error) {
	digits := text
	if strings.HasPrefix(text, "(") && strings.HasSuffix(text, ")") {
		group, element, _ := strings.Cut(text[1:len(text)-1], ",")
		if len(group) != 4 {
			return 0, fmt.Errorf("dicom: %q is not a tag", text)
		}
		digits = group + element
	}
	n, err := strconv.ParseUint(digits, 16, 32)
	if err != nil || len(digits) != 8 {
		return 0, fmt.Errorf("dicom: %q is not a tag", text)
	}
	return Tag(n), nil
}
