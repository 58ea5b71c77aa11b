package synth

import (
	"math"
	"math/rand/v2"
)

// Hounsfield units of tissues.
const (
	air     = -1000
	lung    = -840
	fat     = -95
	muscle  = 50
	blood   = 45
	liverHU = 60
	water   = 5
	bone    = 420
	cortex  = 900
)

// torso is one person's trunk; the seed makes each a little different.
type torso struct {
	width, depth float64
	heart        float64
	contrast     float64 // 1 after contrast medium
}

func newTorso(draw *rand.Rand) *torso {
	return &torso{width: 0.84 + 0.1*draw.Float64(), depth: 0.56 + 0.1*draw.Float64(), heart: 0.9 + 0.2*draw.Float64()}
}

// outside draws what every slice has: skin, fat, muscle, table, spine.
func (t *torso) outside() *canvas {
	c := newCanvas(ctSize, ctSize, air)
	c.paint(ellipse{0, 0.86, 0.8, 0.05, 0}, -100) // table
	c.paint(ellipse{0, 0, t.width, t.depth, 0}, fat)
	c.paint(ellipse{0, 0.01, t.width - 0.07, t.depth - 0.06, 0}, muscle)
	return c
}

func (t *torso) spine(c *canvas) {
	y := t.depth - 0.2
	c.paint(ellipse{0, y, 0.13, 0.1, 0}, bone)
	c.paint(ellipse{0, y, 0.1, 0.075, 0}, bone*0.6)
	for _, side := range []float64{-1, 1} {
		c.paint(ellipse{side * 0.15, y + 0.1, 0.1, 0.03, side * 20}, bone)
	}
	c.paint(ellipse{0, y + 0.16, 0.025, 0.09, 0}, bone)
	c.paint(ellipse{0, y + 0.11, 0.05, 0.035, 0}, water) // canal
}

// ribs lie around the chest wall.
func (t *torso) ribs(c *canvas, z float64) {
	for i := range 12 {
		angle := (float64(i) + math.Mod(z*6, 1)) * math.Pi / 6
		x, y := (t.width-0.1)*math.Cos(angle), (t.depth-0.09)*math.Sin(angle)
		turn := math.Atan2((t.depth-0.09)*math.Cos(angle), -(t.width-0.1)*math.Sin(angle)) * 180 / math.Pi
		c.paint(ellipse{x, y, 0.085, 0.026, turn}, bone)
	}
}

// chest is a slice from the apex (0) to the base (1) of the lungs.
func (t *torso) chest(z float64, finding string) *canvas {
	c := t.outside()
	t.ribs(c, z)
	size := 0.55 + 0.45*math.Sin(math.Pi*min(0.25+0.75*z, 0.8))
	for _, side := range []float64{-1, 1} { // the patient's right is on the left of the picture
		c.paint(ellipse{side * 0.42, -0.02, 0.34 * size, (t.depth - 0.13) * size, side * -8}, lung)
		t.vessels(c, side, size)
	}
	t.mediastinum(c, z)
	t.spine(c)
	if finding == "lung-nodule" && math.Abs(z-0.33) < 0.07 {
		c.paint(ellipse{-0.47, -0.16, 0.06, 0.055, 0}, 30)
	}
	return c
}

func (t *torso) vessels(c *canvas, side, size float64) {
	for i := range 9 {
		angle, reach := float64(i)*0.7, 0.1+0.02*float64(i%4)
		c.paint(ellipse{side*0.4 + reach*size*math.Cos(angle)*1.3, 0.3 * size * math.Sin(angle), 0.022, 0.016, float64(i) * 31}, -60)
	}
}

func (t *torso) mediastinum(c *canvas, z float64) {
	enhanced := blood + 120*t.contrast
	c.paint(ellipse{0, 0, 0.13, t.depth - 0.2, 0}, fat+60)
	if z > 0.5 {
		c.paint(ellipse{0.12, -0.1, 0.33 * t.heart, 0.26 * t.heart, 25}, enhanced)
		c.paint(ellipse{0.16, -0.12, 0.14, 0.11, 25}, enhanced+15)
	} else {
		c.paint(ellipse{0.06, -0.1, 0.09, 0.15, -25}, enhanced) // arch
		c.paint(ellipse{-0.08, -0.16, 0.055, 0.06, 0}, enhanced)
		c.paint(ellipse{-0.01, 0.03, 0.05, 0.055, 0}, air) // trachea
	}
	c.paint(ellipse{0.11, 0.19, 0.065, 0.065, 0}, enhanced)       // descending aorta
	c.paint(ellipse{0, -t.depth + 0.1, 0.11, 0.035, 0}, bone*0.7) // sternum
	c.paint(ellipse{-0.03, 0.16, 0.035, 0.03, 0}, muscle-15)      // oesophagus
}

// abdomen is a slice from the dome of the liver (0) to the kidneys (1).
func (t *torso) abdomen(z float64, finding string) *canvas {
	c := t.outside()
	c.paint(ellipse{0, -0.02, t.width - 0.16, t.depth - 0.14, 0}, fat+10)
	t.ribs(c, z)
	t.organs(c, z)
	t.spine(c)
	if finding == "liver-lesion" && math.Abs(z-0.3) < 0.12 {
		c.paint(ellipse{-0.44, 0.03, 0.1, 0.09, 0}, water+8)
	}
	return c
}

func (t *torso) organs(c *canvas, z float64) {
	more := t.contrast
	shrink := 1 - 0.45*z
	c.paint(ellipse{-0.36, -0.04, 0.38 * shrink, 0.4 * shrink, 12}, liverHU+45*more)
	c.paint(ellipse{-0.02, -0.2, 0.3 * shrink, 0.16 * shrink, -12}, liverHU+45*more) // left lobe
	c.paint(ellipse{0.34, -0.16, 0.22, 0.17, 20}, 20)                                // stomach
	c.paint(ellipse{0.35, -0.22, 0.15, 0.07, 10}, air)
	c.paint(ellipse{0.56, 0.14, 0.13, 0.2, -20}, 50+60*more) // spleen
	if z > 0.4 {
		for _, side := range []float64{-1, 1} {
			c.paint(ellipse{side * 0.36, 0.24, 0.12, 0.15, side * 20}, 33+110*more)
			c.paint(ellipse{side * 0.32, 0.24, 0.045, 0.06, side * 20}, fat+40)
		}
		c.paint(ellipse{0.02, -0.02, 0.2, 0.05, -15}, 40+50*more) // pancreas
		c.paint(ellipse{-0.24, -0.26, 0.085, 0.11, 15}, water+4)  // gallbladder
		c.paint(ellipse{0.05, -0.3, 0.14, 0.08, 0}, 25)           // bowel
	}
	c.paint(ellipse{0.04, 0.14, 0.062, 0.062, 0}, blood+110*more) // aorta
	c.paint(ellipse{-0.1, 0.13, 0.075, 0.055, 0}, blood+90*more)  // vena cava
}
