package synth

// wording is what a report says in one language.
type wording struct{ findings, impression string }

// finding is what is seen: drawn by the phantom that knows its key, told in both languages.
type finding struct{ russian, english wording }

var findings = map[string]finding{
	"clear-lungs": {
		wording{"Лёгкие без очаговых и инфильтративных изменений. Корни структурны. Синусы свободны. Тень сердца не расширена.",
			"Патологических изменений не выявлено."},
		wording{"The lungs are clear. The hila are normal. No pleural effusion. The heart is not enlarged.",
			"No acute cardiopulmonary disease."},
	},
	"lung-nodule": {
		wording{"В верхней доле правого лёгкого округлый очаг с ровными контурами, до 12 мм. Лимфоузлы не увеличены.",
			"Солитарный очаг верхней доли правого лёгкого. Рекомендован КТ-контроль через 3 месяца."},
		wording{"A rounded, well defined 12 mm nodule in the right upper lobe. No enlarged lymph nodes.",
			"Solitary nodule of the right upper lobe. Follow-up CT in 3 months is advised."},
	},
	"clear-breasts": {
		wording{"Ткань молочных желёз преимущественно фиброгландулярная (ACR B). Узловых образований и микрокальцинатов нет.",
			"BI-RADS 1 с обеих сторон."},
		wording{"Scattered fibroglandular tissue (ACR B). No mass or suspicious calcification.", "BI-RADS 1 on both sides."},
	},
	"breast-mass": {
		wording{"В верхненаружном квадранте левой молочной железы образование высокой плотности с нечёткими контурами, 14 мм.",
			"BI-RADS 4 слева, BI-RADS 1 справа. Показана трепан-биопсия."},
		wording{"An ill-defined dense 14 mm mass in the upper outer quadrant of the left breast.",
			"BI-RADS 4 on the left, BI-RADS 1 on the right. Core biopsy is indicated."},
	},
	"radius-fracture": {
		wording{"Перелом дистального метадиафиза левой лучевой кости без значимого смещения.", "Перелом левой лучевой кости."},
		wording{"Fracture of the distal left radius without significant displacement.", "Fracture of the left radius."},
	},
	"radius-healed": {
		wording{"Состояние после перелома левой лучевой кости, сформирована костная мозоль.", "Консолидированный перелом."},
		wording{"Callus has formed at the fracture of the left radius.", "Healed fracture."},
	},
	"stroke": {
		wording{"В бассейне правой средней мозговой артерии зона изменённого сигнала (плотности) 45 мм. Срединные структуры не смещены.",
			"Ишемический инсульт в бассейне правой СМА."},
		wording{"A 45 mm area of abnormal signal (density) in the territory of the right middle cerebral artery. No midline shift.",
			"Ischaemic stroke in the right MCA territory."},
	},
	"lesions": {
		wording{"Множественные перивентрикулярные очаги белого вещества, гиперинтенсивные на T2, до 7 мм.",
			"Очаговые изменения белого вещества, вероятно, демиелинизирующего характера."},
		wording{"Multiple periventricular white matter lesions, bright on T2, up to 7 mm.", "Probably demyelinating disease."},
	},
	"liver-lesion": {
		wording{"В правой доле печени гиподенсное образование 22 мм с чёткими контурами. Почки, селезёнка без особенностей.",
			"Образование печени, вероятно, киста."},
		wording{"A well defined hypodense 22 mm lesion in the right lobe of the liver. Kidneys and spleen are unremarkable.",
			"Liver lesion, probably a cyst."},
	},
	"gallstone": {
		wording{"В просвете желчного пузыря конкремент 9 мм с акустической тенью.", "Желчнокаменная болезнь."},
		wording{"A 9 mm echogenic focus with acoustic shadowing in the gallbladder.", "Cholelithiasis."},
	},
	"carotid-plaque": {
		wording{"В бифуркации левой общей сонной артерии бляшка, стеноз до 30 %.", "Атеросклероз сонных артерий."},
		wording{"A plaque at the left carotid bifurcation, stenosis up to 30 %.", "Carotid atherosclerosis."},
	},
}
