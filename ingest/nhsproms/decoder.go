package nhsproms

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/record"
)

// Name is the name of the format, and of the programme that its records
// belong to.
const Name = "nhs-proms"

// followUp is the programme's timepoint of the answers after the operation.
const followUp = "6m"

// Codes that stand for a missing answer.
const (
	missing    = 9
	missingVAS = 999
)

// Format returns the format of the record files.
func Format() ingest.Format {
	return ingest.Format{Name: Name, Detect: detect, Open: open}
}

// detect knows a file by its header: a column of predicted Oxford scores.
func detect(head []byte) bool {
	line, _, _ := bytes.Cut(head, []byte("\n"))
	if len(line) > 16<<10 || bytes.IndexByte(line, ',') < 0 {
		return false
	}
	cells, _ := split(bytes.TrimRight(line, "\r"), nil)
	for _, c := range cells {
		for _, j := range joints {
			if canonical(string(c)) == j.predicted {
				return true
			}
		}
	}
	return false
}

func open(in ingest.Input) (ingest.Decoder, error) {
	d := &decoder{lines: lines{in: in.Reader}, ordinals: ingest.NewOrdinals(), texts: map[string]string{}}
	line, tooLong, err := d.lines.next()
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s can not be read: %w", in.Name, err)
	}
	if tooLong || err != nil || !utf8.Valid(line) {
		return nil, &ingest.FileError{Source: in.Name, Wrong: "is not a CSV file with a header", Advice: "give the record-level file as NHS England publishes it"}
	}
	d.head = bytes.Clone(line)
	if d.header, err = readHeader(in.Name, line); err != nil {
		return nil, err
	}
	p, ok := in.Programme(Name)
	if !ok {
		return nil, fmt.Errorf("the programme %s is not loaded: add its file", Name)
	}
	d.programme = p
	return d, d.plan()
}

// decoder reads one file.
type decoder struct {
	lines     lines
	header    *header
	programme *programme.Programme
	ordinals  *ingest.Ordinals
	fields    ingest.Fields
	head      []byte // the header's line
	line      []byte
	whole     bool // line is all of it
	cells     [][]byte
	texts     map[string]string // words that repeat
	waves     [2]wave           // before and after
	context   []covariate       // in the order of the programme's covariates

	procedureText string // as the file writes its procedure
}

// Next fills r with the record of the next line.
func (d *decoder) Next(r *ingest.Record) error {
	line, tooLong, err := d.lines.next()
	if err != nil {
		if errors.Is(err, io.EOF) {
			return io.EOF
		}
		return fmt.Errorf("line %d can not be read: %w", d.lines.n, err)
	}
	r.Line = d.lines.n
	d.line, d.whole = line, !tooLong
	var ok bool
	if d.cells, ok = split(line, d.cells); tooLong || !ok {
		r.Reject("line", ingest.RuleMalformed)
		return nil
	}
	switch {
	case len(d.cells) != len(d.header.names):
		r.Reject("line", ingest.RuleColumns)
		return nil
	case !utf8.Valid(line):
		r.Reject("line", ingest.RuleEncoding)
		return nil
	}
	d.read(r)
	return nil
}

// Quote returns the line below its header: a file of this format with one
// record.
func (d *decoder) Quote() (body []byte, whole bool) {
	if !d.whole {
		return nil, false
	}
	return slices.Concat(d.head, []byte("\n"), d.line, []byte("\n")), true
}

// read makes the episode and the responses of a line.
func (d *decoder) read(r *ingest.Record) {
	year := d.year(r)
	e := r.AddEpisode()
	d.episode(r, e, year)
	if len(r.Reasons) > 0 {
		return
	}
	id := d.identify()
	e.PatientID = id.Patient(Name)
	e.ID = record.RowID(Name, id.String())
	e.Version = record.Version(e.ReferredOn.Time(), record.Rank(false), id.Content())
	key := id.String()
	for i := range d.waves {
		w := &d.waves[i]
		for j := range w.asked {
			d.response(r, &w.asked[j], w, e, year, key, id.Content())
		}
	}
}

// identify returns the identifier of the line among the lines of this file.
func (d *decoder) identify() ingest.Identifier {
	d.fields.Reset()
	for i, at := range d.header.ordered {
		d.fields.AddBytes(d.header.labels[i], d.cells[at])
	}
	return d.ordinals.Identify(d.fields.Bytes())
}

// year is the first year of the record's financial year, "2016/17".
func (d *decoder) year(r *ingest.Record) int {
	at := d.header.at["year"]
	text := d.cells[at]
	if len(text) == 7 && text[4] == '/' {
		first, err1 := strconv.Atoi(string(text[:4]))
		last, err2 := strconv.Atoi(string(text[5:]))
		if err1 == nil && err2 == nil && first >= 2009 && first <= 2100 && (first+1)%100 == last {
			return first
		}
	}
	r.Reject(d.header.names[at], ingest.RuleNotAllowed)
	return 2009
}

// text returns a cell as a string, the same one for the same text.
func (d *decoder) text(cell []byte) string {
	if s, ok := d.texts[string(cell)]; ok {
		return s
	}
	if len(d.texts) > 10_000 {
		clear(d.texts) // never on real files
	}
	s := string(cell)
	d.texts[s] = s
	return s
}

// number reads a code of at most four digits; ok is false for anything else.
func number(cell []byte) (n int, ok bool) {
	if len(cell) == 0 || len(cell) > 4 {
		return 0, false
	}
	for _, c := range cell {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

// float reads a score or prediction; an empty cell has none.
func (d *decoder) float(r *ingest.Record, at int) *float64 {
	if at < 0 || len(d.cells[at]) == 0 {
		return nil
	}
	v, err := strconv.ParseFloat(string(d.cells[at]), 64)
	if err != nil {
		r.Reject(d.header.names[at], ingest.RuleType)
		return nil
	}
	return &v
}

// lookup finds an instrument's current definition.
func lookup(id instruments.ID) (*instruments.Definition, error) {
	def, err := instruments.Lookup(id, "")
	if err != nil {
		return nil, fmt.Errorf("the instrument %s of this format is not defined: %w", id, err)
	}
	return def, nil
}
