package cohort

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/queries/disclosure"
	"github.com/lumbar-health/lumbar/store/read"
)

// Measure is one score at one follow-up.
type Measure struct {
	// Name is what the answer calls it: the instrument, or the score's column
	// where that was asked for.
	Name      string
	Score     *instruments.Score
	Timepoint string
}

// Baseline is the outcome column of the score at baseline.
func (m Measure) Baseline() string { return m.Score.Column() + "_" + programme.Baseline }

// FollowUp is the outcome column of the score at the follow-up.
func (m Measure) FollowUp() string { return m.Score.Column() + "_" + m.Timepoint }

// Predicted is the outcome column of a prediction that came with the record.
func (m Measure) Predicted() string { return m.FollowUp() + "_predicted" }

func (m Measure) scale() disclosure.Scale {
	return disclosure.Scale{Min: m.Score.Min, Max: m.Score.Max}
}

// notes say which of several value sets an index is by: the same answers have
// another one under each. And they say of what no mean change should be read.
func (r Request) notes() (notes []string) {
	for _, m := range r.Measures {
		if m.Score.ValueSet != "" {
			notes = append(notes, fmt.Sprintf("%s is the index under value set %s.", m.Name, m.Score.ValueSet))
		}
		if d, err := instruments.Lookup(m.Score.Instrument, ""); err == nil && d.Stratifier {
			notes = append(notes, fmt.Sprintf("%s tells risks apart and is no outcome: read how its classes change, not a mean.", m.Name))
		}
	}
	return notes
}

func (m Measure) sign() float64 { return m.Score.Direction.Sign() }

// Request is a question about groups of people.
type Request struct {
	Programme *programme.Programme
	Measures  []Measure
	Year      int // 0: all
	By        []string
	Level     float64
}

// procedure and year are the strata of a reference, provider the cluster.
const (
	dimProcedure    = "procedure"
	dimYear         = "year"
	dimProvider     = "provider"
	dimIntervention = "intervention"
)

// asked are the procedures whose people are asked the measure; nil where the
// programme has none or all are.
func asked(p *programme.Programme, m Measure) []string {
	var keys []string
	for _, q := range p.Procedures {
		if p.Asks(m.Score.Instrument, q.Key) {
			keys = append(keys, q.Key)
		}
	}
	if len(keys) == len(p.Procedures) {
		return nil
	}
	return keys
}

// eligible holds for the episodes that are asked the measure.
func eligible(p *programme.Programme, m Measure) read.And {
	keys := asked(p, m)
	if keys == nil {
		return read.And{}
	}
	return read.And{read.Compare{Column: dimProcedure, Op: read.In, Values: texts(keys)}}
}

// inYear adds the filter on the financial year.
func inYear(where read.And, year int) read.And {
	if year == 0 {
		return where
	}
	return append(slices.Clone(where), read.Compare{Column: dimYear, Op: read.Eq, Values: []read.Value{{Number: float64(year)}}})
}

// present holds where all columns have a value.
func present(where read.And, columns []string) read.And {
	where = slices.Clone(where)
	for _, c := range columns {
		where = append(where, read.Present{Column: c})
	}
	return where
}

// strata are the dimensions within which a reference is taken.
func strata(p *programme.Programme) []string {
	dims := []string{dimYear}
	if len(p.Procedures) > 0 {
		dims = []string{dimProcedure, dimYear}
	}
	return dims
}

// union appends the dimensions that are not there yet.
func union(dims []string, more ...string) []string {
	out := slices.Clone(dims)
	for _, d := range more {
		if !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	return out
}

// fills says whether the programme's episodes have the dimension.
func fills(p *programme.Programme, dim string) bool { return slices.Contains(p.Dimensions, dim) }

// pick takes the values of some dimensions out of a key over all.
func pick(key, all, dims []string) []string {
	out := make([]string, len(dims))
	for i, d := range dims {
		out[i] = key[slices.Index(all, d)]
	}
	return out
}

// shown turns a group's key into cells: numbers for whole-number dimensions,
// nil where the value is not known.
func shown(by, key []string) []any {
	out := make([]any, len(key))
	for i, v := range key {
		d, _ := programme.LookupDimension(by[i])
		n, err := strconv.ParseInt(v, 10, 64)
		switch {
		case v == "":
		case d.Kind == programme.KindInteger && err == nil:
			out[i] = n
		default:
			out[i] = v
		}
	}
	return out
}

// inOrder compares keys value by value: numbers by size, the rest by letter,
// unknown last.
func inOrder(a, b []string) int {
	for i := range a {
		if a[i] == b[i] {
			continue
		}
		if a[i] == "" || b[i] == "" {
			return strings.Compare(b[i], a[i])
		}
		x, errx := strconv.ParseFloat(a[i], 64)
		y, erry := strconv.ParseFloat(b[i], 64)
		if errx == nil && erry == nil && x != y {
			if x < y {
				return -1
			}
			return 1
		}
		return strings.Compare(a[i], b[i])
	}
	return 0
}

// cohorts starts the ledger's view of a grouping: the dimensions, a year that
// was filtered on among them, sorted.
func cohorts(p *programme.Programme, who disclosure.People, dims []string, year int) disclosure.Cohorts {
	if year != 0 {
		dims = union(dims, dimYear)
	}
	sorted := slices.Clone(dims)
	slices.Sort(sorted)
	return disclosure.Cohorts{Programme: p.ID, People: who, Dims: sorted, Cells: map[string]int64{}}
}

// cell is the ledger's key of a group.
func cell(c disclosure.Cohorts, by, key []string, year int) string {
	values := make([]string, len(c.Dims))
	for i, d := range c.Dims {
		if at := slices.Index(by, d); at >= 0 {
			values[i] = key[at]
		} else {
			values[i] = strconv.Itoa(year)
		}
	}
	return disclosure.CellKey(values)
}
