package fhir

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/jsontext"
	"github.com/lumbar-health/lumbar/ingest/wire"
)

// Name is the name of the format.
const Name = "fhir"

// Accepted is what a source may be.
type Accepted int

// What a source may be.
const (
	AcceptAll      Accepted = iota // resources, one a line or in an array, or Bundles
	AcceptBundle                   // Bundles alone
	AcceptResponse                 // one QuestionnaireResponse
)

// Format returns the format of FHIR resources and Bundles in JSON.
func Format() ingest.Format {
	return ingest.Format{Name: Name, Detect: detect, Verify: verify, Open: func(in ingest.Input) (ingest.Decoder, error) {
		return NewDecoder(in, AcceptAll)
	}}
}

// Decoder reads FHIR resources.
type Decoder struct {
	source    string
	setting   ingest.Setting
	accepted  Accepted
	table     *table
	forms     map[string]*form
	watched   []*form // of instruments with safety questions
	converter *wire.Converter
	objects   *jsontext.Objects // nil: the source is empty
	bundles   *bundles          // nil where there is none

	people   map[string]person // by their addresses in this source
	episodes map[string]string
	lost     bool // too many people to remember

	waiting  []entry // for their Patient, in a Bundle
	held     int     // bytes of them
	draining bool    // the Bundle is at its end

	entries  int // read
	last     entry
	resource resource
	row      wire.Row
	answers  answers
	resolved bool // the row has what another resource of the source told
}

// NewDecoder reads what is accepted of a source.
func NewDecoder(in ingest.Input, accepted Accepted) (*Decoder, error) {
	d := &Decoder{
		source: in.Name, setting: in.Setting, accepted: accepted, table: known(), forms: map[string]*form{},
		converter: wire.NewConverter(in.Setting), people: map[string]person{}, episodes: map[string]string{},
	}
	objects, bundle, err := begin(in.Name, in.Reader)
	switch {
	case errors.Is(err, io.EOF):
		return d, nil
	case err != nil:
		return nil, fmt.Errorf("%s can not be read: %w", in.Name, err)
	case accepted == AcceptBundle && bundle == nil:
		return nil, &ingest.FileError{Source: in.Name, Wrong: "is no Bundle", Advice: "send a Bundle, or a single resource to the route of its type"}
	case accepted == AcceptResponse && objects.Framing == jsontext.Array:
		return nil, &ingest.FileError{Source: in.Name, Wrong: "is a list", Advice: "send one QuestionnaireResponse, or several in a Bundle"}
	}
	d.objects, d.bundles = objects, bundle
	return d, nil
}

// begin finds out how the resources of a source follow each other.
func begin(source string, in *bufio.Reader) (*jsontext.Objects, *bundles, error) {
	head, err := in.Peek(in.Size())
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	objects, err := jsontext.NewObjects(in)
	if err != nil {
		return nil, nil, err
	}
	if _, bundle := look(head); bundle {
		return objects, &bundles{source: source, objects: objects}, nil
	}
	return objects, nil, nil
}

// detect knows a source whose first object has a resource's type.
func detect(head []byte) bool {
	fhir, _ := look(head)
	return fhir
}

// look reads the beginning of a source: whether its first object is a resource
// or has one in it, and whether it is a Bundle.
func look(head []byte) (fhir, bundle bool) {
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	list := bytes.HasPrefix(head, []byte("["))
	if list {
		head = bytes.TrimLeft(head[1:], " \t\r\n")
	}
	if !bytes.HasPrefix(head, []byte("{")) {
		return false, false
	}
	depth, entries := 0, false
	for at := 0; at < len(head); at++ {
		switch head[at] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return fhir, fhir && (bundle || entries) && !list
			}
		case '"':
			end := at + 1
			for end < len(head) && head[end] != '"' {
				if head[end] == '\\' {
					end++
				}
				end++
			}
			if end >= len(head) {
				return fhir, fhir && (bundle || entries) && !list
			}
			word := head[at+1 : end]
			at = end
			rest := bytes.TrimLeft(head[end+1:], " \t\r\n")
			if !bytes.HasPrefix(rest, []byte(":")) {
				continue
			}
			rest = bytes.TrimLeft(rest[1:], " \t\r\n")
			switch {
			case string(word) == "resourceType":
				fhir = true
				if depth == 1 {
					bundle = bytes.HasPrefix(rest, []byte(`"Bundle"`))
					return true, bundle && !list
				}
			case string(word) == "entry" && depth == 1:
				entries = bytes.HasPrefix(rest, []byte("["))
			}
		}
	}
	return fhir, fhir && entries && !list
}

// verify walks over a source without reading resources: a Bundle or a list that
// was cut short has no end, and a Bundle may be of a type that is not taken.
// Resources line by line each stand for themselves.
func verify(source string, in *bufio.Reader) error {
	objects, bundle, err := begin(source, in)
	for err == nil {
		switch {
		case bundle != nil:
			if _, err = bundle.next(); errors.Is(err, errEnd) {
				err = nil
			}
		case objects.Framing == jsontext.Lines:
			return nil
		default:
			if _, err = objects.Next(); errors.Is(err, jsontext.ErrMalformed) || errors.Is(err, jsontext.ErrTooLong) {
				err = nil // one that is refused alone
			}
		}
	}
	var file *ingest.FileError
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case errors.As(err, &file):
		whole := *file
		whole.Advice += "; nothing of it was stored"
		return &whole
	case errors.Is(err, jsontext.ErrBroken):
		return objects.Broken(source, "; nothing of it was stored", err)
	}
	return fmt.Errorf("%s can not be read: %w", source, err)
}

