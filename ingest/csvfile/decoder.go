package csvfile

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/wire"
	"github.com/lumbar-health/lumbar/instruments"
)

// Name is the name of the format.
const Name = "csv"

// Format returns the format of CSV and TSV files.
func Format() ingest.Format {
	return ingest.Format{Name: Name, Detect: detect, Maps: true, Open: func(in ingest.Input) (ingest.Decoder, error) { return NewDecoder(in) }, Reopen: reopen}
}

// Decoder reads the rows of a table, line by line.
type Decoder struct {
	scan      *scanner
	lines     lineReader
	converter *wire.Converter
	mapped    bool
	names     []string // of the columns, in one spelling
	order     []int    // columns in the order of their names
	row       wire.Row
	how       state
}

// NewDecoder reads the header. A column that is no field and no covariate of a
// programme, or that the mapping does not name, refuses the source.
func NewDecoder(in ingest.Input) (*Decoder, error) {
	m := new(mapping)
	if len(in.Mapping) > 0 {
		var err error
		if m, err = readMapping(in.Mapping); err != nil {
			return nil, err
		}
	}
	return newDecoder(in, m)
}

func newDecoder(in ingest.Input, m *mapping) (*Decoder, error) {
	d := &Decoder{converter: wire.NewConverter(in.Setting), mapped: len(in.Mapping) > 0}
	covariates := covariatesOf(&in.Setting)
	known := func(name string) bool {
		_, ok := canonical(name, covariates)
		return ok
	}
	if d.mapped {
		known = m.names()
	}
	source, err := open(in.Name, in.Reader, m, known)
	if err != nil {
		return nil, err
	}
	d.scan = source.scan
	p, err := d.bind(in, m, source.names, covariates)
	if err != nil {
		return nil, err
	}
	d.lines = lineReader{plan: p, setting: in.Setting, texts: map[string]string{}}
	d.order = make([]int, len(d.names))
	for i := range d.order {
		d.order[i] = i
	}
	slices.SortStableFunc(d.order, func(a, b int) int { return strings.Compare(d.names[a], d.names[b]) })
	return d, d.checkCoding(in.Name, source)
}

func (d *Decoder) bind(in ingest.Input, m *mapping, names []string, covariates map[string]string) (plan, error) {
	if d.mapped {
		d.names = names
		return m.bind(in.Name, names, &in.Setting)
	}
	for _, name := range names {
		field, _ := canonical(name, covariates)
		d.names = append(d.names, field)
	}
	return planOf(in.Name, names, &in.Setting)
}

// Next fills rec with the rows of the next line. A line without any value is
// none.
func (d *Decoder) Next(rec *ingest.Record) error {
	for {
		how, err := d.scan.record()
		if errors.Is(err, io.EOF) {
			return io.EOF
		}
		if err != nil {
			return fmt.Errorf("line %d can not be read: %w", d.scan.line, err)
		}
		if d.how = how; how != whole || slices.ContainsFunc(d.scan.cells, func(c []byte) bool { return len(c) > 0 }) {
			break
		}
	}
	rec.Line = d.scan.line
	switch {
	case d.how == tooLong:
		rec.Reject("line", ingest.RuleTooLong)
	case d.how == broken:
		rec.Reject("line", ingest.RuleMalformed)
	case len(d.scan.cells) != len(d.names):
		rec.Reject("line", ingest.RuleColumns)
	case !utf8.Valid(d.scan.raw):
		rec.Reject("line", ingest.RuleEncoding)
		d.lines.cells = d.scan.cells
		d.flag(rec)
		return nil
	default:
		d.lines.cells = d.scan.cells
		d.read(rec)
		return nil
	}
	d.flagUnreadable(rec)
	return nil
}

// read makes the rows of a line. They are stored or refused together.
func (d *Decoder) read(rec *ingest.Record) {
	id := ""
	for i := range d.lines.plan.rows {
		p := &d.lines.plan.rows[i]
		if !d.lines.exists(p) {
			continue
		}
		before := len(rec.Reasons)
		d.lines.read(p, &d.row, rec)
		if id == "" {
			id = d.row.Value
		}
		if len(rec.Reasons) == 0 {
			d.converter.Convert(&d.row, rec)
			for j := before; j < len(rec.Reasons); j++ {
				rec.Reasons[j].Field = p.prefix + rec.Reasons[j].Field
			}
		}
	}
	rec.ID = id
	if len(rec.Reasons) > 0 {
		d.flag(rec)
	}
}

// flag looks at the answers of a refused line, whatever kind of row it says it
// is.
func (d *Decoder) flag(rec *ingest.Record) {
	for i := range d.lines.plan.rows {
		p := &d.lines.plan.rows[i]
		if p.kind&^wire.KindResponse != 0 || !d.lines.exists(p) {
			continue
		}
		d.lines.read(p, &d.row, nil)
		wire.FlagRow(&d.row, rec)
	}
}

// flagUnreadable flags a line without cells where it may be of an instrument
// with safety questions: the mapping says so, or the line names it.
func (d *Decoder) flagUnreadable(rec *ingest.Record) {
	text := bytes.ToLower(d.scan.raw)
	for _, def := range instruments.All() {
		if !def.Current || len(def.Safety) == 0 {
			continue
		}
		if d.lines.plan.names(def.ID) || hasWord(text, string(def.ID)) {
			rec.Flag(instruments.SafetyFlags(def.ID, nil)...)
		}
	}
}

// names reports whether a row of the plan is of the instrument whatever the
// line says.
func (p *plan) names(id instruments.ID) bool {
	for i := range p.rows {
		for _, b := range p.rows[i].fields {
			if b.name == "instrument" && b.value == string(id) {
				return true
			}
		}
	}
	return false
}

// hasWord reports whether the text has the word between signs that are no
// letters and digits.
func hasWord(text []byte, word string) bool {
	for {
		at := bytes.Index(text, []byte(word))
		if at < 0 {
			return false
		}
		end := at + len(word)
		if (at == 0 || !inWord(text[at-1])) && (end == len(text) || !inWord(text[end])) {
			return true
		}
		text = text[end:]
	}
}

func inWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_'
}

// Quote returns the line below its header: a file of this format with one
// record, its columns in alphabetical order. Without a mapping those that are
// empty are left out, but for the last item. A line that has no cells is returned as it came.
func (d *Decoder) Quote() (body []byte, complete bool) {
	if d.how == tooLong {
		return nil, false
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	var head, cells []string
	if d.how == broken || len(d.scan.cells) != len(d.names) {
		_ = w.Write(d.names) // a buffer takes everything
		w.Flush()
		b.Write(bytes.TrimRight(d.scan.raw, "\r\n"))
		b.WriteByte('\n')
		return b.Bytes(), true
	}
	for _, i := range d.order {
		if d.mapped || len(d.scan.cells[i]) > 0 || d.lines.plan.lastItem(i) {
			head, cells = append(head, d.names[i]), append(cells, string(d.scan.cells[i]))
		}
	}
	_ = w.WriteAll([][]string{head, cells})
	return b.Bytes(), w.Error() == nil
}
