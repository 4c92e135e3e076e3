package wire

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/jsontext"
)

// Name is the name of the JSON format.
const Name = "ndjson"

// Format returns the JSON format: one object, an array or one object a line.
func Format() ingest.Format {
	return ingest.Format{Name: Name, Detect: detect, Verify: verify, Open: func(in ingest.Input) (ingest.Decoder, error) {
		d, err := NewDecoder(in, KindResponse|KindEpisode|KindEvent|KindPatient)
		if err != nil {
			return nil, err
		}
		// The first object tells whether this is what it claims to be.
		return d, d.checkFirst(in)
	}}
}

// detect knows a source that begins with an object or an array of objects.
func detect(head []byte) bool {
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	if rest, ok := bytes.CutPrefix(head, []byte("[")); ok {
		head = bytes.TrimLeft(rest, " \t\r\n")
		if bytes.HasPrefix(head, []byte("]")) {
			return true
		}
	}
	rest, ok := bytes.CutPrefix(head, []byte("{"))
	return ok && bytes.HasPrefix(bytes.TrimLeft(rest, " \t\r\n"), []byte(`"`))
}

// verify walks over the elements of an array without reading them: one that was
// cut short has no end. Objects line by line each stand for themselves.
func verify(source string, in *bufio.Reader) error {
	o, err := jsontext.NewObjects(in)
	for err == nil && o.Framing != jsontext.Lines {
		if _, err = o.Next(); errors.Is(err, jsontext.ErrMalformed) || errors.Is(err, jsontext.ErrTooLong) {
			err = nil // an element that is refused alone
		}
	}
	switch {
	case err == nil, errors.Is(err, io.EOF):
		return nil
	case errors.Is(err, jsontext.ErrBroken):
		return o.Broken(source, "; nothing of it was stored", err)
	}
	return fmt.Errorf("%s can not be read: %w", source, err)
}

// Decoder reads JSON objects.
type Decoder struct {
	source    string
	objects   *jsontext.Objects
	kinds     Kind
	converter *Converter
	row       Row
	text      []byte // of the row
	whole     bool   // text is all of it
	empty     bool
}

// NewDecoder reads rows of the given kinds.
func NewDecoder(in ingest.Input, kinds Kind) (*Decoder, error) {
	d := &Decoder{source: in.Name, kinds: kinds, converter: NewConverter(in.Setting)}
	var err error
	d.objects, err = jsontext.NewObjects(in.Reader)
	switch {
	case errors.Is(err, io.EOF):
		d.empty = true
	case err != nil:
		return nil, fmt.Errorf("%s can not be read: %w", in.Name, err)
	}
	return d, nil
}

// checkFirst refuses a file whose beginning is no JSON object.
func (d *Decoder) checkFirst(in ingest.Input) error {
	if d.empty || d.objects.Framing != jsontext.Lines {
		return nil
	}
	head, err := in.Reader.Peek(in.Reader.Size())
	line, _, whole := bytes.Cut(head, []byte("\n"))
	if (whole || errors.Is(err, io.EOF)) && !json.Valid(line) && !bytes.HasPrefix(line, []byte("{")) {
		return &ingest.FileError{Source: in.Name, Wrong: "is not JSON", Advice: "send one JSON object a line, or an array of objects"}
	}
	return nil
}

// Next fills rec with the next row.
func (d *Decoder) Next(rec *ingest.Record) error {
	if d.empty {
		return io.EOF
	}
	text, err := d.objects.Next()
	rec.Line = d.objects.Line
	d.text, d.whole = text, true
	switch {
	case err == nil:
	case errors.Is(err, jsontext.ErrTooLong), errors.Is(err, jsontext.ErrMalformed):
		d.text, d.whole = d.objects.Text, errors.Is(err, jsontext.ErrMalformed)
		rule := ingest.RuleMalformed
		if !d.whole {
			rule = ingest.RuleTooLong
		}
		rec.Reject("record", rule)
		flagUnreadable(d.text, rec)
		return nil
	case errors.Is(err, jsontext.ErrBroken):
		return d.objects.Broken(d.source, "", err)
	case errors.Is(err, io.EOF):
		return io.EOF
	default:
		return fmt.Errorf("line %d can not be read: %w", d.objects.Lines(), err)
	}
	d.row.Reset()
	ReadObject(text, d.kinds, &d.row, rec)
	if len(rec.Reasons) == 0 {
		d.converter.Convert(&d.row, rec)
	} else {
		rec.ID = d.row.Value
	}
	if len(rec.Reasons) > 0 {
		flagText(text, rec)
	}
	return nil
}

// Quote returns the object with its fields in alphabetical order and without
// blanks, and with its kind where that hung on where it was sent to. One with a
// field twice keeps its order, and what is no object is returned as it came.
func (d *Decoder) Quote() (body []byte, whole bool) {
	var compact bytes.Buffer
	if !d.whole || !utf8.Valid(d.text) || json.Compact(&compact, d.text) != nil {
		return d.text, d.whole
	}
	members, ok := jsontext.Members(compact.Bytes(), nil)
	if !ok {
		return compact.Bytes(), true
	}
	fields := make(map[string]json.RawMessage, len(members))
	for _, m := range members {
		fields[m.Name] = m.Raw
	}
	named := len(fields)
	if word := d.kinds.Implied(); word != "" && fields["kind"] == nil {
		fields["kind"] = json.RawMessage(`"` + word + `"`)
	}
	if sorted, err := json.Marshal(fields); err == nil && named == len(members) {
		return sorted, true
	}
	return compact.Bytes(), true
}
