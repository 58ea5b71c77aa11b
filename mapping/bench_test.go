package mapping_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"lightbox/dicom"
	"lightbox/dicom/archive"
	"lightbox/mapping"
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
		if _, err := m.Study([]archive.Instance{instance}, ""); err != nil {
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
				if _, err := m.Study(instances, ""); err != nil {
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
