package schema

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/programme"
)

// Catalogue is the Go list of what outcome holds: the columns that every
// programme has, and those that the registered programmes add. Every identifier
// in a statement comes from it.
type Catalogue struct {
	Programmes []Programme
	table      string   // of a frame; empty: outcome
	columns    []Column // in the order of the derivation
	covariates []Column
	byName     map[string]int
	of         []*programme.Programme
	scoring    Scoring
	// former are scores of algorithms that the program no longer has, as far as
	// their rows tell: enough to leave outcome as it is until a re-score. Nil
	// where all must be known.
	former map[instruments.ID][]*instruments.Score
}

// Programme is what the derivation needs to know of one programme.
type Programme struct {
	ID         string
	Timepoints []programme.Timepoint
	Scores     []ScoreColumn
	Covariates []string
	Predicted  bool // a prediction comes with each follow-up score
}

// ScoreColumn is one score of a programme and what is current for it.
type ScoreColumn struct {
	Column    string // stem of the outcome columns
	Name      string // score.score
	Algorithm string
	ValueSet  string
	Float     bool // the score has no unit
	// Score is the one that is current: its unit and rules hold for the column.
	Score *instruments.Score
}

// names are what programmes and instruments may call a column, a timepoint, an
// algorithm or themselves: no quoting can be needed for them.
var names = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)

// NewCatalogue lists the columns of the programmes, under the algorithms and
// value sets of the definitions. It fails where two of them declare one column
// in two ways.
func NewCatalogue(programmes []*programme.Programme) (*Catalogue, error) {
	return newCatalogue(programmes, nil, nil)
}

// With returns the catalogue of the same programmes where other choices are
// current.
func (c *Catalogue) With(changes Scoring) (*Catalogue, error) {
	all := maps.Clone(c.scoring)
	maps.Copy(all, changes)
	return newCatalogue(c.of, all, c.former)
}

// newCatalogue lists the columns under the choices; what has none follows the
// other programmes, or the definitions.
func newCatalogue(programmes []*programme.Programme, chosen Scoring, former map[instruments.ID][]*instruments.Score) (*Catalogue, error) {
	c := &Catalogue{byName: map[string]int{}, of: programmes, scoring: Scoring{}, former: former}
	maps.Copy(c.scoring, chosen)
	for _, col := range baseColumns() {
		if err := c.add(col); err != nil {
			return nil, err
		}
	}
	for _, p := range programmes {
		if err := c.addCovariates(p); err != nil {
			return nil, err
		}
	}
	for _, p := range programmes {
		if err := c.addProgramme(p); err != nil {
			return nil, err
		}
	}
	return c, c.checkVirtual()
}

func (c *Catalogue) addCovariates(p *programme.Programme) error {
	for _, v := range p.Covariates {
		if c.taken(v.Name) {
			return fmt.Errorf("schema: programme %s: the name of covariate %s is taken: choose another", p.ID, v.Name)
		}
		col := Column{Name: v.Name, Type: typeText, Kind: Text, Zero: true}
		if v.Kind == programme.Integer {
			bound := max(int64(v.Max), -int64(v.Min))
			col = Column{Name: v.Name, Type: typeUnits, Kind: Integer, Unit: 1, Bound: bound, Nullable: true}
		}
		_, known := c.byName[v.Name]
		if err := c.add(col); err != nil {
			return fmt.Errorf("schema: programme %s, covariate %s: %w", p.ID, v.Name, err)
		}
		if !known {
			c.covariates = append(c.covariates, col)
		}
	}
	return nil
}

// taken says whether a name means something else than a covariate.
func (c *Catalogue) taken(name string) bool {
	_, known := c.byName[name]
	covariate := slices.ContainsFunc(c.covariates, func(o Column) bool { return o.Name == name })
	return known && !covariate || programme.Reserved(name)
}

func (c *Catalogue) addProgramme(p *programme.Programme) error {
	if !names.MatchString(p.ID) {
		return fmt.Errorf("schema: programme %q: a name is letters, digits, _ . and -", p.ID)
	}
	out := Programme{ID: p.ID, Timepoints: p.Timepoints, Predicted: p.Expected == programme.ExpectedFromRecord}
	for _, v := range p.Covariates {
		out.Covariates = append(out.Covariates, v.Name)
	}
	for _, id := range p.Instruments {
		scores, err := c.current(p.ID, id)
		if err != nil {
			return err
		}
		for _, s := range scores {
			out.Scores = append(out.Scores, ScoreColumn{
				Column: s.Column(), Name: s.Name, Algorithm: s.Algorithm, ValueSet: s.ValueSet, Float: s.Unit <= 0, Score: s,
			})
			for _, t := range p.Timepoints {
				if err := c.addScore(s, t.Key, out.Predicted); err != nil {
					return fmt.Errorf("schema: programme %s, score %s at %s: %w", p.ID, s.Column(), t.Key, err)
				}
			}
		}
	}
	c.Programmes = append(c.Programmes, out)
	return nil
}

