package synth

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
)

// canvas is a picture of plain numbers: Hounsfield units, thickness, brightness. Its corners are (-1,-1) and (1,1), y downwards.
type canvas struct {
	w, h int
	v    []float64
}

func newCanvas(w, h int, background float64) *canvas {
	c := &canvas{w: w, h: h, v: make([]float64, w*h)}
	for i := range c.v {
		c.v[i] = background
	}
	return c
}

// ellipse is where and how large, its axis a turned by degrees.
type ellipse struct{ x, y, a, b, degrees float64 }

// paint covers an ellipse with a value, with a soft edge.
func (c *canvas) paint(e ellipse, value float64) {
	c.each(e, func(v *float64, r, edge float64) {
		cover := clamp((1-r)*max(edge, 6)+0.5, 0, 1) // a thin one must not bleed far beyond its ends
		*v += (value - *v) * cover
	})
}

// project adds the shadow of an ellipsoid, value at its middle.
func (c *canvas) project(e ellipse, value float64) {
	c.each(e, func(v *float64, r, _ float64) {
		if r < 1 {
			*v += value * math.Sqrt(1-r*r)
		}
	})
}

// outline adds value along the rim of an ellipse, width wide; only where keep is true of the place, if given.
func (c *canvas) outline(e ellipse, width, value float64, keep func(x, y float64) bool) {
	c.eachPlace(e, func(v *float64, x, y, r, edge float64) {
		distance := math.Abs(r-1) * edge / (width * float64(c.w) / 2)
		if distance < 1 && (keep == nil || keep(x, y)) {
			*v += value * (1 - distance*distance)
		}
	})
}

func (c *canvas) each(e ellipse, fn func(v *float64, r, edge float64)) {
	c.eachPlace(e, func(v *float64, _, _, r, edge float64) { fn(v, r, edge) })
}

// eachPlace visits the pixels around an ellipse: r is 0 in its middle and 1 on its rim, edge its shorter axis in pixels.
func (c *canvas) eachPlace(e ellipse, fn func(v *float64, x, y, r, edge float64)) {
	sin, cos := math.Sincos(e.degrees * math.Pi / 180)
	reach := max(e.a, e.b)*1.15 + 0.05
	edge := min(e.a, e.b) * float64(c.w) / 2
	left, right := c.columns(e.x-reach), c.columns(e.x+reach)
	top, bottom := c.rows(e.y-reach), c.rows(e.y+reach)
	for row := max(top, 0); row < min(bottom+1, c.h); row++ {
		for column := max(left, 0); column < min(right+1, c.w); column++ {
			x, y := (2*float64(column)+1)/float64(c.w)-1, (2*float64(row)+1)/float64(c.h)-1
			dx, dy := x-e.x, y-e.y
			r := math.Hypot((dx*cos+dy*sin)/e.a, (dy*cos-dx*sin)/e.b)
			fn(&c.v[row*c.w+column], x, y, r, edge)
		}
	}
}

func (c *canvas) columns(x float64) int { return int((x + 1) / 2 * float64(c.w)) }
func (c *canvas) rows(y float64) int    { return int((y + 1) / 2 * float64(c.h)) }

// grain adds noise.
func (c *canvas) grain(draw *rand.Rand, sigma float64) {
	for i := range c.v {
		c.v[i] += sigma * draw.NormFloat64()
	}
}

// words encodes the picture as 16-bit pixels after adding offset, within 0 and limit.
func (c *canvas) words(offset, limit float64) []byte {
	b := make([]byte, 0, 2*len(c.v))
	for _, v := range c.v {
		b = binary.LittleEndian.AppendUint16(b, uint16(clamp(v+offset, 0, limit)))
	}
	return b
}

// octets encodes the picture as 8-bit pixels.
func (c *canvas) octets() []byte {
	b := make([]byte, len(c.v))
	for i, v := range c.v {
		b[i] = byte(clamp(v, 0, 255))
	}
	return b
}

func clamp(v, low, high float64) float64 { return min(max(v, low), high) }
