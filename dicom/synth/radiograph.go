package synth

import (
	"math"
	"math/rand/v2"
)

const (
	crImage = "1.2.840.10008.5.1.4.1.1.1"
	dxImage = "1.2.840.10008.5.1.4.1.1.1.1" // for presentation
)

// chestProjection is a PA view, dense is bright.
func chestProjection(draw *rand.Rand, w, h int, finding string) *canvas {
	c := newCanvas(w, h, 250)
	c.project(ellipse{0, 0.5, 0.98, 1.5, 0}, 1500)
	c.project(ellipse{0, -0.85, 0.25, 0.5, 0}, 700) // neck
	for _, side := range []float64{-1, 1} {
		c.project(ellipse{side * 0.82, -0.45, 0.3, 0.3, 0}, 500)
		c.project(ellipse{side * 0.45, -0.02, 0.33, 0.72, side * 7}, -1250) // lung
		c.outline(ellipse{side * 0.45, -0.62, 0.42, 0.08, side * 8}, 0.035, 260, nil)
	}
	chestBones(c)
	heart := 0.9 + 0.2*draw.Float64()
	c.project(ellipse{0.13, 0.32, 0.32 * heart, 0.3 * heart, 35}, 800)
	c.project(ellipse{0.08, -0.2, 0.11, 0.14, 0}, 450) // aortic knob
	c.project(ellipse{-0.45, 0.95, 0.5, 0.36, 0}, 900) // diaphragm
	c.project(ellipse{0.45, 1.02, 0.5, 0.36, 0}, 800)
	c.project(ellipse{0, -0.55, 0.05, 0.5, 0}, -250) // trachea
	if finding == "lung-nodule" {
		c.project(ellipse{-0.5, -0.28, 0.075, 0.075, 0}, 620)
	}
	c.grain(draw, 12)
	return c
}

func chestBones(c *canvas) {
	c.project(ellipse{0, 0.2, 0.09, 1.4, 0}, 500) // spine
	for i := range 8 {
		y := -0.62 + 0.19*float64(i)
		for _, side := range []float64{-1, 1} {
			reach := 0.34 + 0.04*math.Min(float64(i), 4)
			c.outline(ellipse{side * 0.38, y + 0.16, reach, 0.2, side * 18}, 0.03, 170,
				func(x, at float64) bool { return x*side > 0.05 })
		}
	}
}

// xrayView is a projection by the term of ViewPosition and by its code of PS3.16 CID 4010.
type xrayView struct {
	position string
	name     code
}

var (
	posteroAnterior = xrayView{"PA", code{"272479007", "SCT", "postero-anterior"}}
	anteroPosterior = xrayView{"AP", code{"399348003", "SCT", "antero-posterior"}}
	rightLateral    = xrayView{"RL", code{"399198007", "SCT", "right lateral"}}
)

func (s *study) fluorography() {
	s.radiograph("ФЛГ прямая", posteroAnterior, "U", chestProjection(s.draw, 200, 200, s.finding))
}

func (s *study) wristRadiograph() {
	s.radiograph("Прямая проекция", anteroPosterior, "L", wristProjection(s.draw, 1, s.finding))
	s.radiograph("Боковая проекция", rightLateral, "L", wristProjection(s.draw, 0.3, s.finding))
}

// radiograph is one view in a series of its own, as a DX image for presentation (PS3.3 A.26).
func (s *study) radiograph(description string, view xrayView, side string, picture *canvas) {
	to := s.newSeries("DX")
	s.add(to, dxImage, s.seriesModule(to, description), s.projection(picture), attrs{
		"ImageLaterality": side, "AnatomicRegionSequence": s.procedure.region, "ViewPosition": view.position,
		"ViewCodeSequence":   view.name.attrs().with(attrs{"ViewModifierCodeSequence": []attrs{}}),
		"PatientOrientation": `L\F`, "KVP": 77 + s.draw.IntN(6), "ExposureTime": 12, "XRayTubeCurrent": 320, "Exposure": 4,
		"ImageAndFluoroscopyAreaDoseProduct": 0.9 + 0.01*float64(s.draw.IntN(40)), "DistanceSourceToDetector": 1800,
		"BodyPartExamined": s.procedure.bodyPart, "PositionerType": "NONE",
	})
}

// projection is what digital X-ray images share (PS3.3 C.8.11).
func (s *study) projection(picture *canvas) attrs {
	spacing := 400 / float64(picture.w)
	return s.pixels(picture, 0, 4095).with(attrs{
		"ImageType": `ORIGINAL\PRIMARY\`, "PresentationIntentType": "FOR PRESENTATION", "PixelIntensityRelationship": "LOG",
		"PixelIntensityRelationshipSign": 1, "RescaleIntercept": 0, "RescaleSlope": 1, "RescaleType": "US",
		"PresentationLUTShape": "IDENTITY", "LossyImageCompression": "00", "BurnedInAnnotation": "NO", "AcquisitionNumber": 1,
		"WindowCenter": 1100, "WindowWidth": 2200, "DetectorType": "SCINTILLATOR", "DetectorID": s.device.serial + "-D",
		"ImagerPixelSpacing": []float64{spacing, spacing}, "AcquisitionContextSequence": []attrs{},
	})
}

// chestRadiograph is a CR image (PS3.3 A.2), which many clinics still make.
func (s *study) chestRadiograph() {
	to := s.newSeries("CR")
	picture := chestProjection(s.draw, 200, 220, s.finding)
	s.add(to, crImage, s.seriesModule(to, "Chest PA"), s.pixels(picture, 0, 4095), attrs{
		"ImageType": `ORIGINAL\PRIMARY`, "BodyPartExamined": s.procedure.bodyPart, "ViewPosition": "PA", "PatientOrientation": `L\F`,
		"KVP": 110, "Exposure": 3, "WindowCenter": 1100, "WindowWidth": 2200, "ImagerPixelSpacing": []float64{1.8, 1.8},
		"PlateType": "STORAGE", "AcquisitionNumber": 1, "RescaleIntercept": 0, "RescaleSlope": 1, "RescaleType": "US",
	})
}