// current returns the scores of an instrument that are current in a programme,
// by column, and notes the choices behind them.
func (c *Catalogue) current(id string, instrument instruments.ID) ([]*instruments.Score, error) {
	all := append(scoresOf(instrument), c.former[instrument]...)
	var out []*instruments.Score
	for _, name := range namesOf(all) {
		choice, ok := c.choice(id, instrument, name)
		if !ok {
			continue
		}
		columns, known := underAlgorithm(all, name, choice.Algorithm)
		has := slices.ContainsFunc(columns, func(s *instruments.Score) bool { return s.ValueSet == choice.ValueSet })
		if !known || !has && c.former == nil {
			return nil, &UnavailableError{Programme: id, Score: name, Choice: choice, Instrument: instrument, algorithm: !known}
		}
		c.scoring[Name{id, name}] = choice
		out = append(out, columns...)
	}
	slices.SortFunc(out, func(a, b *instruments.Score) int { return strings.Compare(a.Column(), b.Column()) })
	return out, nil
}

// choice is what is current for a name. A programme that has no row yet takes
// the algorithm of the others: they share the columns of outcome.
func (c *Catalogue) choice(id string, instrument instruments.ID, name string) (Choice, bool) {
	if chosen, ok := c.scoring[Name{id, name}]; ok {
		return chosen, true
	}
	own, ok := ownChoice(instrument, name)
	for _, p := range c.of {
		if chosen, has := c.scoring[Name{p.ID, name}]; ok && has {
			own.Algorithm = chosen.Algorithm
		}
	}
	return own, ok
}

func (c *Catalogue) addScore(s *instruments.Score, timepoint string, predicted bool) error {
	stem := s.Column() + "_" + timepoint
	col := Column{Name: stem, Type: typeFloat, Kind: Float, Nullable: true, Score: s}
	if s.Unit > 0 {
		points := math.Max(math.Abs(s.Min), math.Abs(s.Max))
		col.Type, col.Kind, col.Unit = typeUnits, Integer, s.Unit
		col.Bound = int64(math.Ceil(points * float64(s.Unit)))
	}
	if s.Nominal {
		col.Kind, col.Unit = Nominal, 1
	}
	if err := c.add(col); err != nil {
		return err
	}
	if err := c.add(Column{Name: stem + "_at", Type: typeDate, Kind: Date, Nullable: true}); err != nil {
		return err
	}
	if !predicted || timepoint == programme.Baseline {
		return nil
	}
	return c.add(Column{Name: stem + "_predicted", Type: typeFloat, Kind: Float, Nullable: true})
}

// add lists a column once. Two programmes may share one, as long as both mean
// the same; of two bounds the wider one holds.
func (c *Catalogue) add(col Column) error {
	if !names.MatchString(col.Name) {
		return fmt.Errorf("column %q: a name is letters, digits, _ . and -", col.Name)
	}
	i, known := c.byName[col.Name]
	if !known {
		c.byName[col.Name] = len(c.columns)
		c.columns = append(c.columns, col)
		return nil
	}
	old := &c.columns[i]
	if old.Type != col.Type || old.Unit != col.Unit || old.Score != col.Score {
		return fmt.Errorf("column %s is already there as another kind of column: choose another name", col.Name)
	}
	old.Bound = max(old.Bound, col.Bound)
	return nil
}

// Column returns the column of outcome of that name, a stored or a virtual one.
func (c *Catalogue) Column(name string) (Column, bool) {
	if i, ok := c.byName[name]; ok {
		return c.columns[i], true
	}
	return c.change(name)
}

// Columns returns the stored columns of outcome after its key, version and live.
func (c *Catalogue) Columns() []Column { return slices.Clone(c.columns) }

// Covariates returns the columns that programmes add to episode.
func (c *Catalogue) Covariates() []Column { return slices.Clone(c.covariates) }

// Names returns the names of all columns, stored and virtual, sorted.
func (c *Catalogue) Names() []string {
	all := c.changeNames()
	for _, col := range c.columns {
		all = append(all, col.Name)
	}
	slices.Sort(all)
	return all
}

// Scoring returns what is current for every score of the programmes.
func (c *Catalogue) Scoring() Scoring {
	out := Scoring{}
	for _, p := range c.Programmes {
		for _, s := range p.Scores {
			if chosen, ok := c.scoring[Name{p.ID, s.Name}]; ok {
				out[Name{p.ID, s.Name}] = chosen
			}
		}
	}
	return out
}

// Current returns the score that stands for an instrument in a programme: its
// response's own, under the current algorithm and value set.
func (c *Catalogue) Current(id string, instrument instruments.ID) (*instruments.Score, bool) {
	d, err := instruments.Lookup(instrument, "")
	if err != nil {
		return nil, false
	}
	name := d.Primary().Name
	chosen := c.scoring[Name{id, name}]
	for _, p := range c.Programmes {
		for _, s := range p.Scores {
			if p.ID == id && s.Name == name && s.ValueSet == chosen.ValueSet {
				return s.Score, true
			}
		}
	}
	return nil, false
}

// ScoreOf returns the score that is current for a column's stem.
func (c *Catalogue) ScoreOf(column string) (*instruments.Score, bool) {
	for _, p := range c.Programmes {
		for _, s := range p.Scores {
			if s.Column == column {
				return s.Score, true
			}
		}
	}
	return nil, false
}
