package bench

// modality is one kind of examination of the city, with what its departments do.
type modality struct {
	code, display string
	share         int // of all studies, in per cent
	sopClass      string
	series        []int // instances of each series, about
	device        string
	devices       func(facility int) int
	procedures    []procedure
	dose          []component // of its dose report; none without ionising radiation, or where devices send none
	doseClass     string
}

// procedure is what is ordered and done.
type procedure struct {
	code, name string
	site       string // SNOMED CT
	siteName   string
	reasons    []string
	findings   []string
	impression []string
}

// component is one figure of a dose report (PS3.16 TID 10001, 10011, 10021), drawn between low and high tenths.
type component struct {
	code, display, unit string
	low, high           int
}

func every(n int) func(int) int { return func(int) int { return n } }

// eachOf gives one to each n-th facility. The others send their patients to the one before them that has it.
func eachOf(n int) func(int) int {
	return func(facility int) int {
		if facility%n == 0 {
			return 1
		}
		return 0
	}
}

// twoAtTheFirst gives two to each of the first n facilities, which are the largest, and one to each other.
func twoAtTheFirst(n int) func(int) int {
	return func(facility int) int {
		if facility < n {
			return 2
		}
		return 1
	}
}

// modalities is the mix of a city's departments. 155 facilities have 1,298 devices by it.
var modalities = []modality{
	{
		code: "DX", display: "Digital Radiography", share: 44, sopClass: "1.2.840.10008.5.1.4.1.1.1.1", series: []int{1, 1},
		device: "Fluor-M2", devices: every(3), procedures: []procedure{chestRadiograph, wristRadiograph, kneeRadiograph},
	},
	{
		code: "US", display: "Ultrasound", share: 25, sopClass: "1.2.840.10008.5.1.4.1.1.6.1", series: []int{12},
		device: "Sona 8", devices: every(2), procedures: []procedure{abdomenUltrasound, carotidUltrasound, thyroidUltrasound},
	},
	{
		code: "CT", display: "Computed Tomography", share: 12, sopClass: "1.2.840.10008.5.1.4.1.1.2", series: []int{2, 320, 160},
		device: "Tomos 64", devices: twoAtTheFirst(80), procedures: []procedure{chestCT, headCT, abdomenCT},
		doseClass: "1.2.840.10008.5.1.4.1.1.88.67", dose: []component{
			{"113812", "Total Number of Irradiation Events", "{events}", 20, 50}, {"113813", "CT Dose Length Product Total", "mGy.cm", 2000, 14000},
		},
	},
	{
		code: "MG", display: "Mammography", share: 8, sopClass: "1.2.840.10008.5.1.4.1.1.1.2", series: []int{1, 1, 1, 1},
		device: "Mammo-D", devices: every(1), procedures: []procedure{mammography},
		doseClass: "1.2.840.10008.5.1.4.1.1.88.67", dose: []component{
			{"111637", "Accumulated Average Glandular Dose", "mGy", 10, 45}, {"113812", "Total Number of Irradiation Events", "{events}", 40, 60},
		},
	},
	{
		code: "MR", display: "Magnetic Resonance", share: 7, sopClass: "1.2.840.10008.5.1.4.1.1.4", series: []int{9, 24, 24, 30, 160},
		device: "Rezon 1.5T", devices: eachOf(2), procedures: []procedure{brainMR, spineMR},
	},
	{
		code: "XA", display: "X-Ray Angiography", share: 3, sopClass: "1.2.840.10008.5.1.4.1.1.12.1", series: []int{1, 1, 1, 1},
		device: "Angio-V", devices: eachOf(4), procedures: []procedure{coronaryXA},
		doseClass: "1.2.840.10008.5.1.4.1.1.88.67", dose: []component{
			{"113722", "Dose Area Product Total", "Gy.m2", 1, 9}, {"113725", "Dose (RP) Total", "mGy", 1500, 22000},
			{"113730", "Total Fluoro Time", "s", 900, 18000},
		},
	},
	{
		code: "NM", display: "Nuclear Medicine", share: 1, sopClass: "1.2.840.10008.5.1.4.1.1.20", series: []int{2},
		device: "Gamma-2", devices: eachOf(10), procedures: []procedure{boneNM},
		doseClass: "1.2.840.10008.5.1.4.1.1.88.68", dose: []component{{"113507", "Administered activity", "MBq", 3000, 7500}},
	},
}

