package server_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"lightbox/dicom"
	"lightbox/dicom/archive"
	"lightbox/fhir"
	"lightbox/fhir/store"
	"lightbox/mapping"
	"lightbox/server"
	"lightbox/server/dicomweb"
	"lightbox/server/ingest"
)

// images are the DICOM objects of the worlds: a hidden study with secrets of its own, and one that the partner of south sent of the same person,
// who is hidden from them as a Patient.
type images struct {
	pipeline *ingest.Pipeline
	mapper   *mapping.Mapper
}

// Studies, of which the last was never sent.
const (
	veiledStudy, partnersStudy, unusedStudy = "1.2.826.77", "1.2.826.88", "1.2.826.99"
	veiledNumber                            = "V-1"
)

// attributesOfImages are the secrets of the hidden study's objects, by keyword.
var attributesOfImages = map[string][2]string{
	"PatientName": {"Qvist^Ada", "Zorn^Eva"}, "PatientBirthDate": {"19610412", "19740923"}, "PatientSex": {"F", "M"}, "AccessionNumber": {"QA-17", "ZB-29"},
	"StudyDate": {"20220304", "20240809"}, "StudyTime": {"101112", "202122"}, "Modality": {"MG", "PT"}, "StudyDescription": {"qscreening", "zstaging"},
	"SeriesDescription": {"qleft", "zright"}, "BodyPartExamined": {"BREAST", "CHEST"}, "StudyID": {"Q1", "Z2"}, "SeriesNumber": {"17", "29"}, "InstanceNumber": {"171", "292"},
	"ProtocolName": {"qprotocol", "zprotocol"}, "SOPClassUID": {"1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"},
}

// personOfImages are the secrets of the Patient as the hub has it, which are none of what the partner's objects say: QIDO-RS attribute, then the values.
var personOfImages = [][3]string{
	{"PatientName", "Quist", "Zander"}, {"PatientName", "Quist^Rea", "Zander^Ivo"}, {"PatientID", "N-4711", "N-9922"}, {"PatientBirthDate", "19610411", "19740922"},
}

// attach serves DICOMweb beside FHIR.
func (i *images) attach(t testing.TB, c *server.Config) {
	t.Helper()
	i.mapper = must(mapping.New(mapping.Config{}))
	i.pipeline = &ingest.Pipeline{Store: c.Store, Objects: must(archive.OpenFolder(t.TempDir())), Mapper: i.mapper, Log: slog.New(slog.DiscardHandler)}
	root := strings.TrimSuffix(c.Base, "/fhir")
	served := &dicomweb.Server{Hub: i.pipeline, Verifier: c.Verifier, Base: root + "/dicom-web", FHIR: c.Base}
	c.HasObjects = served.HasObjects
	c.Beside = map[string]http.Handler{"/dicom-web": served.Handler()}
}

// take has the hub take objects in for an organisation.
func (i *images) take(t testing.TB, owner string, objects ...map[string]string) {
	t.Helper()
	files := func(_ context.Context, yield func(ingest.File) bool) error {
		for _, attributes := range objects {
			if !yield(ingest.Bytes("object", objectOf(attributes))) {
				break
			}
		}
		return nil
	}
	if _, err := i.pipeline.Run(t.Context(), files, ingest.Origin{Owner: owner}, nil); err != nil {
		t.Fatal(err)
	}
}

