package synth

import (
	"math"
	"math/rand/v2"
)

const (
	usImage      = "1.2.840.10008.5.1.4.1.1.6.1"
	usMultiFrame = "1.2.840.10008.5.1.4.1.1.3.1"
	usSize       = 128
)

// abdomenUltrasound is a still of the gallbladder and a loop in grey.
func (s *study) abdomenUltrasound() {
	to := s.newSeries("US")
	common := s.seriesModule(to, s.procedure.description).with(ultrasoundImage(), attrs{"BodyPartExamined": s.procedure.bodyPart})
	still := gallbladder(s.draw, 0, s.finding)
	s.add(to, usImage, common, grey(still.octets()), attrs{"ImageType": `ORIGINAL\PRIMARY\ABDOMINAL\0001`})
	var frames []byte
	const count = 10
	for n := range count {
		frames = append(frames, gallbladder(s.draw, math.Sin(2*math.Pi*float64(n)/count), s.finding).octets()...)
	}
	s.add(to, usMultiFrame, common, grey(frames), cine(count), attrs{"ImageType": `ORIGINAL\PRIMARY\ABDOMINAL\0001`})
}

// carotidUltrasound is a still in colour and a colour loop of a heart beat.
func (s *study) carotidUltrasound() {
	to := s.newSeries("US")
	common := s.seriesModule(to, s.procedure.description).with(ultrasoundImage(),
		attrs{"BodyPartExamined": s.procedure.bodyPart, "Laterality": "L", "ImageType": `ORIGINAL\PRIMARY\VASCULAR\0010`})
	s.add(to, usImage, common, colour(carotid(s.draw, 1, s.finding)))
	var frames []byte
	const count = 6
	for n := range count {
		frames = append(frames, carotid(s.draw, 0.5+0.5*math.Sin(2*math.Pi*float64(n)/count), s.finding)...)
	}
	s.add(to, usMultiFrame, common, colour(frames), cine(count))
}

// ultrasoundImage is PS3.3 C.8.5.6 and C.8.5.5.
func ultrasoundImage() attrs {
	return attrs{
		"BurnedInAnnotation": "NO", "LossyImageCompression": "00", "Rows": usSize, "Columns": usSize, "PatientOrientation": "",
		"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "PixelRepresentation": 0, "TransducerData": "C5-1", "AcquisitionNumber": 1,
		"SequenceOfUltrasoundRegions": attrs{
			"RegionSpatialFormat": 1, "RegionDataType": 1, "RegionFlags": 0, "RegionLocationMinX0": 0, "RegionLocationMinY0": 0,
			"RegionLocationMaxX1": usSize - 1, "RegionLocationMaxY1": usSize - 1, "PhysicalUnitsXDirection": 3,
			"PhysicalUnitsYDirection": 3, "PhysicalDeltaX": 0.12, "PhysicalDeltaY": 0.12,
		},
	}
}

func grey(pixels []byte) attrs {
	return attrs{"SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2", "PixelData": pixels}
}

func colour(pixels []byte) attrs {
	return attrs{
		"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0, "UltrasoundColorDataPresent": 1,
		"PixelData": pixels,
	}
}

// cine is PS3.3 C.7.6.5 and C.7.6.6.
func cine(frames int) attrs {
	const frameTime = 0x00181063
	return attrs{"NumberOfFrames": frames, "FrameTime": 66.7, "FrameIncrementPointer": float64(frameTime), "CineRate": 15}
}

// gallbladder is a sector with liver, gallbladder and its stone; breath moves it.
func gallbladder(draw *rand.Rand, breath float64, finding string) *canvas {
	c := newCanvas(usSize, usSize, 95)
	y := 0.04 * breath
	c.paint(ellipse{0.35, 0.5 + y, 0.42, 0.25, 25}, 70) // kidney
	c.paint(ellipse{0.35, 0.5 + y, 0.24, 0.09, 25}, 135)
	c.paint(ellipse{-0.12, 0.02 + y, 0.3, 0.16, -25}, 8)
	c.outline(ellipse{-0.12, 0.02 + y, 0.3, 0.16, -25}, 0.03, 60, nil)
	c.outline(ellipse{0, 1.25 + y, 1.1, 0.5, 0}, 0.04, 110, nil) // diaphragm
	for i := range 5 {
		c.paint(ellipse{-0.5 + 0.25*float64(i), -0.35 + 0.06*float64(i%3) + y, 0.05, 0.02, float64(i) * 35}, 25)
	}
	speckle(c, draw)
	if finding == "gallstone" {
		c.paint(ellipse{-0.06, 0.1 + y, 0.05, 0.035, 0}, 235)
		c.paint(ellipse{-0.06, 0.5 + y, 0.045, 0.36, 0}, 12) // acoustic shadow
	}
	sector(c)
	return c
}

// carotid is RGB: a vessel in grey with flow in red, stronger with the pulse.
func carotid(draw *rand.Rand, pulse float64, finding string) []byte {
	c := newCanvas(usSize, usSize, 80)
	c.paint(ellipse{0, -0.75, 1.2, 0.18, 0}, 130)
	c.paint(ellipse{0, 0.05, 1.4, 0.22, -4}, 10)
	c.outline(ellipse{0, 0.05, 1.4, 0.22, -4}, 0.03, 110, nil)
	speckle(c, draw)
	flow := newCanvas(usSize, usSize, 0)
	flow.paint(ellipse{0, 0.05, 0.75, 0.17, -4}, 255)
	if finding == "carotid-plaque" {
		c.paint(ellipse{0.2, 0.2, 0.22, 0.07, -4}, 170)
		flow.paint(ellipse{0.2, 0.2, 0.23, 0.08, -4}, 0)
	}
	b := make([]byte, 0, 3*usSize*usSize)
	for i, v := range c.octets() {
		if f := flow.v[i] / 255; f > 0.5 {
			b = append(b, byte(120+120*pulse*f), byte(60*pulse), byte(20))
			continue
		}
		b = append(b, v, v, v)
	}
	return b
}

func speckle(c *canvas, draw *rand.Rand) {
	for i, v := range c.v {
		c.v[i] = v * (0.45 + 0.75*draw.Float64())
	}
}

// sector blackens what a curved transducer does not see.
func sector(c *canvas) {
	for i := range c.v {
		x, y := 2*float64(i%c.w)/float64(c.w)-1, 2*float64(i/c.w)/float64(c.h)-1
		r, angle := math.Hypot(x, y+1.5), math.Atan2(x, y+1.5)
		if r < 0.65 || r > 2.4 || math.Abs(angle) > 0.6 {
			c.v[i] = 0
		}
	}
}
