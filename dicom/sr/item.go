package sr

import (
	"iter"
	"strconv"

	"lightbox/dicom"
)

// Item is a content item (PS3.3 C.17.3.2). Which of the values is set depends on ValueType.
type Item struct {
	Relationship        string // to the parent: CONTAINS, HAS OBS CONTEXT, INFERRED FROM, ...; "" in the root
	ValueType           string // CONTAINER, TEXT, CODE, NUM, ...; "" in a by-reference item
	Concept             Code
	ObservationDateTime string // DT
	ObservationUID      string
	TemplateID          string
	Position            string // place in the tree, "1" for the root, "1.3.2" for the second item of its third

	Text        string           // TEXT, DATE, TIME, DATETIME, UIDREF
	Code        Code             // CODE
	Number      *Number          // NUM
	Name        dicom.PersonName // PNAME
	References  []Reference      // IMAGE, COMPOSITE, WAVEFORM
	Coordinates *Coordinates     // SCOORD, SCOORD3D, TCOORD
	Continuity  string           // CONTAINER: SEPARATE, CONTINUOUS

	// Target is the item that a by-reference item stands for, at TargetPosition. It is nil where that is no item, or one with
	// references below it, so that following targets always comes to an end.
	Target         *Item
	TargetPosition string
	Children       []*Item
	Dataset        *dicom.Dataset
}

// Number is a measured value. It is empty when the sequence has no item: then Qualifier may say why.
type Number struct {
	Value     string // DS, as it was written
	Float     string // the same as FD, if given, in decimal
	Unit      Code
	Qualifier Code
}

// Coordinates are points in an image, in space or in time.
type Coordinates struct {
	Type             string    // POINT, POLYLINE, CIRCLE, ...; of TCOORD the temporal range type
	Points           []float64 // x, y (, z) one after the other; of TCOORD sample positions or time offsets
	DateTimes        []string  // TCOORD
	FrameOfReference string    // SCOORD3D
}

// All walks an item and what is below it, parents first. By-reference items are not followed.
func (i *Item) All() iter.Seq[*Item] {
	return func(yield func(*Item) bool) { i.walk(yield) }
}

func (i *Item) walk(yield func(*Item) bool) bool {
	if !yield(i) {
		return false
	}
	for _, child := range i.Children {
		if !child.walk(yield) {
			return false
		}
	}
	return true
}

// Child returns the first child with a concept, nil when there is none.
func (i *Item) Child(value, scheme string) *Item {
	for _, child := range i.Children {
		if child.Concept.Is(value, scheme) {
			return child
		}
	}
	return nil
}

var (
	pathContent         = dicom.MustPath("ContentSequence")
	pathRelationship    = dicom.MustPath("RelationshipType")
	pathValueType       = dicom.MustPath("ValueType")
	pathConcept         = dicom.MustPath("ConceptNameCodeSequence")
	pathObservationTime = dicom.MustPath("ObservationDateTime")
	pathObservationUID  = dicom.MustPath("ObservationUID")
	pathReferenced      = dicom.MustPath("ReferencedContentItemIdentifier")
	pathContinuity      = dicom.MustPath("ContinuityOfContent")
	pathConceptCode     = dicom.MustPath("ConceptCodeSequence")
	pathMeasured        = dicom.MustPath("MeasuredValueSequence")
	pathNumeric         = dicom.MustPath("NumericValue")
	pathFloating        = dicom.MustPath("FloatingPointValue")
	pathUnits           = dicom.MustPath("MeasurementUnitsCodeSequence")
	pathQualifier       = dicom.MustPath("NumericValueQualifierCodeSequence")
	pathGraphicType     = dicom.MustPath("GraphicType")
	pathGraphicData     = dicom.MustPath("GraphicData")
	pathFrameOfRef      = dicom.MustPath("ReferencedFrameOfReferenceUID")
	pathRangeType       = dicom.MustPath("TemporalRangeType")
	pathSamples         = dicom.MustPath("ReferencedSamplePositions")
	pathOffsets         = dicom.MustPath("ReferencedTimeOffsets")
	pathDateTimes       = dicom.MustPath("ReferencedDateTime")
)

// textPaths says where the value types that are text have it.
var textPaths = map[string]dicom.Path{
	"TEXT":     dicom.MustPath("TextValue"),
	"DATE":     dicom.MustPath("Date"),
	"TIME":     dicom.MustPath("Time"),
	"DATETIME": dicom.MustPath("DateTime"),
	"UIDREF":   dicom.MustPath("UID"),
}

// newItem reads an item without its children.
func newItem(ds *dicom.Dataset, position string) *Item {
	i := &Item{
		Relationship:        ds.Text(pathRelationship),
		ValueType:           ds.Text(pathValueType),
		Concept:             firstCode(ds, pathConcept),
		ObservationDateTime: ds.Text(pathObservationTime),
		ObservationUID:      ds.Text(pathObservationUID),
		TemplateID:          ds.Text(pathTemplate),
		Position:            position,
		Dataset:             ds,
	}
	i.readValue(ds)
	return i
}

func (i *Item) readValue(ds *dicom.Dataset) {
	switch i.ValueType {
	case "TEXT", "DATE", "TIME", "DATETIME", "UIDREF":
		i.Text = ds.Text(textPaths[i.ValueType])
	case "CODE":
		i.Code = firstCode(ds, pathConceptCode)
	case "NUM":
		i.Number = number(ds)
	case "PNAME":
		i.Name = firstName(ds, pathPersonName)
	case "IMAGE", "COMPOSITE", "WAVEFORM":
		i.References = references(ds)
	case "SCOORD", "SCOORD3D":
		i.Coordinates = &Coordinates{
			Type:             ds.Text(pathGraphicType),
			Points:           floats(ds, pathGraphicData),
			FrameOfReference: ds.Text(pathFrameOfRef),
		}
	case "TCOORD":
		i.Coordinates = &Coordinates{
			Type:      ds.Text(pathRangeType),
			Points:    append(floats(ds, pathSamples), floats(ds, pathOffsets)...),
			DateTimes: ds.Texts(pathDateTimes),
		}
	case "CONTAINER":
		i.Continuity = ds.Text(pathContinuity)
	}
}

func number(ds *dicom.Dataset) *Number {
	n := &Number{Qualifier: firstCode(ds, pathQualifier)}
	if measured := ds.Items(pathMeasured); len(measured) > 0 {
		n.Value = measured[0].Text(pathNumeric)
		n.Float = measured[0].Text(pathFloating)
		n.Unit = firstCode(measured[0], pathUnits)
	}
	return n
}

// floats reads the values at a path that are numbers.
func floats(ds *dicom.Dataset, p dicom.Path) []float64 {
	var all []float64
	for _, text := range ds.Texts(p) {
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			all = append(all, f)
		}
	}
	return all
}