var (
	chestRadiograph = procedure{
		"РГ-ОГК", "Рентгенография органов грудной клетки", "43799004", "Chest",
		[]string{"Профилактический осмотр", "Кашель", "Лихорадка неясного генеза"},
		[]string{
			"Лёгкие без очаговых и инфильтративных изменений.", "Корни структурны.", "Синусы свободны.", "Тень сердца не расширена.",
			"Лёгочный рисунок усилен в нижних отделах.", "Аорта уплотнена.", "Диафрагма расположена обычно.",
		},
		[]string{"Патологических изменений не выявлено.", "Признаки хронического бронхита.", "Инфильтрация в нижней доле справа, контроль после лечения."},
	}
	wristRadiograph = procedure{
		"РГ-ЛЗС", "Рентгенография лучезапястного сустава", "74670003", "Wrist joint",
		[]string{"Травма", "Боль в суставе"},
		[]string{"Костно-травматических изменений не определяется.", "Суставные поверхности конгруэнтны.", "Мягкие ткани не изменены.", "Умеренный остеопороз."},
		[]string{"Патологических изменений не выявлено.", "Перелом дистального метаэпифиза лучевой кости без смещения."},
	}
	kneeRadiograph = procedure{
		"РГ-КС", "Рентгенография коленного сустава", "72696002", "Knee",
		[]string{"Боль в суставе", "Травма"},
		[]string{"Суставная щель сужена в медиальном отделе.", "Краевые костные разрастания.", "Замыкательные пластинки склерозированы.", "Ось сустава сохранена."},
		[]string{"Гонартроз II степени.", "Гонартроз I степени.", "Патологических изменений не выявлено."},
	}
	abdomenUltrasound = procedure{
		"УЗИ-ОБП", "УЗИ органов брюшной полости", "818981001", "Abdomen",
		[]string{"Боль в животе", "Контроль лечения"},
		[]string{
			"Печень не увеличена, эхогенность повышена.", "Желчный пузырь без конкрементов.", "Поджелудочная железа однородна.",
			"Селезёнка обычных размеров.", "Почки расположены обычно, чашечно-лоханочная система не расширена.", "Свободной жидкости нет.",
		},
		[]string{"Признаки жирового гепатоза.", "Патологических изменений не выявлено.", "Хронический калькулёзный холецистит."},
	}
	carotidUltrasound = procedure{
		"УЗДС-БЦА", "Дуплексное сканирование брахиоцефальных артерий", "69105007", "Carotid Artery",
		[]string{"Головокружение", "Шум в ушах"},
		[]string{"Комплекс интима-медиа утолщён.", "Стеноз внутренней сонной артерии справа 30 %.", "Позвоночные артерии проходимы.", "Кровоток симметричен."},
		[]string{"Атеросклероз брахиоцефальных артерий.", "Гемодинамически значимых стенозов не выявлено."},
	}
	thyroidUltrasound = procedure{
		"УЗИ-ЩЖ", "УЗИ щитовидной железы", "69748006", "Thyroid",
		[]string{"Профилактический осмотр", "Контроль узла"},
		[]string{"Железа не увеличена.", "Эхоструктура неоднородна.", "Узел левой доли с чёткими контурами.", "Регионарные лимфоузлы не изменены."},
		[]string{"Узел левой доли, TI-RADS 2.", "Узел правой доли, TI-RADS 3.", "Патологических изменений не выявлено."},
	}
	chestCT = procedure{
		"КТ-ОГК", "КТ органов грудной клетки", "43799004", "Chest",
		[]string{"Очаг в лёгком при флюорографии", "Контроль лечения", "Одышка"},
		[]string{
			"Очаг верхней доли правого лёгкого.", "Зона по типу матового стекла в нижней доле.", "Бронхи I-III порядка проходимы.",
			"Внутригрудные лимфоузлы не увеличены.", "Плевральные полости свободны.", "Кальцинаты коронарных артерий.", "Костных деструктивных изменений нет.",
		},
		[]string{"Единичный очаг правого лёгкого, контроль через 3 месяца.", "Патологических изменений не выявлено.", "Картина двусторонней пневмонии."},
	}
	headCT = procedure{
		"КТ-ГМ", "КТ головного мозга", "69536005", "Head",
		[]string{"Слабость в левых конечностях", "Травма", "Головная боль"},
		[]string{"Очагов патологической плотности не определяется.", "Желудочки не расширены.", "Срединные структуры не смещены.", "Придаточные пазухи воздушны."},
		[]string{"Данных за внутричерепное кровоизлияние нет.", "Признаки ишемии в бассейне правой средней мозговой артерии."},
	}
	abdomenCT = procedure{
		"КТ-ОБП", "КТ органов брюшной полости", "818981001", "Abdomen",
		[]string{"Боль в животе", "Образование при УЗИ"},
		[]string{"Печень однородна.", "Киста правой почки.", "Поджелудочная железа не изменена.", "Забрюшинные лимфоузлы не увеличены.", "Аорта не расширена."},
		[]string{"Киста почки, Bosniak I.", "Патологических изменений не выявлено.", "Конкремент нижней трети левого мочеточника."},
	}
	mammography = procedure{
		"ММГ", "Маммография двусторонняя", "76752008", "Breast",
		[]string{"Скрининг", "Диспансеризация"},
		[]string{"Структура желёз типа B по ACR.", "Структура желёз типа C по ACR.", "Узловых образований не определяется.", "Единичные кальцинаты.", "Кожа и соски не изменены."},
		[]string{"BI-RADS 1.", "BI-RADS 2.", "BI-RADS 3, контроль через 6 месяцев.", "BI-RADS 0, УЗИ."},
	}
	brainMR = procedure{
		"МРТ-ГМ", "МРТ головного мозга", "12738006", "Brain",
		[]string{"Головная боль", "Головокружение"},
		[]string{"Очаги повышенного сигнала в белом веществе.", "Желудочки не расширены.", "Срединные структуры не смещены.", "Гипофиз не увеличен.", "Субарахноидальные пространства умеренно расширены."},
		[]string{"Единичные очаги сосудистого характера.", "Патологических изменений не выявлено."},
	}
	spineMR = procedure{
		"МРТ-ПОП", "МРТ поясничного отдела позвоночника", "122496007", "Lumbar spine",
		[]string{"Боль в спине", "Боль в ноге"},
		[]string{"Лордоз сглажен.", "Протрузия диска L4-L5.", "Экструзия диска L5-S1 слева.", "Позвоночный канал не сужен.", "Конус спинного мозга не изменён."},
		[]string{"Дегенеративные изменения, протрузия L4-L5.", "Грыжа диска L5-S1 с компрессией корешка."},
	}
	coronaryXA = procedure{
		"КАГ", "Коронароангиография", "80891009", "Heart",
		[]string{"Стенокардия", "Острый коронарный синдром"},
		[]string{"Тип кровоснабжения правый.", "Ствол левой коронарной артерии без стенозов.", "Стеноз передней нисходящей артерии 70 %.", "Правая коронарная артерия проходима."},
		[]string{"Однососудистое поражение, показано стентирование.", "Стенозов коронарных артерий не выявлено."},
	}
	boneNM = procedure{
		"ОФЭКТ-К", "Сцинтиграфия костей скелета", "128530007", "Entire skeleton",
		[]string{"Поиск метастазов", "Контроль лечения"},
		[]string{"Распределение препарата симметричное.", "Очаг повышенного накопления в теле L3.", "Накопление в крупных суставах повышено."},
		[]string{"Данных за очаговое поражение скелета нет.", "Очаг в L3, рекомендована МРТ."},
	}
)

