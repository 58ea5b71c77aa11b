package synth

// procedure is what is done: the request, the code of the facility, and what part of the body it shows.
type procedure struct {
	code        string
	description string // StudyDescription and the code's meaning
	reason      string
	bodyPart    string // BodyPartExamined
	region      code   // AnatomicRegionSequence, of PS3.16 annex L
	images      func(*study)
}

var (
	chest         = code{"43799004", "SCT", "Chest"}
	abdomen       = code{"818981001", "SCT", "Abdomen"}
	head          = code{"69536005", "SCT", "Head"}
	brain         = code{"12738006", "SCT", "Brain"}
	wrist         = code{"74670003", "SCT", "Wrist joint"}
	breast        = code{"76752008", "SCT", "Breast"}
	carotidArtery = code{"69105007", "SCT", "Carotid Artery"}
)

// procedures by the key that the plan uses.
var procedures = map[string]procedure{
	"ct-chest":   {"КТ-ОГК", "КТ органов грудной клетки", "Очаг в лёгком при флюорографии", "CHEST", chest, (*study).ctChest},
	"ct-abdomen": {"КТ-ОБП", "КТ органов брюшной полости", "Боль в животе", "ABDOMEN", abdomen, (*study).ctAbdomen},
	"ct-head":    {"КТ-ГМ", "КТ головного мозга", "Слабость в левых конечностях", "HEAD", head, (*study).ctHead},
	"mr-brain":   {"МРТ-ГМ", "МРТ головного мозга", "Головная боль", "BRAIN", brain, (*study).mrBrain},
	"flg":        {"ФЛГ", "Флюорография органов грудной клетки (ФЛГ)", "Профилактический осмотр", "CHEST", chest, (*study).fluorography},
	"dx-wrist":   {"РГ-ЛЗС", "Рентгенография лучезапястного сустава", "Травма", "WRIST", wrist, (*study).wristRadiograph},
	"mg":         {"ММГ", "Маммография двусторонняя", "Скрининг", "BREAST", breast, (*study).mammography},
	"us-abdomen": {"USAB", "Ultrasound of abdomen", "Right upper quadrant pain", "ABDOMEN", abdomen, (*study).abdomenUltrasound},
	"us-neck":    {"USNK", "Carotid duplex ultrasound", "Dizziness", "CAROTID", carotidArtery, (*study).carotidUltrasound},
	"cr-chest":   {"XRCH", "Chest X-ray PA", "Persistent cough", "CHEST", chest, (*study).chestRadiograph},
}
