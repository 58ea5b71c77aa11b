// Package sr reads the content tree of structured reports and key object selections: who answers for the document, what it
// refers to, and its content items with their values (PS3.3 C.17.2, C.17.3). It knows no templates: what a concept means is
// for the mapping to say. A tree comes out whole or not at all; values that do not fit their type are left empty.
package sr

import (
	"lightbox/dicom"
)

// Bounds of one content tree. Real ones stay far below.
const (
	maxItems = 200_000
	maxDepth = 64
)

// Document is a structured report.
type Document struct {
	Title            Code   // concept name of the root
	TemplateID       string // "10011" of the root's ContentTemplateSequence
	TemplateResource string // "DCMR"
	CompletionFlag   string // PARTIAL, COMPLETE
	VerificationFlag string // UNVERIFIED, VERIFIED
	PreliminaryFlag  string // PRELIMINARY, FINAL, or ""
	ContentDate      string // DA
	ContentTime      string // TM
	Verifiers        []Observer
	Authors          []Observer
	Participants     []Observer
	Custodian        string // organisation that keeps the document

	// Predecessors are the documents that this one amends, Identical its copies elsewhere.
	Predecessors []Reference
	Identical    []Reference
	// Evidence is what was used of the current requested procedures, OtherEvidence all else.
	Evidence      []Reference
	OtherEvidence []Reference
	Requests      []*dicom.Dataset // items of ReferencedRequestSequence
	Procedures    []Code           // performed

	Root *Item
}

var (
	pathCompletion       = dicom.MustPath("CompletionFlag")
	pathVerification     = dicom.MustPath("VerificationFlag")
	pathPreliminary      = dicom.MustPath("PreliminaryFlag")
	pathContentDate      = dicom.MustPath("ContentDate")
	pathContentTime      = dicom.MustPath("ContentTime")
	pathCustodian        = dicom.MustPath("CustodialOrganizationSequence.InstitutionName")
	pathPredecessors     = dicom.MustPath("PredecessorDocumentsSequence")
	pathIdentical        = dicom.MustPath("IdenticalDocumentsSequence")
	pathEvidence         = dicom.MustPath("CurrentRequestedProcedureEvidenceSequence")
	pathOtherEvidence    = dicom.MustPath("PertinentOtherEvidenceSequence")
	pathRequests         = dicom.MustPath("ReferencedRequestSequence")
	pathProcedures       = dicom.MustPath("PerformedProcedureCodeSequence")
	pathTemplate         = dicom.MustPath("ContentTemplateSequence.TemplateIdentifier")
	pathTemplateResource = dicom.MustPath("ContentTemplateSequence.MappingResource")
)

// Parse reads the document in ds. The error is a *dicom.Error: Malformed when ds has no content tree, TooLarge when the tree is
// beyond all bounds.
func Parse(ds *dicom.Dataset) (*Document, error) {
	root, err := parseTree(ds)
	if err != nil {
		return nil, err
	}
	return &Document{
		Title:            root.Concept,
		TemplateID:       root.TemplateID,
		TemplateResource: ds.Text(pathTemplateResource),
		CompletionFlag:   ds.Text(pathCompletion),
		VerificationFlag: ds.Text(pathVerification),
		PreliminaryFlag:  ds.Text(pathPreliminary),
		ContentDate:      ds.Text(pathContentDate),
		ContentTime:      ds.Text(pathContentTime),
		Verifiers:        verifiers(ds),
		Authors:          authors(ds),
		Participants:     participants(ds),
		Custodian:        ds.Text(pathCustodian),
		Predecessors:     hierarchy(ds.Items(pathPredecessors)),
		Identical:        hierarchy(ds.Items(pathIdentical)),
		Evidence:         hierarchy(ds.Items(pathEvidence)),
		OtherEvidence:    hierarchy(ds.Items(pathOtherEvidence)),
		Requests:         ds.Items(pathRequests),
		Procedures:       Codes(ds, pathProcedures),
		Root:             root,
	}, nil
}
