package synth

const (
	ctImage  = "1.2.840.10008.5.1.4.1.1.2"
	ctSize   = 112 // pixels of a side
	ctOffset = 1024
)

// ctProtocol is one acquisition and how it is reconstructed.
type ctProtocol struct {
	description string
	event       string // of the acquisition
	slices      int
	field       float64 // mm across
	thickness   float64
	kernel      string
	window      [2]float64 // centre, width
	noise       float64    // HU
	slice       func(z float64) *canvas
}

func (s *study) ctChest() {
	s.scout(chestProjection(s.draw, 160, 160, s.finding))
	body := newTorso(s.draw)
	slice := func(z float64) *canvas { return body.chest(z, s.finding) }
	event := s.irradiate(irradiation{protocol: "ОГК нативно", ctdi: 8.1, length: 312})
	s.ctSeries(ctProtocol{"Лёгкие 5.0", event, 18, 360, 5, "LUNG", [2]float64{-600, 1500}, 14, slice})
	s.ctSeries(ctProtocol{"Средостение 7.5", event, 12, 360, 7.5, "STANDARD", [2]float64{40, 400}, 7, slice})
}

func (s *study) ctAbdomen() {
	s.scout(chestProjection(s.draw, 160, 160, s.finding))
	body := newTorso(s.draw)
	slice := func(z float64) *canvas { return body.abdomen(z, s.finding) }
	event := s.irradiate(irradiation{protocol: "ОБП нативно", ctdi: 11.4, length: 285})
	s.ctSeries(ctProtocol{"Нативная фаза 5.0", event, 14, 380, 5, "STANDARD", [2]float64{40, 350}, 7, slice})
	body.contrast = 1
	event = s.irradiate(irradiation{protocol: "ОБП венозная фаза", ctdi: 11.9, length: 285})
	s.ctSeries(ctProtocol{"Венозная фаза 5.0", event, 14, 380, 5, "STANDARD", [2]float64{60, 400}, 7, slice})
}

func (s *study) ctHead() {
	skull := newSkull(s.draw)
	event := s.irradiate(irradiation{protocol: "Голова", ctdi: 46.2, length: 164})
	s.ctSeries(ctProtocol{"Головной мозг 5.0", event, 20, 230, 5, "BRAIN", [2]float64{35, 80}, 2.5,
		func(z float64) *canvas { return skull.ct(z, s.finding) }})
}

// scout is the localizer, a projection.
func (s *study) scout(picture *canvas) {
	event := s.irradiate(irradiation{protocol: "Топограмма", ctdi: 0.12, length: 400})
	to := s.newSeries("CT")
	s.add(to, ctImage, s.seriesModule(to, "Топограмма 0.6"), s.pixels(picture, 1, 4095), s.place(0, 500/float64(picture.w)), attrs{
		"ImageType": `ORIGINAL\PRIMARY\LOCALIZER`, "BodyPartExamined": s.procedure.bodyPart, "PatientPosition": "HFS",
		"KVP": 120, "AcquisitionNumber": to.number, "RescaleIntercept": -ctOffset, "RescaleSlope": 1, "RescaleType": "US",
		"ImageOrientationPatient": []float64{1, 0, 0, 0, 0, -1}, "XRayTubeCurrent": 20, "SliceThickness": 0.6,
		"WindowCenter": 1000, "WindowWidth": 2000, "IrradiationEventUID": event,
	})
}

func (s *study) ctSeries(p ctProtocol) {
	to := s.newSeries("CT")
	common := s.seriesModule(to, p.description).with(attrs{
		"ImageType": `ORIGINAL\PRIMARY\AXIAL`, "BodyPartExamined": s.procedure.bodyPart, "PatientPosition": "HFS",
		"KVP": 120, "AcquisitionNumber": to.number, "SliceThickness": p.thickness, "ReconstructionDiameter": p.field,
		"ConvolutionKernel": p.kernel, "XRayTubeCurrent": 180 + 5*s.draw.IntN(20), "ExposureTime": 500, "Exposure": 95,
		"RescaleIntercept": -ctOffset, "RescaleSlope": 1, "RescaleType": "HU",
		"WindowCenter": p.window[0], "WindowWidth": p.window[1], "IrradiationEventUID": p.event,
		"AnatomicRegionSequence": s.procedure.region,
	})
	for n := range p.slices {
		picture := p.slice((float64(n) + 0.5) / float64(p.slices))
		picture.grain(s.draw, p.noise)
		s.add(to, ctImage, common, s.pixels(picture, ctOffset, 4095), s.place(-float64(n)*p.thickness, p.field/ctSize))
	}
}

// place is PS3.3 C.7.6.2 and C.7.4.1 of an axial slice at z mm.
func (s *study) place(z, spacing float64) attrs {
	half := spacing * ctSize / 2
	return attrs{
		"FrameOfReferenceUID": s.maker.uid("frame ", s.index), "PositionReferenceIndicator": "",
		"PixelSpacing": []float64{spacing, spacing}, "ImageOrientationPatient": []float64{1, 0, 0, 0, 1, 0},
		"ImagePositionPatient": []float64{-half, -half, z}, "SliceLocation": z,
	}
}

// pixels is PS3.3 C.7.6.3 of 12 bits in 16.
func (s *study) pixels(picture *canvas, offset, limit float64) attrs {
	return attrs{
		"SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2", "Rows": picture.h, "Columns": picture.w,
		"BitsAllocated": 16, "BitsStored": 12, "HighBit": 11, "PixelRepresentation": 0,
		"PixelData": picture.words(offset, limit),
	}
}
