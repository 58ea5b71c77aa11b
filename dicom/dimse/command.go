package dimse

import (
	"encoding/binary"
	"slices"
	"strings"
)

// Command fields (PS3.7 E.1).
const (
	CStoreRQ       uint16 = 0x0001
	CGetRQ         uint16 = 0x0010
	CFindRQ        uint16 = 0x0020
	CMoveRQ        uint16 = 0x0021
	CEchoRQ        uint16 = 0x0030
	NEventReportRQ uint16 = 0x0100
	NActionRQ      uint16 = 0x0130
	CCancelRQ      uint16 = 0x0FFF
	response       uint16 = 0x8000
)

// Elements of a command set (PS3.7 E.1), by their number in group 0000.
const (
	AffectedSOPClassUID       uint16 = 0x0002
	RequestedSOPClassUID      uint16 = 0x0003
	commandField              uint16 = 0x0100
	MessageID                 uint16 = 0x0110
	MessageIDBeingRespondedTo uint16 = 0x0120
	MoveDestination           uint16 = 0x0600
	Priority                  uint16 = 0x0700
	dataSetType               uint16 = 0x0800
	Status                    uint16 = 0x0900
	ErrorComment              uint16 = 0x0902
	AffectedSOPInstanceUID    uint16 = 0x1000
	RequestedSOPInstanceUID   uint16 = 0x1001
	EventTypeID               uint16 = 0x1002
	ActionTypeID              uint16 = 0x1008
	NumberOfRemaining         uint16 = 0x1020
	NumberOfCompleted         uint16 = 0x1021
	NumberOfFailed            uint16 = 0x1022
	NumberOfWarning           uint16 = 0x1023
)

// noDataSet is the value of dataSetType that says that none follows.
const noDataSet = 0x0101

// maxCommand bounds a command set.
const maxCommand = 64 << 10

// Command is a command set.
type Command struct {
	Field  uint16
	values map[uint16][]byte
}

// NewCommand makes one.
func NewCommand(field uint16) Command { return Command{field, map[uint16][]byte{}} }

// Reply makes the response to c, with a status.
func (c Command) Reply(status uint16) Command {
	r := NewCommand(c.Field | response)
	r.SetUint(MessageIDBeingRespondedTo, c.Uint(MessageID))
	r.SetUint(Status, status)
	for from, to := range map[uint16]uint16{AffectedSOPClassUID: AffectedSOPClassUID, AffectedSOPInstanceUID: AffectedSOPInstanceUID,
		RequestedSOPClassUID: AffectedSOPClassUID, RequestedSOPInstanceUID: AffectedSOPInstanceUID, ActionTypeID: ActionTypeID, EventTypeID: EventTypeID} {
		if value, ok := c.values[from]; ok {
			r.values[to] = value
		}
	}
	return r
}

// IsResponse reports whether c answers a request.
func (c Command) IsResponse() bool { return c.Field&response != 0 && c.Field != CCancelRQ }

// Uint is a number, 0 where it is not there.
func (c Command) Uint(element uint16) uint16 {
	if b := c.values[element]; len(b) >= 2 {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

// Text is a UID or title, "" where it is not there.
func (c Command) Text(element uint16) string { return strings.Trim(string(c.values[element]), "\x00 ") }

// SetUint sets a number.
func (c Command) SetUint(element, value uint16) {
	c.values[element] = binary.LittleEndian.AppendUint16(nil, value)
}

// SetText sets a text that is padded with pad to an even length: 0 for UIDs, a space for others.
func (c Command) SetText(element uint16, text string, pad byte) {
	b := []byte(text)
	if len(b)%2 == 1 {
		b = append(b, pad)
	}
	c.values[element] = b
}

// SetUID sets a UID.
func (c Command) SetUID(element uint16, uid string) { c.SetText(element, uid, 0) }

// encode writes the command set in Implicit VR Little Endian (PS3.7 6.3.1).
func (c Command) encode(hasData bool) []byte {
	values := map[uint16][]byte{commandField: binary.LittleEndian.AppendUint16(nil, c.Field)}
	follows := uint16(noDataSet)
	if hasData {
		follows = 1
	}
	values[dataSetType] = binary.LittleEndian.AppendUint16(nil, follows)
	for element, value := range c.values {
		values[element] = value
	}
	var elements []uint16
	for element := range values {
		elements = append(elements, element)
	}
	slices.Sort(elements)
	var body []byte
	for _, element := range elements {
		body = appendElement(body, element, values[element])
	}
	return append(appendElement(nil, 0, binary.LittleEndian.AppendUint32(nil, uint32(len(body)))), body...)
}

func appendElement(b []byte, element uint16, value []byte) []byte {
	b = append(b, 0, 0)
	b = binary.LittleEndian.AppendUint16(b, element)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(value)))
	return append(b, value...)
}

// parseCommand reads a command set, and whether a data set follows.
func parseCommand(b []byte) (c Command, hasData bool, err error) {
	c = NewCommand(0)
	for len(b) > 0 {
		if len(b) < 8 {
			return c, false, errMalformed
		}
		group, element, n := binary.LittleEndian.Uint16(b), binary.LittleEndian.Uint16(b[2:]), binary.LittleEndian.Uint32(b[4:])
		if group != 0 || uint64(n) > uint64(len(b)-8) {
			return c, false, errMalformed
		}
		if element != 0 {
			c.values[element] = b[8 : 8+n]
		}
		b = b[8+n:]
	}
	if len(c.values[commandField]) != 2 || len(c.values[dataSetType]) != 2 {
		return c, false, errMalformed
	}
	c.Field = c.Uint(commandField)
	hasData = c.Uint(dataSetType) != noDataSet
	delete(c.values, commandField)
	delete(c.values, dataSetType)
	return c, hasData, nil
}