// Next fills rec with the next resource. Those of a Bundle that point to a
// Patient further down come after it.
func (d *Decoder) Next(rec *ingest.Record) error {
	if d.objects == nil {
		return io.EOF
	}
	for {
		e, err := d.next()
		if err != nil {
			return err
		}
		d.last = e
		if !d.read(&e, rec) {
			return nil
		}
		d.wait(e)
		rec.Reset()
	}
}

// next returns the next entry.
func (d *Decoder) next() (e entry, err error) {
	if d.draining && len(d.waiting) > 0 {
		e, d.waiting = d.waiting[0], d.waiting[1:]
		return e, nil
	}
	if d.draining {
		d.draining, d.waiting, d.held = false, nil, 0
	}
	defer func() { d.entries++ }()
	if d.bundles != nil {
		e, err = d.bundles.next()
		if errors.Is(err, errEnd) {
			d.draining = true
			return d.next()
		}
		return e, err
	}
	e.text, err = d.objects.Next()
	if d.accepted == AcceptResponse && d.entries > 0 && !errors.Is(err, io.EOF) {
		return e, &ingest.FileError{Source: d.source, Wrong: "goes on after the resource", Advice: "send one QuestionnaireResponse, or several in a Bundle"}
	}
	e.line = d.objects.Line
	switch {
	case err == nil:
	case errors.Is(err, jsontext.ErrTooLong):
		e.rule, e.text = ingest.RuleTooLong, d.objects.Text
	case errors.Is(err, jsontext.ErrMalformed):
		e.rule, e.text = ingest.RuleMalformed, d.objects.Text
	case errors.Is(err, jsontext.ErrBroken):
		return e, d.objects.Broken(d.source, "", err)
	case errors.Is(err, io.EOF):
		return e, io.EOF
	default:
		return e, fmt.Errorf("line %d can not be read: %w", d.objects.Lines(), err)
	}
	return e, nil
}

// maxHeld bounds the resources of a Bundle that wait for their Patient, in
// bytes. What is beyond it is refused, never taken for somebody else.
const maxHeld = 32 << 20

// mayCome reports whether what a reference points to may still come.
func (d *Decoder) mayCome() bool { return d.bundles != nil && !d.draining && d.held < maxHeld }

// wait keeps an entry until the end of its Bundle.
func (d *Decoder) wait(e entry) {
	around := slices.Clone(e.around)
	if at := bytes.Index(around, e.text); at >= 0 {
		e.text = around[at : at+len(e.text)]
	}
	e.around = around
	d.held += len(around)
	d.waiting = append(d.waiting, e)
}

// read reads an entry into rec. later is true where it has to wait.
func (d *Decoder) read(e *entry, rec *ingest.Record) (later bool) {
	rec.Line = e.line
	d.row.Reset()
	d.resolved = false
	r := &d.resource
	r.fullURL, r.method = e.fullURL, e.method
	switch {
	case e.rule != "":
		rec.Reject("record", e.rule)
	case e.modified:
		rec.Reject("modifierExtension", ingest.RuleNotAllowed)
	case e.method != "" && e.method != "POST" && e.method != "PUT":
		rec.Reject("request.method", ingest.RuleNotAllowed)
	case e.text == nil:
		rec.Reject("record", ingest.RuleRequired)
	case r.parse(e.text, rec):
		if later = d.convert(r, rec); later {
			return true
		}
		if len(rec.Reasons) > 0 {
			rec.ID = d.row.Value
			d.flag(r, rec)
		}
		return false
	}
	d.flagUnreadable(e.text, rec)
	return false
}

// convert makes the rows of a resource.
func (d *Decoder) convert(r *resource, rec *ingest.Record) (later bool) {
	if d.accepted == AcceptResponse && r.kind != kindResponse {
		rec.Reject("resourceType", ingest.RuleNotAcceptedHere)
		return false
	}
	r.meta(&d.row, rec)
	var discharged wire.Moment
	switch r.kind {
	case kindResponse:
		later = d.response(r, rec)
	case kindPatient:
		d.patient(r, rec)
	case kindReferral:
		later = d.referral(r, rec)
	case kindCarePlan:
		later = d.carePlan(r, rec)
	case kindEncounter:
		discharged, later = d.encounter(r, rec)
	case kindProcedure:
		later = d.procedure(r, rec)
	case kindTask:
		later = d.task(r, rec)
	default: // a Bundle in a Bundle too
		rec.Reject("resourceType", ingest.RuleNotAcceptedHere)
	}
	if later || len(rec.Reasons) > 0 {
		return later
	}
	d.converter.Convert(&d.row, rec)
	if discharged.Given() && len(rec.Reasons) == 0 {
		id := rec.ID
		d.row.Type, d.row.At = "discharge", discharged
		if d.row.Value != "" {
			d.row.Value += "/discharge"
		}
		d.converter.Convert(&d.row, rec)
		rec.ID = id
	}
	return false
}
