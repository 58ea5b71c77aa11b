package mapping

// currentCode translates a code of SNOMED-RT, which PS3.16 retired in 2019 ("SRT", "SNM3", "99SDM"), to SNOMED CT where the table
// knows it; others stay as they came.
func currentCode(value, scheme string) (string, string) {
	switch scheme {
	case "SRT", "SNM3", "99SDM":
		if current, ok := snomedRT[value]; ok {
			return current, "SCT"
		}
	}
	return value, scheme
}

// snomedRT holds the codes of laterality, region and report structure that older equipment sends (PS3.16 CID 244, 4031).
var snomedRT = map[string]string{
	"G-A100": "24028007", "G-A101": "7771000", "G-A102": "51440002", "G-A103": "66459002",
	"T-D3000": "51185008", "T-D4000": "818981001", "T-04000": "76752008", "T-D1100": "69536005",
	"T-A0100": "12738006", "T-32000": "80891009", "T-28000": "39607008",
}
