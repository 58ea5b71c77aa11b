package synth

const (
	mrImage = "1.2.840.10008.5.1.4.1.1.4"
	mrSize  = 96
)

// sequence parameters of PS3.3 C.8.3.1.
type mrSequence struct {
	description string
	scanning    string
	variant     string
	repetition  float64
	echo        float64
	train       int
	tissue      tissue
	window      [2]float64
}

func (s *study) mrBrain() {
	head := newSkull(s.draw)
	for _, q := range []mrSequence{
		{"T1 SE ax", "SE", "NONE", 520, 12, 1, t1Tissue, [2]float64{450, 900}},
		{"T2 TSE ax", "SE", "SK", 4200, 98, 15, t2Tissue, [2]float64{520, 1050}},
	} {
		s.mrSeries(q, head)
	}
}

func (s *study) mrSeries(q mrSequence, head *skull) {
	const slices, thickness, field = 14, 5.5, 230.0
	to := s.newSeries("MR")
	common := s.seriesModule(to, q.description).with(attrs{
		"ImageType": `ORIGINAL\PRIMARY\OTHER`, "BodyPartExamined": s.procedure.bodyPart, "PatientPosition": "HFS",
		"ScanningSequence": q.scanning, "SequenceVariant": q.variant, "ScanOptions": "", "MRAcquisitionType": "2D",
		"RepetitionTime": q.repetition, "EchoTime": q.echo, "EchoTrainLength": q.train, "MagneticFieldStrength": 1.5,
		"ImagingFrequency": 63.86, "NumberOfAverages": 1, "FlipAngle": 90, "PixelBandwidth": 130, "SliceThickness": thickness,
		"SpacingBetweenSlices": 6.0, "AcquisitionNumber": 1, "WindowCenter": q.window[0], "WindowWidth": q.window[1],
		"AnatomicRegionSequence": s.procedure.region, "PatientWeight": 60 + s.index, "PatientSize": 1.7, "SAR": 0.7,
	})
	for n := range slices {
		picture := head.slice(newCanvas(mrSize, mrSize, q.tissue.outside), (float64(n)+0.5)/slices, q.tissue, s.finding)
		picture.grain(s.draw, 14)
		s.add(to, mrImage, common, s.place(-40+float64(n)*6, field/mrSize), s.pixels(picture, 0, 4095))
	}
}
