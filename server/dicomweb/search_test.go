package dicomweb_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"lightbox/dicom"
	"lightbox/server/dicomweb"
	"lightbox/server/ingest"
)

// of is an object of attributes by keyword.
func of(t *testing.T, attributes map[string]string) []byte {
	t.Helper()
	var elements []dicom.Element
	for keyword, value := range attributes {
		tag := dicom.MustPath(keyword).Tag()
		elements = append(elements, dicom.NewText(tag, dicom.VROf(tag), strings.Split(value, `\`)...))
	}
	var b bytes.Buffer
	if err := dicom.WriteFile(&b, dicom.NewDataset(elements...)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// library is three studies of two patients, one of them another clinic's.
func library(t *testing.T, h hub) {
	t.Helper()
	base := func(more map[string]string) []byte {
		all := map[string]string{"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2", "SpecificCharacterSet": "ISO_IR 192", "IssuerOfPatientID": "CITY", "PatientID": "P-1",
			"PatientName": "Иванов^Иван", "PatientSex": "M", "PatientBirthDate": "19700101", "StudyTime": "0800"}
		for k, v := range more {
			all[k] = v
		}
		return of(t, all)
	}
	mine := ingest.Origin{Owner: "Organization/clinic"}
	ct := map[string]string{"StudyInstanceUID": "1.2.1", "SeriesInstanceUID": "1.2.1.1", "Modality": "CT", "StudyDate": "20260101", "AccessionNumber": "A-1",
		"StudyDescription": "CT head", "StudyID": "7", "SeriesNumber": "1", "BodyPartExamined": "HEAD"}
	for n := 1; n <= 3; n++ {
		ct["SOPInstanceUID"], ct["InstanceNumber"] = fmt.Sprint("1.2.1.1.", n), fmt.Sprint(n)
		h.take(t, mine, base(ct))
	}
	h.take(t, mine,
		base(map[string]string{"StudyInstanceUID": "1.2.1", "SeriesInstanceUID": "1.2.1.2", "SOPInstanceUID": "1.2.1.2.1", "Modality": "MR", "StudyDate": "20260101",
			"AccessionNumber": "A-1", "StudyDescription": "CT head", "StudyID": "7", "SeriesNumber": "2"}),
		base(map[string]string{"StudyInstanceUID": "1.2.2", "SeriesInstanceUID": "1.2.2.1", "SOPInstanceUID": "1.2.2.1.1", "Modality": "DX", "StudyDate": "20260215",
			"PatientID": "P-2", "PatientName": "Doe^Jane^^Dr", "PatientSex": "F", "PatientBirthDate": "19800202"}))
	h.take(t, ingest.Origin{Owner: "Organization/other"},
		base(map[string]string{"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.3.1", "SOPInstanceUID": "1.2.3.1.1", "Modality": "CT", "StudyDate": "20260301"}))
}

// values are those of a tag in each data set of an answer.
func values(body []byte, tag string) string {
	var list []string
	for _, one := range gjson.ParseBytes(body).Array() {
		list = append(list, strings.Join(texts(one.Get(tag+".Value")), `\`))
	}
	return strings.Join(list, " ")
}

func texts(list gjson.Result) (all []string) {
	for _, one := range list.Array() {
		all = append(all, one.String())
	}
	return all
}

func TestSearch(t *testing.T) {
	const study, seriesUID, instance = "0020000D", "0020000E", "00080018"
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			h := start(t, open, dicomweb.Limits{})
			library(t, h)
			for _, c := range []struct{ as, path, tag, want string }{
				{"emr", "/studies", study, "1.2.3 1.2.2 1.2.1"},
				{"clinic", "/studies", study, "1.2.2 1.2.1"},
				{"other", "/studies", study, "1.2.3"},
				{"other", "/studies?StudyInstanceUID=1.2.1", study, ""},
				{"other", "/studies?AccessionNumber=A-1", study, ""},
				{"other", "/instances?StudyInstanceUID=1.2.1,1.2.3", instance, "1.2.3.1.1"},
				{"emr", "/studies?limit=1&offset=1", study, "1.2.2"},
				{"emr", "/studies?offset=3", study, ""},
				{"emr", "/studies?StudyInstanceUID=1.2.2,1.2.1", study, "1.2.2 1.2.1"},
				{"emr", "/studies?0020000D=1.2.2", study, "1.2.2"},
				{"emr", "/studies?StudyDate=20260101", study, "1.2.1"},
				{"emr", "/studies?StudyDate=20260102-", study, "1.2.3 1.2.2"},
				{"emr", "/studies?StudyDate=-20260215", study, "1.2.2 1.2.1"},
				{"emr", "/studies?StudyDate=20260215-20260228&PatientSex=F", study, "1.2.2"},
				{"emr", "/studies?AccessionNumber=A-1", study, "1.2.1"},
				{"emr", "/studies?AccessionNumber=A*", study, "1.2.1"},
				{"emr", "/studies?PatientID=P-1", study, "1.2.3 1.2.1"},
				{"emr", "/studies?00100020=P-2", study, "1.2.2"},
				{"emr", "/studies?PatientID=P-%3F", study, "1.2.3 1.2.2 1.2.1"},
				{"emr", "/studies?PatientName=doe%5Ejane", study, "1.2.2"},
				{"emr", "/studies?PatientName=Doe*", study, "1.2.2"},
				{"emr", "/studies?PatientName=*jane*", study, "1.2.2"},
				{"emr", "/studies?PatientName=" + "%D0%98%D0%B2*", study, "1.2.3 1.2.1"},
				{"emr", "/studies?PatientBirthDate=19800202", study, "1.2.2"},
				{"emr", "/studies?ModalitiesInStudy=MR", study, "1.2.1"},
				{"emr", "/studies?ModalitiesInStudy=DX,MR", study, "1.2.2 1.2.1"},
				{"emr", "/studies?StudyDescription=*head", study, "1.2.1"},
				{"other", "/studies?PatientID=P-1", study, "1.2.3"}, // by its objects: it sees no Patients
				{"other", "/studies?PatientName=" + "%D0%98%D0%B2%D0%B0%D0%BD%D0%BE%D0%B2%5E%D0%98%D0%B2%D0%B0%D0%BD", study, "1.2.3"},
				{"other", "/studies?PatientBirthDate=19700101", study, "1.2.3"},
				{"other", "/studies?PatientBirthDate=19800202", study, ""},
				{"emr", "/studies?StudyInstanceUID=1.2.1", "00201208", "4"},
				{"emr", "/studies?StudyInstanceUID=1.2.1", "00201206", "2"},
				{"emr", "/studies?StudyInstanceUID=1.2.1", "00080061", `CT\MR`},
				{"emr", "/studies?StudyInstanceUID=1.2.1", "00081190", "http://hub.example/dicom-web/studies/1.2.1"},
				{"emr", "/studies?StudyInstanceUID=1.2.1&includefield=InstitutionName", "00080080", ""},
				{"emr", "/studies/1.2.1/series", seriesUID, "1.2.1.1 1.2.1.2"},
				{"emr", "/studies/1.2.1/series?Modality=MR", seriesUID, "1.2.1.2"},
				{"emr", "/studies/1.2.1/series", "00201209", "3 1"},
				{"emr", "/studies/1.2.1/series", "00081190", "http://hub.example/dicom-web/studies/1.2.1/series/1.2.1.1 http://hub.example/dicom-web/studies/1.2.1/series/1.2.1.2"},
				{"emr", "/series?Modality=CT", seriesUID, "1.2.3.1 1.2.1.1"},
				{"emr", "/studies/1.2.1/instances", instance, "1.2.1.1.1 1.2.1.1.2 1.2.1.1.3 1.2.1.2.1"},
				{"emr", "/studies/1.2.1/instances?limit=2&offset=1", instance, "1.2.1.1.2 1.2.1.1.3"},
				{"emr", "/studies/1.2.1/series/1.2.1.2/instances", instance, "1.2.1.2.1"},
				{"emr", "/studies/1.2.1/series/1.2.1.1/instances?InstanceNumber=2", instance, "1.2.1.1.2"},
				{"emr", "/studies/1.2.1/series/1.2.1.1/instances?InstanceNumber=2&includefield=all", "00100010", ""},
				{"emr", "/instances?PatientID=P-2", instance, "1.2.2.1.1"},
			} {
				status, _, body := h.get(t, c.as, c.path, "application/dicom+json")
				if c.want == "" && c.tag == study {
					if status != http.StatusNoContent {
						t.Errorf("%s as %s: %d, want none", c.path, c.as, status)
					}
					continue
				}
				if c.tag == "00100010" {
					if got := gjson.GetBytes(body, "0.00100010.Value.0.Alphabetic").Str; got != "Иванов^Иван" {
						t.Errorf("%s: %q", c.path, got)
					}
					continue
				}
				if got := values(body, c.tag); status != http.StatusOK || got != c.want {
					t.Errorf("%s as %s: %d %s, want %s", c.path, c.as, status, got, c.want)
				}
			}
			for path, want := range map[string]int{
				"/studies?limit=x": 400, "/studies?offset=-1": 400, "/studies?Nonsense=1": 400, "/studies?includefield=Nonsense": 400, "/studies/1.2.9/series": 404,
				"/studies?StudyDate=never": 204, "/studies?PatientName=%24%7C%2C*": 204,
			} {
				if status, _, body := h.get(t, "emr", path); status != want {
					t.Errorf("%s: %d, want %d: %s", path, status, want, body)
				}
			}
			if _, header, body := h.get(t, "emr", "/studies?Rows=512&fuzzymatching=true"); len(header.Values("Warning")) != 2 || values(body, study) != "1.2.3 1.2.2 1.2.1" {
				t.Error(header.Values("Warning"), values(body, study))
			}
		})
	}
}
