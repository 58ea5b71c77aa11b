// Package synth draws a small synthetic city: patients, studies with phantoms as pixel data, reports and dose reports, as true
// Part 10 files. The same seed always makes the same bytes. No real person is in it.
package synth

// City is what one seed makes.
type City struct {
	Files []File
}

// File is one object and where it comes from.
type File struct {
	Path     string // below the folder it is written to: "central/ct-0001/1.dcm"
	Facility string // InstitutionName, which is also the organisation that submits it
	Bytes    []byte
}

// Make draws the city of a seed.
func Make(seed int64) (City, error) { panic("synth.Make") }
