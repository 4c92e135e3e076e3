package programme

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/lumbar-health/lumbar/instruments"
)

var (
	factorTerm = regexp.MustCompile(`^factor\(([a-z][a-z0-9_]*)\)$`)
	powerTerm  = regexp.MustCompile(`^I\(([a-z][a-z0-9_]*)\^[2-9]\)$`)
	plainTerm  = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
)

// terms checks that every case-mix term is written as age, I(age^2) or
// factor(sex), and is known before treatment starts.
func (c *checker) terms(p *Programme) {
	seen := map[string]bool{}
	for i, term := range p.CaseMix {
		field := fmt.Sprintf("case_mix[%d]", i)
		c.unique(seen, term, field)
		switch {
		case factorTerm.MatchString(term):
			name := factorTerm.FindStringSubmatch(term)[1]
			c.require(p.categorical(name), field, "%s is neither a category nor a dimension of the programme", name)
		case powerTerm.MatchString(term):
			name := powerTerm.FindStringSubmatch(term)[1]
			c.require(p.numeric(name), field, "%s is not a number known at baseline", name)
		case plainTerm.MatchString(term):
			c.require(term != Baseline, field, "baseline is always in the model: remove it")
			c.require(p.numeric(term), field, "%s is not a number known at baseline", term)
		default:
			c.require(false, field, "must be written as age, I(age^2) or factor(sex)")
		}
	}
}

// numeric reports whether the column is a number that was known at baseline.
func (p *Programme) numeric(name string) bool {
	if name == Baseline || name == "age" || name == "imd_decile" {
		return true
	}
	if v, ok := p.Covariate(name); ok {
		return v.Kind == Integer
	}
	return strings.HasSuffix(name, "_"+Baseline) && p.isColumn(name, instruments.ScoresOf)
}

// categorical reports whether the column groups people.
func (p *Programme) categorical(name string) bool {
	if _, ok := p.Covariate(name); ok {
		return true
	}
	return slices.Contains(p.Dimensions, name) && name != "intervention"
}

// isScore reports whether the name is that of a score column of outcome, of its
// date or of its prediction: the score and a timepoint.
func (p *Programme) isScore(name string) bool {
	name = strings.TrimSuffix(strings.TrimSuffix(name, "_at"), "_predicted")
	return p.isColumn(name, instruments.ColumnsOf)
}

// isColumn reports whether the name is one of the scores and a timepoint.
func (p *Programme) isColumn(name string, scores func(instruments.ID) []*instruments.Score) bool {
	for _, id := range p.Instruments {
		for _, s := range scores(id) {
			rest, found := strings.CutPrefix(name, s.Column()+"_")
			if _, known := p.Timepoint(rest); found && known {
				return true
			}
		}
	}
	return false
}
