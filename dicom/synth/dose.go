package synth

import "time"

const doseSR = "1.2.840.10008.5.1.4.1.1.88.67"

// irradiation is one irradiation event, as the images and the dose report both name it.
type irradiation struct {
	uid      string
	protocol string
	began    time.Time
	ctdi     float64 // CT: mGy
	length   float64 // CT: mm
	view     mgView  // mammography
}

func (e irradiation) localizer() bool { return e.ctdi < 1 }
func (e irradiation) dlp() float64    { return e.ctdi * e.length / 10 }

// irradiate records an event.
func (s *study) irradiate(e irradiation) string {
	e.uid, e.began = s.maker.uid("event ", s.index, ".", len(s.events)+1), s.at(float64(len(s.events)+1))
	s.events = append(s.events, e)
	return e.uid
}

var (
	leftBreast  = code{"80248007", "SCT", "Left breast"}
	rightBreast = code{"73056007", "SCT", "Right breast"}
	laterality  = code{"272741003", "SCT", "Laterality"}
)

func sideOf(v mgView) code {
	if v.side == "L" {
		return leftBreast
	}
	return rightBreast
}

// doseReport is a radiation dose SR of TID 10011 for CT, of TID 10001 for mammography.
func (s *study) doseReport(images attrs) {
	made := s.at(20)
	own := s.documentModule(made, images).with(s.equipmentModule(), attrs{
		"CompletionFlag": "COMPLETE", "VerificationFlag": "UNVERIFIED", "SeriesDescription": "Dose Report",
	})
	procedure, template := code{"71651007", "SCT", "Mammography"}, "10001"
	body := s.mammographyDose
	if s.device.modality == "CT" {
		procedure, template = code{"77477000", "SCT", "Computed Tomography X-Ray"}, "10011"
		body = s.ctDose
	}
	head := append([]attrs{
		coded(hasMod, dcm("121058", "Procedure reported"), procedure,
			coded(hasMod, code{"363703001", "SCT", "Has Intent"}, code{"261004008", "SCT", "Diagnostic Intent"})),
	}, s.deviceObserver()...)
	head = append(head,
		dateTime(hasContext, dcm("113809", "Start of X-Ray Irradiation"), s.dateTime(s.events[0].began)),
		dateTime(hasContext, dcm("113810", "End of X-Ray Irradiation"), s.dateTime(s.at(float64(len(s.events)+1)))),
		coded(hasContext, dcm("113705", "Scope of Accumulation"), dcm("113014", "Study"),
			uidref(hasProps, dcm("110180", "Study Instance UID"), s.uid)))
	tail := coded(contains, dcm("113854", "Source of Dose Information"), dcm("113856", "Automated Data Collection"))
	content := append(append(head, body()...), tail)
	s.add(s.newSeries("SR"), doseSR, own, root(dcm("113701", "X-Ray Radiation Dose Report"), template, content...))
}

// deviceObserver is TID 1004.
func (s *study) deviceObserver() []attrs {
	d := s.device
	return []attrs{
		coded(hasContext, dcm("121005", "Observer Type"), dcm("121007", "Device")),
		uidref(hasContext, dcm("121012", "Device Observer UID"), s.maker.uid("device ", d.serial)),
		text(hasContext, dcm("121013", "Device Observer Name"), d.station),
		text(hasContext, dcm("121014", "Device Observer Manufacturer"), d.manufacturer),
		text(hasContext, dcm("121015", "Device Observer Model Name"), d.model),
		text(hasContext, dcm("121016", "Device Observer Serial Number"), d.serial),
		coded(hasContext, dcm("113876", "Device Role in Procedure"), dcm("113859", "Irradiating Device")),
	}
}

// ctDose is TID 10012 and a TID 10013 for each event.
func (s *study) ctDose() []attrs {
	total := 0.0
	for _, e := range s.events {
		total += e.dlp()
	}
	items := []attrs{container(dcm("113811", "CT Accumulated Dose Data"),
		num(dcm("113812", "Total Number of Irradiation Events"), float64(len(s.events)), "{events}", "events"),
		num(dcm("113813", "CT Dose Length Product Total"), total, "mGy.cm", "mGy.cm"))}
	for _, e := range s.events {
		items = append(items, s.ctEvent(e))
	}
	return items
}

