package synth

import (
	"bytes"
	"fmt"
	"strings"
)

const encapsulatedPDF = "1.2.840.10008.5.1.4.1.1.104.1"

// encapsulatedPDF is a report that a clinic printed (PS3.3 A.45.1).
func (s *study) encapsulatedPDF() {
	said, f, made := findings[s.finding].english, facilities[s.device.facility], s.at(95)
	document := pdfPage([]string{
		f.Name, "", s.procedure.description, "Patient: " + strings.ReplaceAll(s.person.name, "^", " "),
		"Date: " + s.start.Format("2006-01-02"), "", "Findings", said.findings, "", "Impression", said.impression,
		"", "Signed: " + strings.ReplaceAll(f.radiologist, "^", " "),
	})
	to := s.newSeries("DOC")
	s.add(to, encapsulatedPDF, attrs{
		"SeriesDescription": "Report", "Manufacturer": "", "ConversionType": "WSD", "InstitutionName": f.Name,
		"ContentDate": date(made), "ContentTime": clock(made), "AcquisitionDateTime": "", "BurnedInAnnotation": "YES",
		"SeriesDate": date(made), "SeriesTime": clock(made), "InstanceCreationDate": date(made), "InstanceCreationTime": clock(made),
		"DocumentTitle": "Ultrasound report", "ConceptNameCodeSequence": code{"18748-4", "LN", "Diagnostic Imaging Report"},
		"SourceInstanceSequence": s.series[0].images, "VerificationFlag": "VERIFIED",
		"MIMETypeOfEncapsulatedDocument": "application/pdf", "EncapsulatedDocument": document,
		"EncapsulatedDocumentLength": len(document),
	})
}

// pdfPage is a PDF 1.4 of one page of lines in Helvetica.
func pdfPage(lines []string) []byte {
	var page strings.Builder
	page.WriteString("BT /F1 11 Tf 56 780 Td 16 TL\n")
	for _, line := range lines {
		for _, part := range fold(line, 84) {
			escaped := strings.NewReplacer(`\`, `\\`, `(`, `\(`, `)`, `\)`).Replace(part)
			fmt.Fprintf(&page, "(%s) Tj T*\n", escaped)
		}
	}
	page.WriteString("ET\n")
	return pdfFile([]string{
		"<< /Type /Catalog /Pages 2 0 R >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
		fmt.Sprintf("<< /Length %d >>\nstream\n%sendstream", page.Len(), page.String()),
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
	})
}

// pdfFile numbers objects from 1 and writes the table of where each begins.
func pdfFile(objects []string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n")
	offsets := make([]int, len(objects))
	for i, object := range objects {
		offsets[i] = b.Len()
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, object)
	}
	table := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, offset := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", offset)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, table)
	return b.Bytes()
}

// fold breaks a line at spaces so that no part is longer than width.
func fold(line string, width int) (parts []string) {
	for len(line) > width {
		at := strings.LastIndexByte(line[:width], ' ')
		if at <= 0 {
			at = width
		}
		parts, line = append(parts, line[:at]), strings.TrimPrefix(line[at:], " ")
	}
	return append(parts, line)
}
