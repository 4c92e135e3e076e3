package instruments

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/goccy/go-yaml"
)

// A scorer turns the codes of a response into units of its score. It is called
// only with enough answered items, each in range; sum and answered are those of
// the score's items. It allocates nothing.
type scorer func(codes []int16, sum, answered int64) int64

// rules are the named ways of scoring. Each checks the parameters of a score
// and builds its scorer, once, when the definition is read.
var rules = map[string]func(s *Score, items []Item) (scorer, error){
	"sum":                sum,
	"percent_of_maximum": percentOfMaximum,
	"mean_times_items":   meanTimesItems,
	"linear_index":       linearIndex,
	"lookup_table":       lookupTable,
}

// Parameters are the constants of a score's rule, kept as written until the
// rule reads them into a type of its own.
type Parameters struct {
	raw   []byte
	value any
}

// UnmarshalYAML keeps the text for the rule.
func (p *Parameters) UnmarshalYAML(text []byte) error {
	p.raw = append([]byte(nil), text...)
	return nil
}

// MarshalJSON writes the constants as the rule read them.
func (p Parameters) MarshalJSON() ([]byte, error) { return json.Marshal(p.value) }

// IsZero reports whether the rule has no constants.
func (p Parameters) IsZero() bool { return p.value == nil }

// read decodes the text strictly into the rule's own type.
func (p *Parameters) read(into any) error {
	if len(p.raw) == 0 {
		return fmt.Errorf("parameters are missing")
	}
	if err := yaml.UnmarshalWithOptions(p.raw, into, yaml.Strict()); err != nil {
		return fmt.Errorf("parameters: %w", err)
	}
	p.value = into
	return nil
}

func (p *Parameters) none() error {
	if len(p.raw) != 0 {
		return fmt.Errorf("the rule takes no parameters")
	}
	return nil
}

// sum adds the codes. Every item must be answered: a sum of fewer is another
// score.
func sum(s *Score, _ []Item) (scorer, error) {
	if s.Missing.AtMost != 0 {
		return nil, fmt.Errorf("a sum needs every item: use mean_times_items where some may be missing")
	}
	if err := s.Parameters.none(); err != nil {
		return nil, err
	}
	unit := s.Unit
	return func(_ []int16, sum, _ int64) int64 { return sum * unit }, nil
}

// percentOfMaximum gives 100 · Σ / (highest code · answered), for items that
// all start at 0 and end at the same code.
func percentOfMaximum(s *Score, items []Item) (scorer, error) {
	if err := s.Parameters.none(); err != nil {
		return nil, err
	}
	highest := int64(items[0].Max)
	for _, it := range items {
		if it.Min != 0 || int64(it.Max) != highest {
			return nil, fmt.Errorf("items must all run from 0 to the same highest code, %s does not", it.Key)
		}
	}
	for n := s.need; n <= len(items); n++ {
		if s.Unit*100%(highest*int64(n)) != 0 {
			return nil, fmt.Errorf("unit %d does not make the score of %d answered items whole", s.Unit, n)
		}
	}
	unit := s.Unit
	return func(_ []int16, sum, answered int64) int64 { return unit * 100 * sum / (highest * answered) }, nil
}

// meanTimesItems gives the mean of the answered codes times the number of
// items, unrounded.
func meanTimesItems(s *Score, items []Item) (scorer, error) {
	if err := s.Parameters.none(); err != nil {
		return nil, err
	}
	all := int64(len(items))
	for n := s.need; n <= len(items); n++ {
		if s.Unit*all%int64(n) != 0 {
			return nil, fmt.Errorf("unit %d does not make the score of %d answered items whole", s.Unit, n)
		}
	}
	unit := s.Unit
	return func(_ []int16, sum, answered int64) int64 { return unit * all * sum / answered }, nil
}

// LinearIndex are the constants of a health-state index, in units:
//
//	index = full_health − any_above_best − any_at_worst − Σ decrements[item][level]
//
// any_above_best is taken once where any item is above its lowest code,
// any_at_worst once where any is at its highest (the N3 term of EQ-5D-3L).
type LinearIndex struct {
	FullHealth   int32     `yaml:"full_health" json:"full_health"`
	AnyAboveBest int32     `yaml:"any_above_best" json:"any_above_best,omitempty"`
	AnyAtWorst   int32     `yaml:"any_at_worst" json:"any_at_worst,omitempty"`
	Decrements   [][]int32 `yaml:"decrements" json:"decrements"`
}

func linearIndex(s *Score, items []Item) (scorer, error) {
	p := new(LinearIndex)
	if err := s.Parameters.read(p); err != nil {
		return nil, err
	}
	if s.Missing.AtMost != 0 {
		return nil, fmt.Errorf("an index needs every item")
	}
	if len(p.Decrements) != len(items) {
		return nil, fmt.Errorf("decrements: %d rows for %d items", len(p.Decrements), len(items))
	}
	for i, it := range items {
		if len(p.Decrements[i]) != levels(it) {
			return nil, fmt.Errorf("decrements of %s: %d numbers for %d levels", it.Key, len(p.Decrements[i]), levels(it))
		}
	}
	index := s.index
	return func(codes []int16, _, _ int64) int64 {
		units := int64(p.FullHealth)
		above, worst := false, false
		for i, at := range index {
			level := int(codes[at] - items[i].Min)
			units -= int64(p.Decrements[i][level])
			above = above || level > 0
			worst = worst || codes[at] == items[i].Max
		}
		if above {
			units -= int64(p.AnyAboveBest)
		}
		if worst {
			units -= int64(p.AnyAtWorst)
		}
		return units
	}, nil
}

// LookupTable is a published table of scores, in units. By "profile" it has a
// value for every combination of codes in the order of the profile as a number
// (11111, 11112, …); by "sum" one for every sum from the lowest.
type LookupTable struct {
	By     string  `yaml:"by" json:"by"`
	Values []int32 `yaml:"values" json:"values"`
}

func lookupTable(s *Score, items []Item) (scorer, error) {
	p := new(LookupTable)
	if err := s.Parameters.read(p); err != nil {
		return nil, err
	}
	if s.Missing.AtMost != 0 {
		return nil, fmt.Errorf("a look-up table is only valid for complete answers")
	}
	states, lowest, sums := 1, int64(0), 1
	for _, it := range items {
		states *= levels(it)
		sums += levels(it) - 1
		lowest += int64(it.Min)
		if states > math.MaxInt16 {
			states = math.MaxInt16 // more than any published table, so never equal below
		}
	}
	index, values := s.index, p.Values
	switch {
	case p.By == "sum" && len(values) == sums:
		return func(_ []int16, sum, _ int64) int64 { return int64(values[sum-lowest]) }, nil
	case p.By == "profile" && len(values) == states:
		return func(codes []int16, _, _ int64) int64 {
			at := 0
			for i, item := range index {
				at = at*levels(items[i]) + int(codes[item]-items[i].Min)
			}
			return int64(values[at])
		}, nil
	case p.By != "sum" && p.By != "profile":
		return nil, fmt.Errorf("by: want profile or sum")
	}
	return nil, fmt.Errorf("values: %d numbers, want %d by profile or %d by sum", len(values), states, sums)
}

func levels(it Item) int { return int(it.Max) - int(it.Min) + 1 }