func (s *study) ctEvent(e irradiation) attrs {
	kind, phantom, current := code{"116152004", "SCT", "Spiral Acquisition"}, dcm("113691", "IEC Body Dosimetry Phantom"), 180.0
	if e.localizer() {
		kind, current = dcm("113805", "Constant Angle Acquisition"), 20
	}
	if s.procedure.bodyPart == "HEAD" {
		phantom = dcm("113690", "IEC Head Dosimetry Phantom")
	}
	parameters := []attrs{
		num(dcm("113824", "Exposure Time"), e.length/40, "s", "s"),
		num(dcm("113825", "Scanning Length"), e.length, "mm", "mm"),
		num(dcm("113826", "Nominal Single Collimation Width"), 0.6, "mm", "mm"),
		num(dcm("113827", "Nominal Total Collimation Width"), 38.4, "mm", "mm"),
	}
	if !e.localizer() {
		parameters = append(parameters, num(dcm("113828", "Pitch Factor"), 0.9, "{ratio}", "ratio"))
	}
	parameters = append(parameters,
		num(dcm("113823", "Number of X-Ray Sources"), 1, "{X-Ray sources}", "X-Ray sources"),
		container(dcm("113831", "CT X-Ray Source Parameters"),
			text(contains, dcm("113832", "Identification of the X-Ray Source"), "A"),
			num(dcm("113733", "KVP"), 120, "kV", "kV"),
			num(dcm("113833", "Maximum X-Ray Tube Current"), current*1.3, "mA", "mA"),
			num(dcm("113734", "X-Ray Tube Current"), current, "mA", "mA"),
			num(dcm("113834", "Exposure Time per Rotation"), 0.5, "s", "s")))
	return container(dcm("113819", "CT Acquisition"),
		text(contains, dcm("125203", "Acquisition Protocol"), e.protocol),
		coded(contains, dcm("123014", "Target Region"), s.procedure.region),
		coded(contains, dcm("113820", "CT Acquisition Type"), kind),
		uidref(contains, dcm("113769", "Irradiation Event UID"), e.uid),
		container(dcm("113822", "CT Acquisition Parameters"), parameters...),
		container(dcm("113829", "CT Dose"),
			num(dcm("113830", "Mean CTDIvol"), e.ctdi, "mGy", "mGy"),
			coded(contains, dcm("113835", "CTDIw Phantom Type"), phantom),
			num(dcm("113838", "DLP"), e.dlp(), "mGy.cm", "mGy.cm")))
}

// mammographyDose is TID 10002 with TID 10005, and a TID 10003 for each view.
func (s *study) mammographyDose() []attrs {
	single := coded(contains, dcm("113764", "Acquisition Plane"), dcm("113622", "Single Plane"))
	accumulated := []attrs{single}
	for _, side := range []code{rightBreast, leftBreast} {
		total := 0.0
		for _, e := range s.events {
			if sideOf(e.view) == side {
				total += e.view.average
			}
		}
		accumulated = append(accumulated, num(dcm("111637", "Accumulated Average Glandular Dose"), total, "mGy", "mGy",
			coded(hasMod, laterality, side)))
	}
	items := []attrs{container(dcm("113702", "Accumulated X-Ray Dose Data"), accumulated...)}
	for _, e := range s.events {
		items = append(items, container(dcm("113706", "Irradiation Event X-Ray Data"), single,
			uidref(contains, dcm("113769", "Irradiation Event UID"), e.uid),
			text(contains, dcm("125203", "Acquisition Protocol"), e.protocol),
			dateTime(contains, dcm("111526", "DateTime Started"), s.dateTime(e.began)),
			coded(contains, dcm("113721", "Irradiation Event Type"), dcm("113611", "Stationary Acquisition")),
			coded(contains, dcm("123014", "Target Region"), breast, coded(hasMod, laterality, sideOf(e.view))),
			coded(contains, dcm("111031", "Image View"), e.view.name),
			num(dcm("111631", "Average Glandular Dose"), e.view.average, "mGy", "mGy"),
			num(dcm("111633", "Compression Thickness"), 54, "mm", "mm"),
			num(dcm("113733", "KVP"), 29, "kV", "kV"),
			num(dcm("113734", "X-Ray Tube Current"), 90, "mA", "mA"),
			num(dcm("113736", "Exposure"), 99000, "uA.s", "uA.s")))
	}
	return items
}
