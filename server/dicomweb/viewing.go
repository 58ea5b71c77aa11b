package dicomweb

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tidwall/gjson"
	"golang.org/x/sync/errgroup"

	"lightbox/auth"
	"lightbox/dicom"
	"lightbox/dicom/archive"
	"lightbox/fhir/store"
	"lightbox/mapping"
	"lightbox/server/ingest"
	"lightbox/server/links"
	"lightbox/server/portal/viewer"
)

// Viewed tells what a caller sees of a study, "ImagingStudy/<id>", for a page that shows it. links.ErrNoLink where that is nothing.
func (s *Server) Viewed(ctx context.Context, by *auth.Principal, study string) (viewer.Study, error) {
	v, err := s.seen(ctx, by, study, "")
	if err != nil {
		return viewer.Study{}, err
	}
	shown, err := s.shown(ctx, v.instances)
	if err != nil {
		return viewer.Study{}, unframed(err)
	}
	body := gjson.ParseBytes(v.study.Body)
	date, _, _ := strings.Cut(body.Get("started").Str, "T")
	told := viewer.Study{Description: body.Get("description").Str, Date: date}
	of := map[string]int{}
	for n, i := range v.instances {
		at, ok := of[i.SeriesInstanceUID]
		if !ok {
			series := body.Get(`series.#(uid=="` + i.SeriesInstanceUID + `")`)
			at = len(told.Series)
			of[i.SeriesInstanceUID] = at
			told.Series = append(told.Series, viewer.Series{Modality: series.Get("modality.code").Str, Description: series.Get("description").Str})
		}
		told.Series[at].Instances = append(told.Series[at].Instances, shown[n])
	}
	return told, nil
}

// shown looks into objects for what the page has to know of them.
func (s *Server) shown(ctx context.Context, list []archive.Instance) ([]viewer.Instance, error) {
	shown := make([]viewer.Instance, len(list))
	looking, ctx := errgroup.WithContext(ctx)
	looking.SetLimit(headsAtOnce)
	for n, i := range list {
		looking.Go(func() (err error) {
			shown[n], err = s.shownOf(ctx, i)
			return err
		})
	}
	return shown, looking.Wait()
}

// shownOf is one object. That one cannot be read is no reason not to show the others, unless its archive is away, and the others with it.
func (s *Server) shownOf(ctx context.Context, i archive.Instance) (viewer.Instance, error) {
	told := viewer.Instance{UID: i.SOPInstanceUID, Frames: 1}
	if mapping.IsDocument(i.SOPClassUID) {
		told.Problem = viewer.Document
		return told, nil
	}
	object, err := s.open(ctx, i)
	switch {
	case ctx.Err() != nil:
		return told, ctx.Err()
	case errors.Is(err, ingest.ErrUnreachable):
		return told, err
	case err != nil:
		s.Log.Error("dicomweb: an object cannot be read", "cause", err)
		told.Problem = viewer.Unreadable
		return told, nil
	}
	defer object.Close()
	if told.Problem = problemOf(object.header); told.Problem != "" {
		return told, nil
	}
	if n, ok := object.header.Int(pathFrames); ok && n > 1 {
		told.Frames = int(min(n, maxFrames))
	}
	told.Metadata = pictorial(object.header).AppendJSON(nil, nil)
	return told, nil
}

var (
	pathFrames      = dicom.MustPath("NumberOfFrames")
	pathRows        = dicom.MustPath("Rows")
	pathColumns     = dicom.MustPath("Columns")
	pathAllocated   = dicom.MustPath("BitsAllocated")
	pathPhotometric = dicom.MustPath("PhotometricInterpretation")
)

// film is the beginning of the transfer syntaxes of MPEG-2, MPEG-4 and HEVC (PS3.5 8.2.5 to 8.2.9): .100 to .108.
const film = "1.2.840.10008.1.2.4.10"

