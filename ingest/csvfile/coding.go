package csvfile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/wire"
	"github.com/lumbar-health/lumbar/instruments"
)

// headSize is how much of a source is looked at before its first record is
// read.
const headSize = 256 << 10

// opened is a source whose header was read.
type opened struct {
	names []string
	scan  *scanner
	head  []byte // the first bytes with the header
	all   bool   // which is all there is
}

// open reads the header of a source.
func open(name string, in *bufio.Reader, m *mapping, known func(string) bool) (opened, error) {
	text, err := utf8Reader(name, in, m.Encoding)
	if err != nil {
		return opened{}, err
	}
	head, err := text.Peek(headSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return opened{}, fmt.Errorf("%s can not be read: %w", name, err)
	}
	o := opened{head: bytes.Clone(head), all: err != nil}
	o.names, o.scan, err = readHeader(name, text, o.head, m, known)
	return o, err
}

// What must be seen of an instrument before its coding is judged: so many
// responses, with so many answers, and so many of them with a code beyond the
// range. One slip of the pen is none of a file's coding.
const (
	fewestResponses = 5
	fewestAnswers   = 30
	fewestBeyond    = 2
)

// coding counts the codes of an instrument's responses.
type coding struct {
	responses, answers int
	lowest, highest    int // codes at an end of their item's range
	below, over        int // responses with a code one beyond it
}

// checkCoding refuses a source whose answers are coded one off, 1 to 6 where
// items have 0 to 5. Each row with a 6 would be refused for it, but those
// without one would be stored with every answer shifted: only the file as a
// whole shows it. A mapping's code table puts it right.
func (d *Decoder) checkCoding(name string, o opened) error {
	seen := map[*instruments.Definition]*coding{}
	s := newScanner(bytes.NewReader(o.head), o.scan.comma)
	for first := true; ; first = false {
		how, err := s.record()
		if err != nil || !o.all && s.at == len(s.buf) && s.ended {
			break // the last one may go on
		}
		if first || how != whole || len(s.cells) != len(d.names) {
			continue
		}
		d.lines.cells = s.cells
		for i := range d.lines.plan.rows {
			p := &d.lines.plan.rows[i]
			if p.kind&^wire.KindResponse == 0 && d.lines.exists(p) {
				d.lines.read(p, &d.row, nil)
				count(seen, &d.row)
			}
		}
	}
	for _, def := range instruments.All() { // in one order, whatever the file has
		if c := seen[def]; c != nil && c.off() {
			return &ingest.FileError{
				Source: name, Wrong: fmt.Sprintf("seems to have the answers to %s coded one off: some are one beyond the items' range and none is at its other end", def.ID),
				Advice: "give a mapping file with a table of codes, see docs/csv.md; nothing of it was stored",
			}
		}
	}
	return nil
}

// off reports whether the responses look coded one off.
func (c *coding) off() bool {
	return c.responses >= fewestResponses && c.answers >= fewestAnswers &&
		(c.over >= fewestBeyond && c.lowest == 0 || c.below >= fewestBeyond && c.highest == 0)
}

// count counts the codes of a response.
func count(seen map[*instruments.Definition]*coding, row *wire.Row) {
	if len(row.Codes) == 0 || row.Answers != nil {
		return
	}
	def, err := instruments.Lookup(instruments.ID(row.Instrument), row.InstrumentVersion)
	if err != nil {
		return
	}
	c := seen[def]
	if c == nil {
		c = new(coding)
		seen[def] = c
	}
	c.responses++
	below, over := 0, 0
	for i, code := range row.Codes[:min(len(row.Codes), len(def.Items))] {
		it := def.Items[i]
		if it.Hundredths || it.Optional || code == instruments.Missing {
			continue
		}
		c.answers++
		switch code {
		case it.Min:
			c.lowest++
		case it.Max:
			c.highest++
		case it.Min - 1:
			below = 1
		case it.Max + 1:
			over = 1
		}
	}
	c.below += below
	c.over += over
}

// names returns what knows the columns that the mapping names.
func (m *mapping) names() func(string) bool {
	keys := map[string]bool{}
	add := func(names []string) {
		list, err := expand(names)
		if err != nil {
			return // it was checked
		}
		for _, name := range list {
			keys[key(name)] = true
		}
	}
	add(m.Ignore)
	for i := range m.Rows {
		add(m.Rows[i].OnlyIf)
		for _, f := range m.Rows[i].Fields {
			add([]string{f.Column})
		}
		for j := range m.Rows[i].Items {
			add(m.Rows[i].Items[j].Columns)
		}
	}
	delete(keys, "")
	return func(name string) bool { return keys[key(name)] }
}

// utf8Reader returns the source as UTF-8 and without the mark of its beginning.
func utf8Reader(name string, in *bufio.Reader, encoding string) (*bufio.Reader, error) {
	start, err := in.Peek(len(bom))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s can not be read: %w", name, err)
	}
	for _, mark := range [][]byte{{0xff, 0xfe}, {0xfe, 0xff}} {
		if bytes.HasPrefix(start, mark) {
			return nil, &ingest.FileError{Source: name, Wrong: "is UTF-16", Advice: "save it as CSV UTF-8"}
		}
	}
	if slices.Equal(start, bom) {
		if encoding == encodingWindows {
			return nil, &ingest.FileError{Source: name, Wrong: "is UTF-8, but the mapping declares Windows-1252", Advice: "take encoding out of the mapping"}
		}
		if _, err := in.Discard(len(bom)); err != nil {
			return nil, fmt.Errorf("%s can not be read: %w", name, err)
		}
	}
	return bufio.NewReaderSize(decoded(in, encoding), headSize), nil
}
