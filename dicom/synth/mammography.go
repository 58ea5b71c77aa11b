package synth

import "math/rand/v2"

const mgImage = "1.2.840.10008.5.1.4.1.1.1.2" // for presentation

// mgView is one of the four of a screening examination.
type mgView struct {
	side    string
	view    string
	name    code
	orient  string
	average float64 // glandular dose, mGy
}

var mgViews = [...]mgView{
	{"R", "CC", code{"399162004", "SCT", "cranio-caudal"}, `P\L`, 1.31},
	{"L", "CC", code{"399162004", "SCT", "cranio-caudal"}, `A\R`, 1.28},
	{"R", "MLO", code{"399368009", "SCT", "medio-lateral oblique"}, `P\F`, 1.42},
	{"L", "MLO", code{"399368009", "SCT", "medio-lateral oblique"}, `A\F`, 1.39},
}

func (s *study) mammography() {
	gland := newGland(s.draw)
	for _, v := range mgViews {
		to := s.newSeries("MG")
		event := s.irradiate(irradiation{protocol: v.side + " " + v.view, view: v})
		picture := gland.view(v, s.finding == "breast-mass" && v.side == "L")
		picture.grain(s.draw, 10)
		s.add(to, mgImage, s.seriesModule(to, v.side+" "+v.view), s.projection(picture), attrs{
			"ImageLaterality": v.side, "PatientOrientation": v.orient, "BodyPartExamined": "BREAST",
			"AnatomicRegionSequence": s.procedure.region, "OrganExposed": "BREAST", "PositionerType": "MAMMOGRAPHIC",
			"ViewCodeSequence":     v.name.attrs().with(attrs{"ViewModifierCodeSequence": []attrs{}}),
			"BreastImplantPresent": "NO", "PartialView": "NO", "KVP": 29, "ExposureTime": 1100, "XRayTubeCurrent": 90, "Exposure": 99,
			"BodyPartThickness": 54, "CompressionForce": 95 + s.draw.IntN(20), "AnodeTargetMaterial": "TUNGSTEN",
			"FilterMaterial": "RHODIUM", "OrganDose": v.average / 100, "EntranceDoseInmGy": 5.9,
			"HalfValueLayer": 0.53, "IrradiationEventUID": event, "ExposureInuAs": 99000,
			"DistanceSourceToDetector": 660, "DistanceSourceToPatient": 640, "EstimatedRadiographicMagnificationFactor": 660.0 / 640,
			"DetectorType": "DIRECT", "PositionerPrimaryAngle": 0,
		})
	}
}

// gland is one woman's fibroglandular tissue, much the same in both breasts.
type gland struct {
	strands [26]ellipse
	size    float64
}

func newGland(draw *rand.Rand) *gland {
	g := &gland{size: 0.9 + 0.15*draw.Float64()}
	for i := range g.strands {
		g.strands[i] = ellipse{
			-0.6 + 0.65*draw.Float64(), -0.32 + 0.72*draw.Float64(),
			0.1 + 0.2*draw.Float64(), 0.03 + 0.05*draw.Float64(), 60*draw.Float64() - 30,
		}
	}
	return g
}

// view draws the chest wall at the left edge, and mirrors it for the right breast, as it is hung for reading.
func (g *gland) view(v mgView, mass bool) *canvas {
	c := newCanvas(144, 192, 30)
	c.project(ellipse{-1.02, 0.05, 1.55 * g.size, 0.88 * g.size, 0}, 900)
	c.outline(ellipse{-1.02, 0.05, 1.55 * g.size, 0.88 * g.size, 0}, 0.03, 350, nil) // skin
	for _, strand := range g.strands {
		c.project(strand, 330)
	}
	if v.view == "MLO" {
		c.project(ellipse{-1.15, -0.85, 0.55, 1.05, 24}, 1000) // pectoral muscle
	}
	if mass {
		c.project(ellipse{-0.3, -0.28, 0.1, 0.075, 0}, 1150)
		for i := range 8 {
			c.project(ellipse{-0.3, -0.28, 0.2, 0.01, float64(i) * 22.5}, 330)
		}
	}
	if v.side == "R" {
		c.mirror()
	}
	return c
}

// mirror swaps left and right.
func (c *canvas) mirror() {
	for row := range c.h {
		line := c.v[row*c.w : (row+1)*c.w]
		for i, j := 0, len(line)-1; i < j; i, j = i+1, j-1 {
			line[i], line[j] = line[j], line[i]
		}
	}
}
