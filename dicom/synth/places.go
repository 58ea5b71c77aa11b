package synth

// Facilities by their place in City.Facilities.
const (
	hospital = iota
	clinic
)

// facilities are all invented.
var facilities = [...]struct {
	Facility
	address     string
	issuerUID   string // universal entity id of its patient and accession numbers, an OID below 2.25
	procedures  string // coding scheme designator of its procedure codes
	schemeUID   string
	referring   string
	referringID string
	radiologist string
	readerID    string
	department  string
}{
	hospital: {
		Facility: Facility{
			Name: "Городская больница № 17", Folder: "central",
			IssuerOfPatientID: "GB17", IssuerOfAccession: "GB17-RIS",
		},
		address:    "ул. Садовая, 17",
		issuerUID:  "2.25.171717171717171717171717171717",
		procedures: "99GB17", schemeUID: "2.25.171717171717171717171717171718",
		referring: "Лебедева^Татьяна^Олеговна", referringID: "GB17-0412",
		radiologist: "Воронин^Павел^Андреевич^^к.м.н.", readerID: "GB17-0087",
		department: "Отделение лучевой диагностики",
	},
	clinic: {
		Facility: Facility{
			Name: "Aurora Partner Clinic", Folder: "aurora",
			IssuerOfPatientID: "AURORA", IssuerOfAccession: "AURORA-RIS",
		},
		address:    "4 Harbour Lane",
		issuerUID:  "2.25.404040404040404040404040404040",
		procedures: "99AURORA", schemeUID: "2.25.404040404040404040404040404041",
		referring: "Marsh^Helen^^Dr", referringID: "AUR-11",
		radiologist: "Fielding^Thomas^^Dr", readerID: "AUR-03",
		department: "Imaging",
	},
}

// device is one machine; manufacturers and models are invented.
type device struct {
	facility     int
	modality     string
	manufacturer string
	model        string
	serial       string
	station      string
	software     string
	operator     string
	set          characterSet
	zone         bool // whether it writes TimezoneOffsetFromUTC
	hasUID       bool // whether it writes DeviceUID
}

var devices = map[string]device{
	"CT": {
		hospital, "CT", "Orbita Medical", "Tomos 64", "OT64-20117", "CT01", `VB21A\SP3`, "Гусев^Игорь", utf8, true, true,
	},
	"MR": {
		hospital, "MR", "Polyus Imaging", "Rezon 1.5T", "PR15-0934", "MR01", "5.2.1", "Гусев^Игорь", utf8, true, true,
	},
	"FLG": {
		hospital, "DX", "Kometa X-Ray", "Fluor-M2", "KF2-55810", "FLG01", "2.7", "Зайцева^Нина", cyrillic, true, false,
	},
	"MG": {
		hospital, "MG", "Kometa X-Ray", "Mammo-D", "KMD-00412", "MG01", "3.1.4", "Зайцева^Нина", utf8, true, false,
	},
	"US": {
		clinic, "US", "Brightwave", "Sona 8", "BW8-7741", "US-A", "8.04", "Ellis^Karen", utf8, true, false,
	},
	"CR": {
		clinic, "CR", "Brightwave", "PlateReader 2", "BWP-1203", "CR-A", "1.9", "Ellis^Karen", ascii, false, false,
	},
}