// Names of the people of the city; nobody of them exists. Each row: male and female form.
var (
	surnames = [][2]string{
		{"Белов", "Белова"}, {"Орлов", "Орлова"}, {"Фёдоров", "Фёдорова"}, {"Никитин", "Никитина"}, {"Смирнов", "Смирнова"},
		{"Егоров", "Егорова"}, {"Морозов", "Морозова"}, {"Жуков", "Жукова"}, {"Кузнецов", "Кузнецова"}, {"Соколов", "Соколова"},
		{"Воронин", "Воронина"}, {"Лебедев", "Лебедева"}, {"Зайцев", "Зайцева"}, {"Гусев", "Гусева"}, {"Павлов", "Павлова"},
		{"Тихонов", "Тихонова"}, {"Крылов", "Крылова"}, {"Макаров", "Макарова"}, {"Суханов", "Суханова"}, {"Рябов", "Рябова"},
		{"Whitfield", "Whitfield"}, {"Harper", "Harper"}, {"Marsh", "Marsh"}, {"Ellis", "Ellis"},
	}
	givenNames = [][2]string{
		{"Виктор", "Мария"}, {"Олег", "Анна"}, {"Сергей", "Галина"}, {"Антон", "Дарья"}, {"Дмитрий", "Татьяна"}, {"Павел", "Нина"},
		{"Игорь", "Екатерина"}, {"Денис", "Ольга"}, {"Михаил", "Елена"}, {"Юрий", "Вера"}, {"Роман", "Ирина"}, {"Илья", "Полина"},
	}
	fatherNames = [][2]string{
		{"Сергеевич", "Сергеевна"}, {"Николаевич", "Николаевна"}, {"Юрьевич", "Юрьевна"}, {"Игоревич", "Игоревна"},
		{"Петрович", "Петровна"}, {"Павлович", "Павловна"}, {"Ильич", "Ильинична"}, {"Олегович", "Олеговна"},
	}
)
