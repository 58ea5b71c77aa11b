package media

// recordTypes names the type of the directory record of each SOP class that can be below a series (PS3.3 table F.4-1; PS3.4 table B.5-1).
// Retired classes that archives are full of are among them; those whose record types were retired with them are not.
var recordTypes = typesOf(map[string][]string{
	"IMAGE": {
		"1", "1.1", "1.1.1", "1.2", "1.2.1", "1.3", "1.3.1", // radiography, mammography, intra-oral
		"2", "2.1", "2.2", "4", "4.1", "4.3", "4.4", // CT, MR
		"3", "3.1", "6", "6.1", "6.2", "6.3", // ultrasound, photoacoustic
		"5", "20", "128", "128.1", "130", // nuclear medicine, PET
		"7", "7.1", "7.2", "7.3", "7.4", // secondary capture
		"12.1", "12.1.1", "12.2", "12.2.1", "12.3", "13.1.1", "13.1.2", "13.1.3", "13.1.4", "13.1.5", // X-ray angiography, tomosynthesis
		"14.1", "14.2", // intravascular OCT
		"30", "66.4", "66.7", "66.8", // parametric map, segmentation
		"77.1", "77.2", "77.1.1", "77.1.1.1", "77.1.2", "77.1.2.1", "77.1.3", "77.1.4", "77.1.4.1", "77.1.6", "77.1.7", "77.1.8", "77.1.9", // visible light
		"77.1.5.1", "77.1.5.2", "77.1.5.4", "77.1.5.5", "77.1.5.6", "77.1.5.7", "77.1.5.8", "81.1", "82.1", // ophthalmology
		"481.1", "481.23", "481.24", // RT image
	},
	"RT DOSE":          {"481.2"},
	"RT STRUCTURE SET": {"481.3"},
	"RT PLAN":          {"481.5", "481.8"},
	"RT TREAT RECORD":  {"481.4", "481.6", "481.7", "481.9"},
	"RADIOTHERAPY": {"481.10", "481.11", "481.12", "481.13", "481.14", "481.15", "481.16", "481.17", "481.18", "481.19", "481.20", "481.21",
		"481.22", "481.25"},
	"PRESENTATION": {"11.1", "11.2", "11.3", "11.4", "11.5", "11.6", "11.7", "11.8", "11.9", "11.10", "11.11", "11.12", "131"},
	"WAVEFORM": {"9.1", "9.1.1", "9.1.2", "9.1.3", "9.1.4", "9.2.1", "9.3.1", "9.4.1", "9.4.2", "9.5.1", "9.6.1", "9.6.2", "9.7.1", "9.7.2", "9.7.3",
		"9.7.4", "9.8.1"},
	"WAVEFORM PRESENTATION": {"9.100.1", "9.100.2"},
	"SR DOCUMENT": {"88.1", "88.2", "88.3", "88.4", "88.11", "88.22", "88.33", "88.34", "88.35", "88.40", "88.50", "88.65", "88.67", "88.68", "88.69",
		"88.70", "88.71", "88.72", "88.73", "88.74", "88.75", "88.76", "88.77", "78.6", "79.1"},
	"KEY OBJECT DOC": {"88.59"},
	"SPECTROSCOPY":   {"4.2"},
	"RAW DATA":       {"66"},
	"REGISTRATION":   {"66.1", "66.3"},
	"FIDUCIAL":       {"66.2"},
	"ENCAP DOC":      {"104.1", "104.2", "104.3", "104.4", "104.5"},
	"VALUE MAP":      {"67"},
	"STEREOMETRIC":   {"77.1.5.3"},
	"MEASUREMENT":    {"78.1", "78.2", "78.3", "78.4", "78.5", "78.7", "78.8", "80.1"},
	"SURFACE":        {"66.5"},
	"SURFACE SCAN":   {"68.1", "68.2"},
	"TRACT":          {"66.6"},
	"ASSESSMENT":     {"90.1"},
	"ANNOTATION":     {"91.1"},
}, map[string]string{
	"1.2.840.10008.5.1.4.34.1":  "PLAN", // RT beams delivery instruction, of the trial
	"1.2.840.10008.5.1.4.34.7":  "PLAN",
	"1.2.840.10008.5.1.4.34.10": "PLAN",
})

// typesOf turns a list by type, of what follows the common root of storage classes, into one by SOP class.
func typesOf(byType map[string][]string, others map[string]string) map[string]string {
	for kind, list := range byType {
		for _, class := range list {
			others["1.2.840.10008.5.1.4.1.1."+class] = kind
		}
	}
	return others
}
