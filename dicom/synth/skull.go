package synth

import (
	"math"
	"math/rand/v2"
)

// skull is one person's head.
type skull struct {
	width, length float64
	ventricles    float64
	lesions       [6][2]float64
}

func newSkull(draw *rand.Rand) *skull {
	k := &skull{width: 0.66 + 0.05*draw.Float64(), length: 0.82 + 0.05*draw.Float64(), ventricles: 0.85 + 0.35*draw.Float64()}
	for i := range k.lesions {
		angle := (float64(i)*60 + 30*draw.Float64()) * math.Pi / 180
		k.lesions[i] = [2]float64{0.24 * math.Cos(angle), 0.05 + 0.38*math.Sin(angle)}
	}
	return k
}

// tissue is what a picture shows of each part of the head.
type tissue struct {
	outside, scalp, bone, fluid, grey, white, lesion, infarct float64
}

var (
	ctTissue = tissue{air, -40, cortex, 8, 40, 30, 24, 14}
	t1Tissue = tissue{12, 900, 60, 90, 420, 600, 380, 330}
	t2Tissue = tissue{10, 520, 40, 1000, 520, 350, 900, 880}
)

func (k *skull) ct(z float64, finding string) *canvas {
	return k.slice(newCanvas(ctSize, ctSize, air), z, ctTissue, finding)
}

// slice is an axial cut from the base (0) to the vertex (1).
func (k *skull) slice(c *canvas, z float64, t tissue, finding string) *canvas {
	size := 0.55 + 0.45*math.Sin(math.Pi*clamp(0.25+0.62*z, 0, 1))
	w, l := k.width*size, k.length*size
	c.paint(ellipse{0, 0, w, l, 0}, t.scalp)
	c.paint(ellipse{0, 0, w - 0.04, l - 0.04, 0}, t.bone)
	c.paint(ellipse{0, 0, w - 0.09, l - 0.09, 0}, t.fluid)
	k.hemispheres(c, t, w, l)
	if z < 0.2 {
		k.base(c, t, w, l)
	}
	if z > 0.3 && z < 0.8 {
		k.inside(c, t, finding)
	}
	return c
}

// base has the orbits and the petrous bones.
func (k *skull) base(c *canvas, t tissue, w, l float64) {
	for _, side := range []float64{-1, 1} {
		c.paint(ellipse{side * w * 0.45, -l * 0.62, 0.15, 0.14, 0}, t.scalp)
		c.paint(ellipse{side * w * 0.45, -l * 0.66, 0.1, 0.1, 0}, t.fluid)
		c.paint(ellipse{side * w * 0.5, l * 0.18, 0.2, 0.05, side * -30}, t.bone)
	}
}

func (k *skull) hemispheres(c *canvas, t tissue, w, l float64) {
	c.paint(ellipse{0, 0, w - 0.11, l - 0.11, 0}, t.grey)
	for _, side := range []float64{-1, 1} {
		c.paint(ellipse{side * (w/2 - 0.06), 0, w/2 - 0.12, (l - 0.2) * 0.88, side * 4}, t.white)
		for i := range 9 { // sulci
			y := (float64(i)/4 - 1) * (l - 0.25)
			x := side * (w - 0.12) * math.Sqrt(max(0, 1-y*y/(l-0.1)/(l-0.1)))
			c.paint(ellipse{x, y, 0.055, 0.011, side * 35 * y}, t.fluid)
		}
	}
	c.paint(ellipse{0, 0, 0.012, l - 0.12, 0}, t.fluid)
}

func (k *skull) inside(c *canvas, t tissue, finding string) {
	for _, side := range []float64{-1, 1} {
		c.paint(ellipse{side * 0.17, 0.02, 0.1, 0.13, side * 15}, t.grey) // basal ganglia
		c.paint(ellipse{side * 0.08, -0.2, 0.04 * k.ventricles, 0.16, side * 14}, t.fluid)
		c.paint(ellipse{side * 0.13, 0.26, 0.05 * k.ventricles, 0.16, side * -22}, t.fluid)
	}
	c.paint(ellipse{0, 0.04, 0.018, 0.1, 0}, t.fluid)
	switch finding {
	case "stroke":
		c.paint(ellipse{-0.4, -0.03, 0.15, 0.25, -8}, t.infarct)
	case "lesions":
		for i, at := range k.lesions {
			c.paint(ellipse{at[0], at[1], 0.035, 0.05, float64(i) * 40}, t.lesion)
		}
	}
}
