package synth

import "math/rand/v2"

// carpals are the bones of the wrist that a child of seven shows.
var carpals = [...]ellipse{
	{-0.24, -0.13, 0.075, 0.065, 0}, {-0.08, -0.15, 0.075, 0.065, 25}, {0.08, -0.14, 0.075, 0.065, 50}, {0.22, -0.12, 0.075, 0.065, 75},
	{-0.18, -0.27, 0.075, 0.065, 100}, {0, -0.29, 0.075, 0.065, 125}, {0.17, -0.27, 0.075, 0.065, 150},
}

// wristProjection is a wrist, seen from the front with a spread of 1, from the side with less.
func wristProjection(draw *rand.Rand, spread float64, finding string) *canvas {
	c := newCanvas(150, 200, 120)
	c.project(ellipse{0, 0.6, 0.15 + 0.27*spread, 0.95, 0}, 700)
	c.project(ellipse{0, -0.35, 0.15 + 0.4*spread, 0.5, 0}, 650)
	for _, x := range []float64{-0.16 * spread, 0.17 * spread} { // radius, ulna: shaft, marrow, growth plate
		c.project(ellipse{x, 0.72, 0.115, 0.75, 0}, 1300)
		c.project(ellipse{x, 0.72, 0.05, 0.7, 0}, -350)
		c.project(ellipse{x, 0.02, 0.14, 0.06, 0}, 900)
	}
	for _, bone := range carpals {
		bone.x *= spread
		c.project(bone, 1000)
	}
	for i := range 5 { // metacarpals and fingers
		x, lean := (-0.36+0.18*float64(i))*spread, 8*(float64(i)-2)*spread
		c.project(ellipse{x, -0.62, 0.05, 0.25, lean}, 1050)
		c.project(ellipse{x * 1.25, -0.98, 0.045, 0.14, lean}, 1000)
	}
	switch finding {
	case "radius-fracture":
		c.paint(ellipse{-0.16 * spread, 0.22, 0.13, 0.018, -14}, 420)
	case "radius-healed":
		c.project(ellipse{-0.16 * spread, 0.22, 0.17, 0.1, 0}, 350)
	}
	c.grain(draw, 12)
	return c
}
