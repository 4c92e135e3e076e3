package instruments

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
)

// rule is how a score is computed, one of two ways. Neither allocates.
type rule struct {
	// units turns the codes into units of the score. It is called only with
	// enough answered items, each in range; sum and answered are those of the
	// score's items.
	units func(codes []int16, sum, answered int64) int64
	// judge fills in the rest of out, whose counts are there already, where
	// the rule decides itself what it can do with the answers. It is not
	// called for an invalid response.
	judge func(a *Administration, out *Scored)
}

// rules are the named ways of scoring. Each checks the parameters of a score
// and builds its rule, once, when the definition is read.
var rules = map[string]func(s *Score, items []Item) (rule, error){
	"sum":                sum,
	"sum_of_points":      sumOfPoints,
	"percent_of_maximum": percentOfMaximum,
	"mean_times_items":   meanTimesItems,
	"linear_index":       linearIndex,
	"lookup_table":       lookupTable,
	"profile_number":     profileNumber,
	"startback_risk":     startbackRisk,
	"wpai":               wpai,
	"cauda_equina":       caudaEquina,
	"mapped":             mapped,
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
func sum(s *Score, _ []Item) (rule, error) {
	if s.Missing.AtMost != 0 {
		return rule{}, fmt.Errorf("a sum needs every item: use mean_times_items where some may be missing")
	}
	if err := s.Parameters.none(); err != nil {
		return rule{}, err
	}
	unit := s.Unit
	return rule{units: func(_ []int16, sum, _ int64) int64 { return sum * unit }}, nil
}

// Points are the constants of a sum in which a code does not count itself: for
// an item's key its points for each code from the lowest on.
type Points struct {
	Points map[string][]int32 `yaml:"points" json:"points"`
}

// table lists the points of each item's codes in the order of items; an item
// that is not named counts its code.
func (p *Points) table(items []Item) ([][]int32, error) {
	known := map[string]bool{}
	table := make([][]int32, len(items))
	for i, it := range items {
		known[it.Key] = true
		table[i] = p.Points[it.Key]
		if table[i] == nil {
			for code := it.Min; code <= it.Max; code++ {
				table[i] = append(table[i], int32(code))
			}
		}
		if len(table[i]) != levels(it) {
			return nil, fmt.Errorf("points of %s: %d numbers for %d codes", it.Key, len(table[i]), levels(it))
		}
	}
	for key := range p.Points {
		if !known[key] {
			return nil, fmt.Errorf("points of %s: the score has no such item", key)
		}
	}
	return table, nil
}

// sumOfPoints adds the points of the codes. Every item must be answered.
func sumOfPoints(s *Score, items []Item) (rule, error) {
	p := new(Points)
	if err := s.Parameters.read(p); err != nil {
		return rule{}, err
	}
	if s.Missing.AtMost != 0 {
		return rule{}, fmt.Errorf("a sum needs every item")
	}
	table, err := p.table(items)
	if err != nil {
		return rule{}, err
	}
	index, unit := s.index, s.Unit
	return rule{units: func(codes []int16, _, _ int64) int64 {
		var units int64
		for i, at := range index {
			units += unit * int64(table[i][codes[at]-items[i].Min])
		}
		return units
	}}, nil
}

// profileNumber writes the codes as the digits of one number.
func profileNumber(s *Score, items []Item) (rule, error) {
	if err := s.Parameters.none(); err != nil {
		return rule{}, err
	}
	if !s.Nominal || s.Missing.AtMost != 0 || s.Unit != 1 || len(items) > 9 {
		return rule{}, fmt.Errorf("a profile is nominal, has unit 1, at most nine items and needs them all")
	}
	for _, it := range items {
		if it.Min < 0 || it.Max > 9 {
			return rule{}, fmt.Errorf("item %s: a digit is 0 to 9", it.Key)
		}
	}
	index := s.index
	return rule{units: func(codes []int16, _, _ int64) int64 {
		var number int64
		for _, at := range index {
			number = number*10 + int64(codes[at])
		}
		return number
	}}, nil
}

// percentOfMaximum gives 100 · Σ / (highest code · answered), for items that
// all start at 0 and end at the same code.
func percentOfMaximum(s *Score, items []Item) (rule, error) {
	if err := s.Parameters.none(); err != nil {
		return rule{}, err
	}
	highest := int64(items[0].Max)
	for _, it := range items {
		if it.Min != 0 || int64(it.Max) != highest {
			return rule{}, fmt.Errorf("items must all run from 0 to the same highest code, %s does not", it.Key)
		}
	}
	for n := s.need; n <= len(items); n++ {
		if s.Unit*100%(highest*int64(n)) != 0 {
			return rule{}, fmt.Errorf("unit %d does not make the score of %d answered items whole", s.Unit, n)
		}
	}
	unit := s.Unit
	return rule{units: func(_ []int16, sum, answered int64) int64 { return unit * 100 * sum / (highest * answered) }}, nil
}

// Rounding is the constant of a mean that the instrument's own rule rounds.
type Rounding struct {
	Round string `yaml:"round" json:"round"`
}

// meanTimesItems gives the mean of the answered codes times the number of
// items, unrounded, or by round: half_up to a whole number.
func meanTimesItems(s *Score, items []Item) (rule, error) {
	all, unit := int64(len(items)), s.Unit
	if len(s.Parameters.raw) > 0 {
		p := new(Rounding)
		if err := s.Parameters.read(p); err != nil {
			return rule{}, err
		}
		if p.Round != "half_up" || unit != 1 {
			return rule{}, fmt.Errorf("round: want half_up, with a unit of 1")
		}
		for _, it := range items {
			if it.Min < 0 {
				return rule{}, fmt.Errorf("round: %s has negative codes", it.Key)
			}
		}
		return rule{units: func(_ []int16, sum, answered int64) int64 { return (2*all*sum + answered) / (2 * answered) }}, nil
	}
	for n := s.need; n <= len(items); n++ {
		if s.Unit*all%int64(n) != 0 {
			return rule{}, fmt.Errorf("unit %d does not make the score of %d answered items whole", s.Unit, n)
		}
	}
	return rule{units: func(_ []int16, sum, answered int64) int64 { return unit * all * sum / answered }}, nil
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

func linearIndex(s *Score, items []Item) (rule, error) {
	p := new(LinearIndex)
	if err := s.Parameters.read(p); err != nil {
		return rule{}, err
	}
	if s.Missing.AtMost != 0 {
		return rule{}, fmt.Errorf("an index needs every item")
	}
	if len(p.Decrements) != len(items) {
		return rule{}, fmt.Errorf("decrements: %d rows for %d items", len(p.Decrements), len(items))
	}
	for i, it := range items {
		if len(p.Decrements[i]) != levels(it) {
			return rule{}, fmt.Errorf("decrements of %s: %d numbers for %d levels", it.Key, len(p.Decrements[i]), levels(it))
		}
	}
	index := s.index
	return rule{units: func(codes []int16, _, _ int64) int64 {
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
	}}, nil
}

// LookupTable is a published table of scores, in units. By "profile" it has a
// value for every combination of codes in the order of the profile as a number
// (11111, 11112, …); by "sum" one for every sum from the lowest.
type LookupTable struct {
	By     string    `yaml:"by" json:"by"`
	Values UnitTable `yaml:"values" json:"values"`
}

// UnitTable is a list of units. In a file it is a list, or, where it is long, a
// text of numbers, which is read without a YAML node for each.
type UnitTable []int32

// UnmarshalYAML reads either form.
func (u *UnitTable) UnmarshalYAML(read func(any) error) error {
	var text string
	if read(&text) != nil {
		return read((*[]int32)(u))
	}
	for field := range strings.FieldsSeq(text) {
		n, err := strconv.ParseInt(field, 10, 32)
		if err != nil {
			return fmt.Errorf("values: %q is no whole number of units", field)
		}
		*u = append(*u, int32(n))
	}
	return nil
}

func lookupTable(s *Score, items []Item) (rule, error) {
	p := new(LookupTable)
	if err := s.Parameters.read(p); err != nil {
		return rule{}, err
	}
	if s.Missing.AtMost != 0 {
		return rule{}, fmt.Errorf("a look-up table is only valid for complete answers")
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
		return rule{units: func(_ []int16, sum, _ int64) int64 { return int64(values[sum-lowest]) }}, nil
	case p.By == "profile" && len(values) == states:
		return rule{units: func(codes []int16, _, _ int64) int64 {
			at := 0
			for i, item := range index {
				at = at*levels(items[i]) + int(codes[item]-items[i].Min)
			}
			return int64(values[at])
		}}, nil
	case p.By != "sum" && p.By != "profile":
		return rule{}, fmt.Errorf("by: want profile or sum")
	}
	return rule{}, fmt.Errorf("values: %d numbers, want %d by profile or %d by sum", len(values), states, sums)
}

func levels(it Item) int { return int(it.Max) - int(it.Min) + 1 }