func objectOf(attributes map[string]string) []byte {
	var elements []dicom.Element
	for keyword, value := range attributes {
		tag := dicom.MustPath(keyword).Tag()
		elements = append(elements, dicom.NewText(tag, dicom.VROf(tag), strings.Split(value, `\`)...))
	}
	var b bytes.Buffer
	if err := dicom.WriteFile(&b, dicom.NewDataset(elements...)); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// fill has a world take its objects in. The one that is turned has another one of the hidden study more.
func (i *images) fill(t testing.TB, s store.Store, turned bool) {
	t.Helper()
	n := 0
	if turned {
		n = 1
	}
	hidden := map[string]string{"StudyInstanceUID": veiledStudy, "SeriesInstanceUID": veiledStudy + ".1", "SOPInstanceUID": veiledStudy + ".1.1", "PatientID": veiledNumber, "IssuerOfPatientID": "CITY"}
	for keyword, values := range attributesOfImages {
		hidden[keyword] = values[n]
	}
	i.take(t, north, hidden)
	i.take(t, south, map[string]string{"StudyInstanceUID": partnersStudy, "SeriesInstanceUID": partnersStudy + ".1", "SOPInstanceUID": partnersStudy + ".1.1", "PatientID": veiledNumber,
		"IssuerOfPatientID": "CITY", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2", "Modality": "CT", "StudyDate": "20230101", "PatientName": "Own^Words", "PatientBirthDate": "19500505"})
	if turned {
		more := map[string]string{"SeriesInstanceUID": veiledStudy + ".2", "SOPInstanceUID": veiledStudy + ".2.1"}
		for keyword, value := range hidden {
			if more[keyword] == "" {
				more[keyword] = value
			}
		}
		i.take(t, north, more)
	}
	i.rename(t, s, n)
}

// rename has the hub know the person as an admission of north's tells.
func (i *images) rename(t testing.TB, s store.Store, n int) {
	t.Helper()
	family, given, _ := strings.Cut(personOfImages[1][1+n], "^")
	born := personOfImages[3][1+n]
	err := s.Write(t.Context(), func(tx store.Tx) error {
		study, err := tx.Get(t.Context(), "ImagingStudy", i.mapper.StudyID(partnersStudy))
		if err != nil {
			return err
		}
		patient := must(fhir.ParseReference(gjson.GetBytes(study.Body, "subject.reference").Str, ""))
		body := fmt.Sprintf(`{"resourceType":"Patient","id":%q,"identifier":[{"value":%q}],"name":[{"family":%q,"given":[%q]}],"birthDate":%q}`,
			patient.ID, personOfImages[2][1+n], family, given, born[:4]+"-"+born[4:6]+"-"+born[6:])
		_, _, err = tx.Put(t.Context(), store.Write{Resource: must(fhir.Parse([]byte(body))), Owners: []string{north}, Mapped: true})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// imageQuestion is one of DICOMweb; a sharp one tells of an attribute.
type imageQuestion struct {
	question
	isSharp bool
	about   string
}

// imageQuestions are those of DICOMweb by an attribute's values: QIDO-RS on each level, and what the study is retrieved by.
func imageQuestions() (list []imageQuestion) {
	ask := func(way, path string, accept string) {
		list = append(list, imageQuestion{question: question{way: way, query: query{"GET", "/dicom-web" + path, map[string]string{"Accept": accept}, ""}}})
	}
	sharp := func(level, about, c string) {
		ask("QIDO-RS", level+c, "application/dicom+json")
		list[len(list)-1].isSharp, list[len(list)-1].about = true, about
	}
	search := func(keyword, value string) {
		c := keyword + "=" + url.QueryEscape(value)
		for _, level := range []string{"/studies?", "/series?", "/instances?", "/studies/" + veiledStudy + "/series?", "/studies/" + veiledStudy + "/instances?",
			"/studies/" + partnersStudy + "/instances?", "/studies/" + veiledStudy + "/series/" + veiledStudy + ".1/instances?", "/studies?StudyInstanceUID=" + veiledStudy + "&",
			"/instances?StudyInstanceUID=" + veiledStudy + "," + partnersStudy + "&"} {
			for _, more := range []string{"", "&fuzzymatching=true", "&includefield=all", "&includefield=" + keyword + "&limit=1", "&limit=1&offset=1"} {
				ask("QIDO-RS", level+c+more, "application/dicom+json")
			}
		}
		ask("QIDO-RS", "/studies?"+c, "multipart/related; type=application/dicom+xml")
	}
	for _, keyword := range slices.Sorted(maps.Keys(attributesOfImages)) {
		for _, value := range attributesOfImages[keyword] {
			sharp("/studies/"+veiledStudy+"/instances?", keyword, keyword+"="+url.QueryEscape(value))
			search(keyword, value)
			search(keyword, value[:1]+"*")
		}
	}
	for _, person := range personOfImages {
		for _, value := range person[1:] {
			sharp("/studies?", person[0]+" of the Patient", person[0]+"="+url.QueryEscape(value))
		}
		search(person[0], person[1])
		search(person[0], person[2])
		search(person[0], person[1][:3]+"*")
	}
	for _, uid := range []string{veiledStudy, partnersStudy, unusedStudy} {
		for _, of := range []string{"", "/series/" + uid + ".1", "/series/" + uid + ".2", "/series/" + uid + ".1/instances/" + uid + ".1.1"} {
			ask("WADO-RS", "/studies/"+uid+of+"/metadata", "application/dicom+json")
			ask("WADO-RS", "/studies/"+uid+of, `multipart/related; type="application/dicom"`)
		}
		ask("WADO-RS", "/studies/"+uid+"/series/"+uid+".1/instances/"+uid+".1.1/frames/1", "*/*")
	}
	return list
}

// TestOracleDICOMweb is TestOracle of the images: by DICOMweb, too, what is hidden makes no difference. STOW-RS is not asked: that a study whose
// UID a sender knows was submitted by others is told (0124, TestStore), since else one could add to another's study by its UID.
func TestOracleDICOMweb(t *testing.T) {
	for _, s := range bothStores {
		t.Run(s.name, func(t *testing.T) {
			var of [2]images
			options := storeOptions()
			options.Schemas = append(options.Schemas, ingest.Schemas()...)
			o := newOracle(t, s.open, options, func(n int, c *server.Config) { of[n].attach(t, c) })
			for n, m := range o.worlds {
				of[n].fill(t, m.store, n == 1)
				m.catchUp()
			}
			o.askForImages()
			o.tell(len(attributesOfImages) + len(personOfImages))
		})
	}
}

func (o *oracle) askForImages() {
	for _, q := range imageQuestions() {
		for _, a := range o.attackers {
			if o.whole || q.isSharp || o.dice.IntN(25) == 0 {
				o.ways[q.way]++
				o.both(a.name, q.query, a.name+": "+q.way)
			}
		}
		if q.isSharp && o.notices(secret{}, q.query) {
			o.noticed[q.about]++
		}
	}
	for _, name := range imageAttributes() {
		if o.noticed[name] == 0 {
			o.t.Errorf("who sees everything does not notice %s", name)
		}
	}
}

func imageAttributes() (names []string) {
	for keyword := range attributesOfImages {
		names = append(names, keyword)
	}
	for _, person := range personOfImages {
		names = append(names, person[0]+" of the Patient")
	}
	return names
}
