package mllp

import (
	"context"
	"errors"
	"time"

	"lightbox/auth/audit"
	"lightbox/mapping/hl7v2"
	"lightbox/server/ingest"
)

// Into returns the Answer of a server that takes messages into a hub. A message that the hub refuses for good is kept with the reason and
// answered with an error; lenient answers it as taken, for feeds that send a message again until it is.
func Into(p *ingest.Pipeline, from ingest.Origin, lenient bool) func(ctx context.Context, message []byte, address string) [][]byte {
	return func(ctx context.Context, message []byte, address string) [][]byte {
		from := from
		told := audit.Begin(audit.Message, nil, address, "")
		told.By = &audit.Caller{Organization: from.Owner} // who else it is says each message
		from.Visit = ingest.NewVisit(told)
		err := p.Message(ctx, message, from)
		if err != nil && !ingest.IsKept(err) {
			p.Log.Error("mllp: a message could not be taken and is to be sent again", "cause", err)
		}
		return answers(message, err, lenient)
	}
}

// Strange returns the Strange of a server that takes messages into a hub: it puts on record who was turned away.
func Strange(p *ingest.Pipeline) func(ctx context.Context, address string) {
	return func(ctx context.Context, address string) {
		p.Strange(ctx, audit.Begin(audit.Node, nil, address, ""), "tls")
	}
}

// answers are what a sender asked for: of the original mode one, of the enhanced mode that of taking in and that of the application.
func answers(message []byte, err error, lenient bool) [][]byte {
	a := hl7v2.Acknowledgment{Code: "A", At: time.Now()}
	letter := "A"
	if err != nil && !(lenient && ingest.IsKept(err)) {
		code, rejected := ingest.Fault(err)
		letter = letterOf(rejected)
		a.Error, a.Detail = code, detail(err)
	}
	enhanced, accept, application := hl7v2.Accepts(message, letter == "A")
	var list [][]byte
	if enhanced && accept {
		a.Code = "C" + letter
		list = append(list, a.Acknowledge(message))
	}
	if application {
		a.Code = "A" + letter
		list = append(list, a.Acknowledge(message))
	}
	return list
}

// letterOf is the second letter of the code of a message that is not taken (HL7 table 0008).
func letterOf(rejected bool) string {
	if rejected {
		return "R"
	}
	return "E"
}

// detail is what may be told of an error: the reason of a refusal, and of a failure of ours nothing.
func detail(err error) string {
	var refused *ingest.Refusal
	if errors.As(err, &refused) && ingest.IsKept(err) {
		return refused.Reason + ": " + refused.Detail
	}
	return "not taken: send it again"
}
