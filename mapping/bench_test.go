package mapping_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"lightbox/dicom"
	"lightbox/dicom/archive"
	"lightbox/mapping"
	"lightbox/mapping/hl7v2"
)

func mapper(tb testing.TB) *mapping.Mapper {
	tb.Helper()
	m, err := mapping.New(mapping.Config{})
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

const realFiles = "../../shared/testdata/dicom"

// objects reads every real file into memory.
func objects(tb testing.TB) [][]byte {
	tb.Helper()
	if _, err := os.Stat(realFiles); err != nil {
		tb.Skip("left out: ../shared/testdata is not here")
	}
	var list [][]byte
	err := filepath.WalkDir(realFiles, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		list = append(list, content)
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return list
}

// BenchmarkHeaderToFHIR is the whole way of one object by itself: scan, index, shared resources, study. One op is one file.
func BenchmarkHeaderToFHIR(b *testing.B) {
	m, files := mapper(b), objects(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		content := files[i%len(files)]
		ds, err := dicom.Scan(bytes.NewReader(content), int64(len(content)), dicom.Limits{})
		if err != nil {
			continue
		}
		instance, err := m.Index(ds)
		if err != nil {
			continue
		}
		if _, _, err := m.Mentions(instance.Context); err != nil {
			b.Fatal(err)
		}
		if _, err := m.Study([]archive.Instance{instance}, "", mapping.Links{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkIndex(b *testing.B) {
	m, ds := mapper(b), ctImage(1, 1)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Index(ds); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMentions(b *testing.B) {
	m := mapper(b)
	instance, err := m.Index(ctImage(1, 1))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := m.Mentions(instance.Context); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkStudy(b *testing.B) {
	m := mapper(b)
	for _, n := range []int{1, 200, 5000} {
		var instances []archive.Instance
		for i := range n {
			instance, err := m.Index(ctImage(i%3+1, i))
			if err != nil {
				b.Fatal(err)
			}
			instances = append(instances, instance)
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := m.Study(instances, "", mapping.Links{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// ctImage draws the header of one CT image.
func ctImage(series, number int) *dicom.Dataset {
	text := func(keyword, vr string, values ...string) dicom.Element {
		return dicom.NewText(dicom.MustPath(keyword).Tag(), dicom.VR(vr), values...)
	}
	return dicom.NewDataset(
		text("SpecificCharacterSet", "CS", "ISO_IR 192"), text("ImageType", "CS", "ORIGINAL", "PRIMARY", "AXIAL"),
		text("SOPClassUID", "UI", "1.2.840.10008.5.1.4.1.1.2"), text("SOPInstanceUID", "UI", fmt.Sprintf("1.2.3.4.%d.%d", series, number)),
		text("StudyDate", "DA", "20260504"), text("SeriesDate", "DA", "20260504"), text("AcquisitionDate", "DA", "20260504"),
		text("StudyTime", "TM", "101500"), text("SeriesTime", "TM", "101600"), text("AcquisitionTime", "TM", fmt.Sprintf("1016%02d.5", number%60)),
		text("AccessionNumber", "SH", "A-1000"), text("Modality", "CS", "CT"), text("Manufacturer", "LO", "Acme"),
		text("InstitutionName", "LO", "City Hospital No 1"), text("ReferringPhysicianName", "PN", "Сидоров^Пётр"),
		text("TimezoneOffsetFromUTC", "SH", "+0300"), text("StationName", "SH", "CT1"), text("StudyDescription", "LO", "CT Chest"),
		text("SeriesDescription", "LO", fmt.Sprint("Series ", series)), text("OperatorsName", "PN", "Ivanova^A"),
		text("ManufacturerModelName", "LO", "Scanner 3"), text("PatientName", "PN", "Иванов^Иван^Иванович"), text("PatientID", "LO", "P-1"),
		text("IssuerOfPatientID", "LO", "CITY"), text("PatientBirthDate", "DA", "19700102"), text("PatientSex", "CS", "M"),
		text("BodyPartExamined", "CS", "CHEST"), text("KVP", "DS", "120"), text("DeviceSerialNumber", "LO", "S-77"),
		text("SoftwareVersions", "LO", "1.0"), text("StudyInstanceUID", "UI", "1.2.3.4"), text("SeriesInstanceUID", "UI", fmt.Sprintf("1.2.3.4.%d", series)),
		text("StudyID", "SH", "1"), text("SeriesNumber", "IS", fmt.Sprint(series)), text("InstanceNumber", "IS", fmt.Sprint(number)),
	)
}

// BenchmarkMessageToFHIR is one ordinary ORU: two sections of text, a number, a code, and a signature. It is for one core.
func BenchmarkMessageToFHIR(b *testing.B) {
	text := []byte("MSH|^~\\&|RIS|CITY|HUB|CITY|20260601130000+0300||ORU^R01^ORU_R01|M-2|P|2.5.1|||||RUS|UNICODE UTF-8\r" +
		"PID|1||77^^^CITY&1.2.643.9&ISO^MR||Иванов^Иван^Петрович||19700228|M\r" +
		"OBR|1|P-1^RIS|F-1^RIS|71260^CT chest^C4|||20260601110000+0300|||||||||||A-1||||20260601120000+0300||RAD|F|||||||12&Петрова&Ольга\r" +
		"OBX|1|TX|59776-5^Findings^LN||The lungs are clear. No effusion, no pneumothorax. The heart is of normal size.||||||F\r" +
		"OBX|2|TX|59776-5^Findings^LN||The mediastinum is not enlarged. A nodule of 4.5 mm in the right lower lobe.||||||F\r" +
		"OBX|3|FT|71260&IMP^CT chest^C4||Small nodule\\.br\\Follow-up in 12 months.||||||F\r" +
		"OBX|4|NM|246120007^Nodule size^SCT||4.5|mm|||||F\rOBX|5|CWE|36625-2^BI-RADS^LN||2^Benign^L||||||F\r" +
		"ZDS|1.2.3.4.5^100^Application^DICOM\r")
	m := mapper(b)
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		message, err := hl7v2.Parse(text, hl7v2.Options{})
		if err != nil {
			b.Fatal(err)
		}
		if got, err := m.Message(message); err != nil || len(got.Reports) != 1 {
			b.Fatal(err)
		}
	}
}

// BenchmarkDocumentToFHIR is what the documents of a study become, once they are read: a report, measurements, dose of two planes.
func BenchmarkDocumentToFHIR(b *testing.B) {
	for _, name := range []string{"report-chain", "measurements", "dose-biplane"} {
		g := goldens(b)
		at := slices.IndexFunc(g, func(g golden) bool { return g.path == "testdata/"+name+".txtar" })
		m := g[at].mapper
		var instances []archive.Instance
		var documents []mapping.Document
		for _, ds := range g[at].objects {
			i, err := m.Index(ds)
			if err != nil || len(instances) > 0 && i.StudyInstanceUID != instances[0].StudyInstanceUID {
				continue
			}
			instances = append(instances, i)
			if mapping.IsDocument(i.SOPClassUID) {
				documents = append(documents, mapping.Document{Instance: i, Dataset: ds})
			}
		}
		study, err := m.Study(instances, "", mapping.Links{})
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := m.Documents(study, documents); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(documents)), "documents/op")
		})
	}
}
