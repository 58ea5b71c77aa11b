package dicom

import (
	_ "embed"
	"strings"
	"sync"

	"github.com/suyashkumar/dicom/pkg/tag"
	"github.com/suyashkumar/dicom/pkg/uid"
)

// tagList names the tags of PS3.6 that package tag knows, which cannot list them itself.
//
//go:embed tags.txt
var tagList string

// entry is one row of the data dictionary.
type entry struct {
	tag     Tag
	vr      VR
	keyword string
}

// recent holds attributes of PS3.6 that package tag does not know yet.
var recent = [...]entry{
	{0x00100011, "SQ", "PersonNamesToUseSequence"},
	{0x00100012, "LT", "NameToUse"},
	{0x00100013, "UT", "NameToUseComment"},
	{0x00100014, "SQ", "ThirdPersonPronounsSequence"},
	{0x00100015, "SQ", "PronounCodeSequence"},
	{0x00100016, "UT", "PronounComment"},
	{0x00100041, "SQ", "GenderIdentitySequence"},
	{0x00100042, "UT", "SexParametersForClinicalUseCategoryComment"},
	{0x00100043, "SQ", "SexParametersForClinicalUseCategorySequence"},
	{0x00100044, "SQ", "GenderIdentityCodeSequence"},
	{0x00100045, "UT", "GenderIdentityComment"},
	{0x00100046, "SQ", "SexParametersForClinicalUseCategoryCodeSequence"},
	{0x00100047, "UR", "SexParametersForClinicalUseCategoryReference"},
	{0x00102161, "SQ", "EthnicGroupCodeSequence"},
	{0x00102162, "UC", "EthnicGroups"},
}

type tables struct {
	byTag     map[Tag]entry
	byKeyword map[string]Tag
}

var dictionary = sync.OnceValue(readDictionary)

func readDictionary() tables {
	names := strings.Fields(tagList)
	t := tables{make(map[Tag]entry, len(names)), make(map[string]Tag, len(names))}
	for _, e := range recent {
		t.add(e)
	}
	for _, name := range names {
		n, err := ParseTag(name)
		if err != nil {
			panic("dicom: tags.txt: " + err.Error())
		}
		info, err := tag.Find(tag.Tag{Group: n.Group(), Element: uint16(n)})
		if err == nil && info.Keyword != "" {
			t.add(entry{n, VR(info.VRs[0]).rule().vr, info.Keyword})
		}
	}
	return t
}

func (t tables) add(e entry) {
	t.byTag[e.tag] = e
	if _, taken := t.byKeyword[e.keyword]; !taken {
		t.byKeyword[e.keyword] = e.tag
	}
}

// lookUp finds the row of a tag. Repeating groups (overlays 60xx, curves 50xx: PS3.5 7.6) share the row of their first group.
func lookUp(t Tag) (entry, bool) {
	if g := t >> 24; (g == 0x60 || g == 0x50) && t&0x00010000 == 0 {
		t &= 0xFF00FFFF
	}
	e, ok := dictionary().byTag[t]
	return e, ok
}

// Keyword names an attribute as PS3.6 does, "" when it is unknown or private.
func Keyword(t Tag) string {
	e, _ := lookUp(t)
	return e.keyword
}

// TagOf finds the tag of a keyword.
func TagOf(keyword string) (Tag, bool) {
	t, ok := dictionary().byKeyword[keyword]
	return t, ok
}

// VROf gives the value representation that PS3.6 states, the first of several; UN when the tag is unknown.
func VROf(t Tag) VR {
	if t.Private() {
		if e := t & 0xFFFF; 0x10 <= e && e <= 0xFF {
			return "LO" // a private creator (PS3.5 7.8.1)
		}
		return "UN"
	}
	if e, ok := lookUp(t); ok {
		return e.vr
	}
	return "UN"
}

// UIDName names a UID of PS3.6 annex A, "CT Image Storage"; "" when it is unknown.
func UIDName(u string) string {
	info, err := uid.Lookup(u)
	if err != nil {
		return laterUIDs[u]
	}
	return info.Name
}

// laterUIDs are those that PS3.6 annex A has and the library's table has not yet.
var laterUIDs = map[string]string{
	"1.2.840.10008.5.1.4.1.1.104.3": "Encapsulated STL Storage",
	"1.2.840.10008.1.2.4.110":       "JPEG XL Lossless",
	"1.2.840.10008.1.2.4.111":       "JPEG XL JPEG Recompression",
	"1.2.840.10008.1.2.4.112":       "JPEG XL",
	"1.2.840.10008.1.2.4.201":       "High-Throughput JPEG 2000 Image Compression (Lossless Only)",
	"1.2.840.10008.1.2.4.202":       "High-Throughput JPEG 2000 with RPCL Options Image Compression (Lossless Only)",
	"1.2.840.10008.1.2.4.203":       "High-Throughput JPEG 2000 Image Compression",
	"1.2.840.10008.1.2.4.204":       "JPIP HTJ2K Referenced",
	"1.2.840.10008.1.2.4.205":       "JPIP HTJ2K Referenced Deflate",
}
