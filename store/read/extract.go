package read

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/lumbar-health/lumbar/store/schema"
)

// ErrListReplaced says that the list of opt-outs, by which an extract was to be
// filtered, was replaced meanwhile: the same extract can be asked for again.
var ErrListReplaced = errors.New("the list of opt-outs was replaced meanwhile: ask again")

// listReplaced is how the engine says so.
const listReplaced = "lumbar: list replaced"

// ErrNoColumns says that there is no such table or programme to extract.
var ErrNoColumns = errors.New("there is no such table or programme")

// Extract says what an extract reads.
type Extract struct {
	Table     string // one of ExtractTables
	Programme string // empty: all
	// OptOuts is the list whose people are left out, with all their rows; nil
	// leaves out nobody.
	OptOuts *List
	// Full adds what an extract for research does not hold: the moments behind
	// the days, and the senders' own identifiers.
	Full bool
	// Order is a random key. Rows stand in an order that it makes, each person's
	// together: the order of the store would tell which row of two extracts is
	// whose.
	Order [2]uint64
}

// ExtractTables are the tables that can be extracted.
func ExtractTables() []string { return []string{"outcome", "response", "score", "episode", "event"} }

// Key columns of an extract, as the store has them: the patient as 16 bytes, the
// others as numbers. Whoever extracts replaces them.
var extractKeys = []string{"patient_id", "episode_id", "response_id", "event_id", "prior_episode_id"}

// ExtractKeys are the names of the columns that identify somebody or something.
func ExtractKeys() []string { return slices.Clone(extractKeys) }

// Extracts reads rows of people, one table at a time.
type Extracts struct {
	reader  *Reader
	streams *streams
}

// NewExtracts returns the reader of extracts beside a reader of answers, to which
// it lends its streams: questions about people read them the same way.
func NewExtracts(r *Reader, at HTTP) *Extracts {
	r.streams = newStreams(at)
	return &Extracts{r, r.streams}
}

// Close releases the idle connections.
func (x *Extracts) Close() { x.streams.client.CloseIdleConnections() }

// cellsAtOnce bounds the cells of one record.
const cellsAtOnce = 1 << 20

// Read hands the extract's rows to each, as records in the columns of the
// statement. All of them are of one moment: the engine reads one snapshot. The
// first record comes once the engine is ready to send, and has no rows.
func (x *Extracts) Read(ctx context.Context, e Extract, each func(arrow.Record) error) error {
	switches := x.reader.Switches()
	s := newStatement(x.reader.catalogue())
	leave, err := x.reader.enter(s)
	if err != nil {
		return err
	}
	leave() // a long extract must not keep a switch, nor those behind it, waiting
	text, columns, err := s.extract(e)
	if err != nil {
		return err
	}
	first := true
	err = x.streams.read(ctx, s, text, min(max(cellsAtOnce/columns, 256), 32_768), func(rec arrow.Record) error {
		if first && x.reader.Switches() != switches {
			return ErrSwitched // its numbers may be in the units of another algorithm
		}
		first = false // the engine has its snapshot: a later switch is none of its business
		return each(rec)
	})
	if err != nil {
		return fmt.Errorf("store: extract %s: %w", e.Table, err)
	}
	return nil
}

// extract writes the statement of an extract, and says how many columns it has.
func (s *statement) extract(e Extract) (text string, columns int, err error) {
	var p *schema.Programme
	for i := range s.catalogue.Programmes {
		if s.catalogue.Programmes[i].ID == e.Programme {
			p = &s.catalogue.Programmes[i]
		}
	}
	if e.Programme != "" && p == nil {
		return "", 0, ErrNoColumns
	}
	people := "1"
	if l := e.OptOuts; l != nil {
		version := s.version(*l)
		// A list of which a row is missing would release its person.
		people = "patient_id NOT IN (SELECT patient_id FROM opt_out WHERE version = " + version + ")" +
			" AND throwIf((SELECT count() FROM opt_out WHERE version = " + version + ") != " + s.bind("UInt64", fmt.Sprint(l.Rows)) + ", '" + listReplaced + "') = 0"
	}
	id, list, from, err := s.extractTable(e, p, people)
	if err != nil {
		return "", 0, err
	}
	if e.Programme != "" {
		from += " AND programme = " + s.text(e.Programme)
	}
	key := "(" + s.bind("UInt64", fmt.Sprint(e.Order[0])) + ", " + s.bind("UInt64", fmt.Sprint(e.Order[1])) + ")"
	expressions := make([]string, len(list))
	for i, c := range list {
		expressions[i] = c.value + " AS " + schema.Quote("out_"+c.name)
	}
	named := make([]string, len(list))
	for i, c := range list {
		named[i] = schema.Quote("out_"+c.name) + " AS " + schema.Quote(c.name)
	}
	text = "SELECT " + strings.Join(named, ", ") + " FROM (SELECT " + strings.Join(expressions, ", ") +
		", sipHash128Keyed(" + key + ", patient_id) AS order_person, sipHash64Keyed(" + key + ", " + id + ") AS order_row " + from +
		" ORDER BY order_person, order_row)"
	return text, len(list), nil
}
