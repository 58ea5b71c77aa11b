package main

//go:generate go test -run TestConformanceStatements -update

import (
	"io"
	"strings"

	"lightbox/server/archivesync"
	"lightbox/server/dicomweb"
	"lightbox/server/dimse"
	"lightbox/server/mllp"
)

type conformanceCommand struct {
	Of string `arg:"" optional:"" enum:"dicom,hl7" default:"dicom" help:"dicom or hl7."`
}

// Help is shown below the flags.
func (*conformanceCommand) Help() string {
	return `What is connected to the hub can count on, as Markdown, from the tables that the program works by.

  lightbox conformance dicom  SOP classes, transfer syntaxes, statuses, limits and keys, in the form of PS3.2
  lightbox conformance hl7    messages and events, character sets, acknowledgements and limits of HL7 v2`
}

// Run prints a statement.
func (c *conformanceCommand) Run(p *program) error {
	_, err := io.WriteString(p.Stdout, statements[c.Of]())
	return err
}

// statements are what can be printed.
var statements = map[string]func() string{"dicom": dicomStatement, "hl7": hl7Statement}

// hl7Statement is the HL7 v2 conformance statement.
func hl7Statement() string {
	return `# HL7 v2 Conformance Statement

Lightbox ` + version + `. Printed from the code's own tables by ` + "`lightbox conformance hl7`" + `; do not edit.

Messages come by MLLP (` + "`--mllp`" + `, with ` + "`--mllp-cert`" + ` and ` + "`--mllp-client-ca`" + ` over TLS), and as files by ` + "`lightbox ingest`" + `. Delimiters are those that MSH says. The hub
sends no messages but acknowledgements.

` + mllp.Conformance()
}

// dicomStatement is the DICOM conformance statement (PS3.2 2022 annex A).
func dicomStatement() string {
	return strings.Join([]string{`# DICOM Conformance Statement

Lightbox ` + version + `. Printed from the code's own tables by ` + "`lightbox conformance dicom`" + `; do not edit. Its form is that of PS3.2 (2022) annex A.

## 1 Overview

Lightbox takes DICOM objects in by DIMSE and DICOMweb, keeps them as they are sent, and gives them back by DICOMweb. What they say is served as HL7 FHIR
R4 ([mapping](../mapping/MAPPING.md)).

| Network service | User (SCU) | Provider (SCP) |
|---|---|---|
| Verification | no | yes |
| Storage | no | yes |
| Storage Commitment Push Model | no | yes |
| Query/Retrieve, Study Root (C-FIND, C-GET, C-MOVE) | yes, to read an archive | no |
| STOW-RS | no | yes |
| QIDO-RS | yes, to read an archive | yes |
| WADO-RS | yes, to read an archive | yes |

Media: files, folders, ZIP archives and DICOMDIR media are read; a DICOMDIR itself is told as refused. A link to a study (ImagingStudy/[id]/$link) downloads it as a ZIP with a File-set: the objects as they are kept, and a DICOMDIR. A link for viewing (purpose view) shows its images in a browser, which decodes them: uncompressed, deflated, RLE, JPEG baseline, extended and lossless, JPEG-LS, JPEG 2000 and HTJ2K, 8 and 16 bits; of other objects it says what they are.

## 2 Table of contents

Networking (4), media interchange (5), character sets (6), security (7), annexes (8).

## 3 Introduction

Its readers are those who connect modalities and archives. A statement does not assure that two systems work together: connect them and look.

## 4 Networking

### 4.1 Implementation model

One process answers all. Each object goes one way, whatever it came by: received, made durable in archive and index, acknowledged, and then mapped. An object
with the SOP Instance UID of another and other bytes is refused and kept aside; the one that was there stays.

` + dimse.Conformance(), dicomweb.Conformance(), archivesync.Conformance(), `### 4.3 Network interfaces

TCP/IP, IPv4 and IPv6. DIMSE at the address of ` + "`--dimse`" + `, DICOMweb at that of ` + "`--listen`" + `, by HTTP/1.1; HTTPS is the matter of a proxy before it.

### 4.4 Configuration

` + "`--dimse-aet`" + ` is the hub's AE title, ` + "`--dimse-peer AET=[ORG][@HOST:PORT]`" + ` names each caller that is known: the organisation that owns what it sends and where results of storage
commitment go. ` + "`lightbox serve --help`" + ` has the rest.

## 5 Media interchange

No application profile is claimed. Files of PS3.10 are read in all transfer syntaxes, with or without preamble and file meta information.

## 6 Character sets

ISO_IR 6, 13, 87 and 159 (Japanese), 100, 101, 109, 110, 144, 127, 126, 138, 148, 166, 203, 149 (Korean), 58 (simplified Chinese), with and without code
extensions (ISO 2022); ISO_IR 192 (UTF-8), GB18030, GBK. A text in a character set that it does not declare is told as an issue of the mapping.

## 7 Security

DIMSE over TLS with client certificates (` + "`--dimse-cert`, `--dimse-key`, `--dimse-client-ca`" + `); off loopback, without TLS only by ` + "`--dimse-plaintext`" + `. Callers that are not configured are rejected. DICOMweb takes
OAuth 2.0 bearer tokens of the configured issuers. Preambles are made inert on their way out, but for TIFF. Memory and time are bounded whatever a peer declares.

## 8 Annexes

No attribute is coerced, none is added to an object, and there are no private SOP classes or transfer syntaxes of Lightbox's own. Attributes that QIDO-RS returns
beside those of the object are counts, RetrieveURL and InstanceAvailability.
`}, "\n")
}
