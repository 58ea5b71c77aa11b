package mllp

import (
	"fmt"
	"strings"

	"lightbox/mapping"
	"lightbox/mapping/hl7v2"
	"lightbox/server/ingest"
)

// Conformance is what the HL7 v2 conformance statement says of messages, acknowledgements and limits, as Markdown.
func Conformance() string {
	var b strings.Builder
	print := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	print("## Messages\n\nThe version (MSH-12) is not looked at: 2.1 to 2.8.2 are read alike. How each field is mapped, [mapping/MAPPING.md](../mapping/MAPPING.md) tells.\n\n")
	print("| Message (MSH-9.1) | Events (MSH-9.2) |\n|---|---|\n")
	for _, kind := range mapping.MessageKinds() {
		events := strings.Join(kind.Events, ", ")
		if events == "" {
			events = "any"
		}
		print("| %s | %s |\n", kind.Type, events)
	}
	print("\n## Character sets\n\nWhat MSH-18 may say, without regard to case, spaces and punctuation: %s. Where it says nothing, a message that is UTF-8 is read as that, and any other as Windows-1252, with a remark.\n\n", strings.Join(hl7v2.Charsets(), ", "))
	print("## Acknowledgements\n\nSent when the message and what it became are durable. Original mode: AA, AE, AR. Enhanced mode, as MSH-15 and MSH-16 ask for it: CA, CE, CR and the application's. ")
	print("A message that is sent again as it was is answered as the first time and applied once.\n\n")
	print("| Refused for | MSA-1 | ERR-3 (table 0357) |\n|---|---|---|\n")
	for _, reason := range ingest.FaultReasons() {
		code, rejected := ingest.Fault(&ingest.Refusal{Reason: reason})
		print("| `%s` | A%s | %s |\n", reason, letterOf(rejected), code)
	}
	failed, _ := ingest.Fault(fmt.Errorf("a failure of the hub"))
	print("| a failure of the hub: to be sent again | AE | %s |\n\nERR-8 has the reason in words, without anything of the message. What is refused is kept whole, with its reason (`lightbox queue`).\n\n", failed)
	limits := Limits{}.withDefaults()
	print("## Limits\n\n| | |\n|---|---|\n| One message | %d MiB |\n| Connections at a time | %d |\n| Silence between messages | %s |\n| From the first byte of a message to its last | %s |\n",
		limits.Message>>20, limits.Connections, limits.Idle, limits.Frame)
	return b.String()
}
