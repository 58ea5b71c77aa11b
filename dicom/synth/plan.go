package synth

// planned is one study of the city.
type planned struct {
	patient   string
	device    string
	procedure string
	when      string // local time
	finding   string // of findings; decides what is drawn and reported
	reports   reports
}

// reports are the documents of a study, in the order in which they were made.
type reports []document

type document int

const (
	preliminary document = iota // COMPLETE, UNVERIFIED
	final                       // VERIFIED, after the preliminary one when there is one
	amended                     // VERIFIED, after a verified one
	pdf                         // an encapsulated PDF
	dose                        // an X-ray radiation dose SR
)

// plan is who had what and when, around fixed dates. Earlier studies of the same patient and region are what a reader compares.
var plan = [...]planned{
	{"belova", "FLG", "flg", "2024-03-12 09:15", "clear-lungs", reports{final}},
	{"belova", "FLG", "flg", "2025-03-18 10:02", "lung-nodule", reports{preliminary, final}},
	{"belova", "CT", "ct-chest", "2025-04-02 11:40", "lung-nodule", reports{dose, preliminary, final, amended}},
	{"belova", "CT", "ct-chest", "2026-01-20 08:55", "lung-nodule", reports{dose, preliminary}},
	{"belova", "MG", "mg", "2024-09-10 13:20", "clear-breasts", reports{dose, final}},
	{"belova", "MG", "mg", "2025-10-07 14:05", "breast-mass", reports{dose, preliminary, final}},
	{"child", "FLG", "dx-wrist", "2025-06-14 18:31", "radius-fracture", reports{preliminary, final}},
	{"child", "FLG", "dx-wrist", "2025-07-21 12:10", "radius-healed", reports{final}},
	{"fedorov", "CT", "ct-head", "2025-02-03 03:12", "stroke", reports{dose, preliminary, final}},
	{"fedorov", "MR", "mr-brain", "2025-02-05 15:45", "stroke", reports{final}},
	{"fedorov", "CT", "ct-head", "2025-02-11 09:30", "stroke", reports{dose, final}},
	{"nikitin", "MR", "mr-brain", "2024-11-19 10:25", "lesions", reports{final}},
	{"nikitin", "MR", "mr-brain", "2025-11-25 10:50", "lesions", reports{preliminary}},
	{"smirnova-a", "MG", "mg", "2025-05-16 09:40", "clear-breasts", reports{dose, final}},
	{"smirnova-b", "FLG", "flg", "2025-05-16 09:55", "clear-lungs", reports{final}},
	{"smirnova-b", "MG", "mg", "2025-05-19 11:15", "breast-mass", reports{dose, preliminary, final, amended}},
	{"whitfield", "CT", "ct-abdomen", "2025-08-28 22:17", "liver-lesion", reports{dose, preliminary, final}},
	{"egorov", "FLG", "flg", "2024-10-01 08:20", "clear-lungs", reports{final}},
	{"egorov", "FLG", "flg", "2025-10-03 08:35", "clear-lungs", nil},
	{"morozova", "FLG", "flg", "2024-02-06 12:00", "lung-nodule", reports{final}},
	{"morozova", "CT", "ct-chest", "2024-02-20 16:10", "lung-nodule", reports{dose, final}},
	{"zhukov", "CT", "ct-abdomen", "2025-12-09 13:35", "liver-lesion", reports{dose, final}},
	{"zhukov-2", "US", "us-abdomen", "2025-11-27 17:20", "gallstone", reports{final}},
	{"kuznetsov", "US", "us-neck", "2024-06-18 09:05", "carotid-plaque", reports{final}},
	{"kuznetsov", "US", "us-neck", "2025-06-24 09:10", "carotid-plaque", reports{preliminary, final}},
	{"harper", "CR", "cr-chest", "2025-01-15 11:00", "clear-lungs", reports{final}},
	{"harper", "US", "us-abdomen", "2025-09-02 15:30", "gallstone", reports{pdf}},
	{"oneill", "CR", "cr-chest", "2024-12-04 10:45", "lung-nodule", reports{final}},
	{"oneill", "CR", "cr-chest", "2025-12-10 10:20", "lung-nodule", reports{preliminary}},
	{"sokolova", "US", "us-abdomen", "2026-02-17 12:40", "gallstone", reports{final}},
}
