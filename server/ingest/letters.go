package ingest

import (
	"io"
	"strconv"

	"lightbox/mapping"
	"lightbox/mapping/hl7v2"
)

// maxMessages is the size of the largest file of HL7 v2 messages that is read.
const maxMessages = 256 << 20

// Messages returns the HL7 v2 messages of a file that begins as such, alone or in a batch; nil for any other file.
func Messages(content io.ReaderAt, size int64) ([][]byte, error) {
	start := make([]byte, 16)
	n, _ := content.ReadAt(start, 0) // a short file, or one that cannot be read, is for others to refuse
	if !hl7v2.Begins(start[:n]) {
		return nil, nil
	}
	if size > maxMessages {
		return nil, &hl7v2.Error{Reason: hl7v2.TooLarge, Detail: "more than 256 MiB of messages in one file"}
	}
	data, err := io.ReadAll(io.NewSectionReader(content, 0, size))
	if err != nil {
		return nil, err
	}
	return hl7v2.Split(data), nil
}

// MessageName names the n-th message of a file, counted from 0, where it has several.
func MessageName(file string, n, of int) string {
	if of == 1 {
		return file
	}
	return file + "#" + strconv.Itoa(n+1)
}

// letters maps the messages of a file. One that is refused does not hold up the others; a file of none but such is refused itself.
func (r *reader) letters(f File, messages [][]byte) (taken, error) {
	object := taken{file: f, letters: []mapping.Translation{}}
	for n, text := range messages {
		letter, err := r.letter(text)
		if err != nil && len(messages) == 1 {
			return taken{}, refusal(f, err)
		}
		if err != nil {
			reason, detail := Reason(err)
			r.tally.refuse(Refusal{File: MessageName(f.Name, n, len(messages)), Reason: reason, Detail: detail})
			continue
		}
		object.letters = append(object.letters, letter)
	}
	return object, nil
}

func (r *reader) letter(text []byte) (mapping.Translation, error) {
	message, err := hl7v2.Parse(text, hl7v2.Options{})
	if err != nil {
		return mapping.Translation{}, err
	}
	letter, err := r.mapper.Message(message)
	r.tally.issues(letter.Issues)
	return letter, err
}