// problemOf tells why the page cannot show an object, as far as its header says.
func problemOf(d *dicom.Dataset) viewer.Problem {
	rows, _ := d.Int(pathRows)
	columns, _ := d.Int(pathColumns)
	bits, _ := d.Int(pathAllocated)
	colour := strings.Contains(d.Text(pathPhotometric), "RGB") || strings.HasPrefix(d.Text(pathPhotometric), "YBR")
	switch {
	case rows < 1 || columns < 1:
		return viewer.Document
	case strings.HasPrefix(d.TransferSyntax, film):
		return viewer.Video
	case !viewer.Decodes(d.TransferSyntax):
		return viewer.Syntax
	case bits != 8 && (bits != 16 || colour):
		return viewer.Pixels
	}
	return ""
}

// pictorialTags are what decoding and showing an image takes (PS3.3 C.7.6.2, C.7.6.3, C.11.1, C.11.2 and, for objects of many frames,
// C.7.6.16): values and sequences. Whose image it is, who made it where, and what else identifies it, is not among them.
var pictorialTags = tagsOf("SpecificCharacterSet", "ImageType", "SOPClassUID", "SOPInstanceUID", "Modality", "SliceThickness", "InstanceNumber",
	"ImagePositionPatient", "ImageOrientationPatient", "SliceLocation",
	"SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames", "Rows", "Columns", "PixelSpacing", "PixelAspectRatio",
	"BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "SmallestImagePixelValue", "LargestImagePixelValue",
	"WindowCenter", "WindowWidth", "VOILUTFunction", "RescaleIntercept", "RescaleSlope", "RescaleType",
	"RedPaletteColorLookupTableDescriptor", "GreenPaletteColorLookupTableDescriptor", "BluePaletteColorLookupTableDescriptor",
	"RedPaletteColorLookupTableData", "GreenPaletteColorLookupTableData", "BluePaletteColorLookupTableData",
	"SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", "PixelMeasuresSequence", "PlanePositionSequence", "PlaneOrientationSequence",
	"FrameVOILUTSequence", "PixelValueTransformationSequence")

func tagsOf(keywords ...string) map[dicom.Tag]bool {
	tags := map[dicom.Tag]bool{}
	for _, one := range keywords {
		tags[dicom.MustPath(one).Tag()] = true
	}
	return tags
}

// pictorial is what the page is told of an object's header, items of sequences likewise.
func pictorial(d *dicom.Dataset) *dicom.Dataset {
	kept := d.Subset(func(t dicom.Tag) bool { return pictorialTags[t] })
	for n, e := range kept.Elements {
		items := make([]*dicom.Dataset, len(e.Items))
		for i, item := range e.Items {
			items[i] = pictorial(item)
		}
		kept.Elements[n].Items = items
	}
	return kept
}

// Frame opens a frame of an instance of a study that a caller sees, as it is stored. links.ErrNoLink where that is nothing, links.ErrNoFrame
// where the object has no such frame, or its frames cannot be told apart.
func (s *Server) Frame(ctx context.Context, by *auth.Principal, study, instance string, number int) (*links.Frame, error) {
	v, err := s.seen(ctx, by, study, instance)
	if err != nil {
		return nil, err
	}
	object, err := s.pictured(ctx, v.instances[0])
	if err != nil {
		return nil, unframed(err)
	}
	spans, err := object.pixels.Frame(number)
	if err != nil {
		return nil, errors.Join(unframed(noFrames(err)), object.Close())
	}
	content, size := spanned(object.pixels.Source(), spans)
	return &links.Frame{Reader: content, Closer: object, Size: size, TransferSyntax: storedSyntax(object), Compressed: object.pixels.IsEncapsulated()}, nil
}

// storedSyntax is the transfer syntax of a frame by itself: native ones differ in the order of bytes alone.
func storedSyntax(object pictured) string {
	if object.pixels.IsEncapsulated() || object.header.TransferSyntax == bigEndian {
		return object.header.TransferSyntax
	}
	return nativeSyntax
}

// unframed is an error of objects and frames as a link tells it.
func unframed(err error) error {
	var known *problem
	switch {
	case errors.As(err, &known):
		return links.ErrNoFrame
	case errors.Is(err, ingest.ErrUnreachable):
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	return err
}
