package synth

// person is one record of a patient at a facility. Nobody of these exists.
type person struct {
	facility  int
	name      string
	birth     string
	sex       string
	role      string
	admission bool   // an inpatient, with an admission id
	elsewhere string // key of the record of the same person at the other facility
}

// people by the key that the plan uses. The two Smirnovas share name and birth date and nothing else.
var people = map[string]person{
	"belova":     {hospital, "Белова^Мария^Сергеевна", "19680214", "F", "patient", false, ""},
	"child":      {hospital, "Орлов^Миша^Денисович", "20180522", "M", "child", false, ""},
	"fedorov":    {hospital, "Фёдоров^Виктор^Николаевич", "19550903", "M", "", true, ""},
	"nikitin":    {hospital, "Никитин^Олег^Юрьевич", "19791130", "M", "", false, ""},
	"smirnova-a": {hospital, "Смирнова^Анна^Сергеевна", "19840715", "F", "", false, ""},
	"smirnova-b": {hospital, "Смирнова^Анна^Сергеевна", "19840715", "F", "", false, ""},
	"whitfield":  {hospital, "Whitfield^Oliver^James^Mr", "19710308", "M", "", true, ""},
	"egorov":     {hospital, "Егоров^Антон^Игоревич", "19900119", "M", "", false, ""},
	"morozova":   {hospital, "Морозова^Галина^Петровна", "19491205", "F", "", true, ""},
	"zhukov":     {hospital, "Жуков^Сергей^Павлович", "19620627", "M", "", false, ""},
	"zhukov-2":   {clinic, "Zhukov^Sergey^Pavlovich", "19620627", "M", "", false, "zhukov"},
	"kuznetsov":  {clinic, "Kuznetsov^Dmitry^Petrovich", "19870411", "M", "", false, ""},
	"harper":     {clinic, "Harper^Emily^Jane^Mrs", "19760930", "F", "", false, ""},
	"oneill":     {clinic, "O'Neill^Grace^Mary^Dr^MBBS", "19590117", "F", "", false, ""},
	"sokolova":   {clinic, "Соколова^Дарья^Ильинична", "20010806", "F", "", false, ""},
}

// parentName is the child's mother, who is in no DICOM object.
const parentName = "Орлова Екатерина Викторовна"
