package synth

import "time"

const basicTextSR = "1.2.840.10008.5.1.4.1.1.88.11"

// report makes the documents of the plan. Versions of a text report share a series.
func (s *study) report() {
	var reported *series
	images := s.references(s.series)
	for _, d := range s.reports {
		switch d {
		case dose:
			s.doseReport(images)
		case pdf:
			s.encapsulatedPDF()
		default:
			if reported == nil {
				reported = s.newSeries("SR")
			}
			s.textReport(reported, d, images)
		}
	}
}

// when is when a version of the report was made.
func (s *study) when(d document) time.Time {
	return s.at(map[document]float64{preliminary: 35, final: 260, amended: 1570}[d])
}

// dateTime is t as a DT, with the zone where the device writes one.
func (s *study) dateTime(t time.Time) string {
	if s.device.zone {
		return t.Format("20060102150405") + "+0300"
	}
	return t.Format("20060102150405")
}

// textReport adds a version that follows those in the series.
func (s *study) textReport(to *series, d document, images attrs) {
	own := s.documentModule(s.when(d), images).with(s.basicReport(d), attrs{
		"CompletionFlag": "COMPLETE", "VerificationFlag": "UNVERIFIED", "PreliminaryFlag": "PRELIMINARY", "Manufacturer": "",
		"InstitutionName": facilities[s.device.facility].Name, "SeriesDescription": "Report",
	})
	if d != preliminary {
		own["VerificationFlag"], own["PreliminaryFlag"] = "VERIFIED", "FINAL"
		own["VerifyingObserverSequence"] = s.verifier(d)
	}
	if len(to.images) > 0 {
		last := &series{uid: to.uid, images: to.images[len(to.images)-1:]}
		own["PredecessorDocumentsSequence"] = s.references([]*series{last})
	}
	s.add(to, basicTextSR, own)
}

func (s *study) verifier(d document) attrs {
	f := facilities[s.device.facility]
	return attrs{
		"VerifyingObserverName": f.radiologist, "VerifyingOrganization": f.Name, "VerificationDateTime": s.dateTime(s.when(d)),
		"VerifyingObserverIdentificationCodeSequence": code{f.readerID, f.procedures, "Radiologist"},
	}
}

// basicReport is the content tree: TID 2000, with sections of CID 7001.
func (s *study) basicReport(d document) attrs {
	said, language := findings[s.finding].english, code{"en", "RFC5646", "English"}
	addendum := "Addendum: compared with the previous study there is no change."
	if s.russian() {
		said, language = findings[s.finding].russian, code{"ru", "RFC5646", "Russian"}
		addendum = "Дополнение: в сравнении с предыдущим исследованием без динамики."
	}
	seen := []attrs{text(contains, dcm("121071", "Finding"), said.findings)}
	if d == amended {
		seen = append(seen, text(contains, dcm("121071", "Finding"), addendum))
	}
	if first := s.series[0]; d != preliminary {
		seen = append(seen, image(first.images[len(first.images)/2]))
	}
	f := facilities[s.device.facility]
	return root(code{"18748-4", "LN", "Diagnostic Imaging Report"}, "2000",
		coded(hasMod, dcm("121049", "Language of Content Item and Descendants"), language),
		coded(hasContext, dcm("121005", "Observer Type"), dcm("121006", "Person")),
		personName(hasContext, dcm("121008", "Person Observer Name"), f.radiologist),
		container(dcm("121109", "Indications for Procedure"), text(contains, dcm("121071", "Finding"), s.procedure.reason)),
		container(dcm("121070", "Findings"), seen...),
		container(dcm("121072", "Impressions"), text(contains, dcm("121073", "Impression"), said.impression)),
	)
}

// documentModule is PS3.3 C.17.2 and C.17.1, but for the flags.
func (s *study) documentModule(made time.Time, images attrs) attrs {
	return attrs{
		"ContentDate": date(made), "ContentTime": clock(made), "SeriesDate": date(made), "SeriesTime": clock(made),
		"InstanceCreationDate": date(made), "InstanceCreationTime": clock(made),
		"ReferencedPerformedProcedureStepSequence": []attrs{}, "PerformedProcedureCodeSequence": s.procedureCode(),
		"CurrentRequestedProcedureEvidenceSequence": images,
		"ReferencedRequestSequence": attrs{
			"StudyInstanceUID": s.uid, "ReferencedStudySequence": []attrs{}, "AccessionNumber": s.accession,
			"IssuerOfAccessionNumberSequence": s.issuer(), "PlacerOrderNumberImagingServiceRequest": "P" + s.accession,
			"FillerOrderNumberImagingServiceRequest": "F" + s.accession, "RequestedProcedureID": "",
			"RequestedProcedureDescription": s.procedure.description, "RequestedProcedureCodeSequence": s.procedureCode(),
		},
	}
}

// references is a Hierarchical SOP Instance Reference (PS3.3 C.17.2.1) to all instances of series of this study.
func (s *study) references(list []*series) attrs {
	var of []attrs
	for _, to := range list {
		of = append(of, attrs{"SeriesInstanceUID": to.uid, "ReferencedSOPSequence": append([]attrs(nil), to.images...)})
	}
	return attrs{"StudyInstanceUID": s.uid, "ReferencedSeriesSequence": of}
}
