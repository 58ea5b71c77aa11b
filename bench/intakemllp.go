package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// mllp sends reports (ORU^R01) over connections, each after the acknowledgement of the one before.
func (r *run) mllp(ctx context.Context) error {
	o, err := r.intakeOf(ctx)
	if err != nil {
		return err
	}
	for _, n := range intakeSizes {
		hub, err := open(n, func(int) (sender, error) { return o.connect(ctx) })
		if err != nil {
			return err
		}
		limit, err := open(n, func(int) (sender, error) { return rowWriter{r.limit}, nil })
		if err != nil {
			return errors.Join(err, hub.close())
		}
		row := Row{Name: fmt.Sprintf("HL7 v2 reports, %d at a time", n), Unit: "messages/s", Against: againstRows}
		if err := r.sent(ctx, row, 1, hub, limit); err != nil {
			return err
		}
	}
	return nil
}

// rowWriter commits one row after the other.
type rowWriter struct{ limit Limit }

func (rowWriter) Close() error { return nil }

func (w rowWriter) send(ctx context.Context) error {
	return w.limit.Load(ctx, [][]byte{message(0, 0)})
}

type connection struct {
	net.Conn
	*opened
	answers *bufio.Reader
	run     int64
}

func (o *opened) connect(ctx context.Context) (sender, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", o.MLLP)
	if err != nil {
		return nil, err
	}
	return &connection{c, o, bufio.NewReader(c), time.Now().UnixNano()}, nil
}

// Bytes that frame a message (HL7 v2 MLLP).
const (
	frameStart = 0x0B
	frameEnd   = 0x1C
)

func (c *connection) send(context.Context) error {
	text := message(c.run, c.next.Add(1))
	if _, err := c.Write(append(append([]byte{frameStart}, text...), frameEnd, '\r')); err != nil {
		return err
	}
	answer, err := c.answers.ReadBytes(frameEnd)
	if err != nil {
		return err
	}
	if _, err := c.answers.Discard(1); err != nil {
		return err
	}
	if !bytes.Contains(answer, []byte("\rMSA|AA|")) {
		return errors.New("a message is not acknowledged with AA")
	}
	return nil
}

// message is a signed report of one of a thousand patients.
func message(run, n int64) []byte {
	id := strconv.FormatInt(run, 36) + "-" + strconv.FormatInt(n, 10)
	return fmt.Appendf(nil, "MSH|^~\\&|RIS|BENCH|HUB|HUB|20250104120000+0300||ORU^R01^ORU_R01|%s|P|2.5\r"+
		"PID|1||B-%d^^^BENCH^MR||Bench^Patient||19600102|F\rPV1|1|O\rORC|RE|P-%s|F-%s||CM\r"+
		"OBR|1|P-%s|F-%s|71250^CT CHEST^C4|||20250104110000+0300|||||||||||A-%s||||20250104115500+0300||RAD|F\r"+
		"OBX|1|TX|71250&GDT^CT CHEST||Lungs are clear. No effusion. Heart of normal size.||||||F\r"+
		"OBX|2|TX|71250&IMP^CT CHEST||No acute finding.||||||F\r", id, n%1000, id, id, id, id, id)
}
