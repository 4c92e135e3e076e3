package programme

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/lumbar-health/lumbar/instruments"
)

var (
	idForm   = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	keyForm  = regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)*$`)
	nameForm = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
)

// reserved are, beside the dimensions, the columns that every episode has: on
// the wire, among the facts and in outcome.
var reserved = []string{
	"kind", "id", "source", "source_id", "source_version", "updated_at", "programme", "patient", "episode", "status",
	"referred_on", "first_contact_on", "treatment_start", "discharged_on", "prior_episode_id", "fy", "wait_days",
	"age", "imd_decile", "imd_version", "live", "version", "patient_id", "episode_id", "received_at", "earliest",
}

// Reserved says whether every episode has a column or a dimension of that name,
// which a covariate can therefore not take.
func Reserved(name string) bool {
	_, dimension := LookupDimension(name)
	return dimension || slices.Contains(reserved, name)
}

var guidelineStatuses = []string{"offer", "consider", "do_not_offer", "not_assessed"}

// checker collects problems, each as "field: what is wrong".
type checker []string

func (c *checker) require(ok bool, field, format string, args ...any) {
	if !ok {
		*c = append(*c, field+": "+fmt.Sprintf(format, args...))
	}
}

func (p *Programme) check() []string {
	var c checker
	c.require(idForm.MatchString(p.ID), "programme", "must be lower-case words joined by -")
	c.require(p.Title != "", "title", "is missing")
	c.require(len(p.Instruments) > 0, "instruments", "need at least one")
	seen := map[string]bool{}
	for i, id := range p.Instruments {
		field := fmt.Sprintf("instruments[%d]", i)
		_, err := instruments.Lookup(id, "")
		c.require(err == nil, field, "%s is not an instrument", id)
		c.unique(seen, string(id), field)
	}
	main := map[string]bool{}
	for i, id := range p.Main {
		field := fmt.Sprintf("main_instruments[%d]", i)
		c.require(seen[string(id)], field, "%s is not among the programme's instruments", id)
		c.unique(main, string(id), field)
	}
	c.require(p.Expected == ExpectedFromRecord || p.Expected == ExpectedFromModel, "expected", "must be record or case_mix")
	c.require(p.Expected != ExpectedFromRecord || len(p.CaseMix) == 0, "case_mix", "is not used where expected is record: remove it")
	c.require(p.MinimumPerArm >= 2, "minimum_per_arm", "must be 2 or more")
	c.require(p.MinimumToRank >= p.MinimumPerArm, "minimum_to_rank", "must not be below minimum_per_arm")
	c.timepoints(p)
	c.interventions(p)
	c.procedures(p)
	c.dimensions(p)
	c.covariates(p)
	c.terms(p)
	c.states(p)
	c.waits(p)
	return c
}

func (c *checker) unique(seen map[string]bool, key, field string) {
	c.require(!seen[key], field, "%s stands twice", key)
	seen[key] = true
}

func (c *checker) timepoints(p *Programme) {
	c.require(len(p.Timepoints) > 0 && p.Timepoints[0].Key == Baseline, "timepoints", "the first must be %s", Baseline)
	seen := map[string]bool{}
	for i, t := range p.Timepoints {
		field := fmt.Sprintf("timepoints[%d]", i)
		c.require(keyForm.MatchString(t.Key), field+".key", "must be lower-case letters and digits, such as 12m")
		c.unique(seen, t.Key, field+".key")
		c.require(t.Label != "", field+".label", "is missing")
		c.require(slices.Contains([]Anchor{AnchorContact, AnchorStart, AnchorDischarge}, t.Anchor), field+".anchor", "must be contact, start or discharge")
		c.require(t.Before >= 0, field+".before", "must not be negative")
		c.require(t.After >= 0, field+".after", "must not be negative")
		for j, u := range p.Timepoints[:i] {
			apart := u.Anchor != t.Anchor || u.Target+u.After < t.Target-t.Before || t.Target+t.After < u.Target-u.Before
			c.require(apart, field, "its window overlaps that of timepoints[%d]", j)
		}
	}
	c.require(p.MainFollowUp != Baseline && seen[p.MainFollowUp], "main_follow_up", "must be the key of a timepoint after baseline")
}

func (c *checker) named(list []Named, field string) {
	seen := map[string]bool{}
	for i, n := range list {
		at := fmt.Sprintf("%s[%d]", field, i)
		c.require(keyForm.MatchString(n.Key), at+".key", "must be lower-case words joined by _")
		c.unique(seen, n.Key, at+".key")
		c.require(n.Label != "", at+".label", "is missing")
	}
}

func (c *checker) interventions(p *Programme) {
	c.named(p.Interventions, "interventions")
	for i, n := range p.Interventions {
		at := fmt.Sprintf("interventions[%d]", i)
		c.require(slices.Contains(guidelineStatuses, n.GuidelineStatus), at+".guideline_status", "must be one of %v", guidelineStatuses)
		_, err := time.Parse(time.DateOnly, n.From)
		c.require(err == nil, at+".from", "must be a day written as 2026-04-01")
		c.require(len(n.Instruments) == 0, at+".instruments", "only a procedure has them")
	}
}

func (c *checker) procedures(p *Programme) {
	c.named(p.Procedures, "procedures")
	for i, n := range p.Procedures {
		at := fmt.Sprintf("procedures[%d]", i)
		c.require(n.GuidelineStatus == "" && n.From == "", at, "a procedure has no guideline_status and no from")
		for j, id := range n.Instruments {
			c.require(slices.Contains(p.Instruments, id), fmt.Sprintf("%s.instruments[%d]", at, j), "%s is not among the programme's instruments", id)
		}
	}
}

func (c *checker) dimensions(p *Programme) {
	seen := map[string]bool{}
	for i, name := range p.Dimensions {
		field := fmt.Sprintf("dimensions[%d]", i)
		_, known := LookupDimension(name)
		c.require(known, field, "%s is not a dimension", name)
		c.unique(seen, name, field)
	}
	c.require(!seen["intervention"] || len(p.Interventions) > 0, "dimensions", "intervention needs interventions")
	c.require(!seen["procedure"] || len(p.Procedures) > 0, "dimensions", "procedure needs procedures")
}

func (c *checker) covariates(p *Programme) {
	seen := map[string]bool{}
	for i, v := range p.Covariates {
		field := fmt.Sprintf("covariates[%d]", i)
		c.require(nameForm.MatchString(v.Name), field+".name", "must be lower-case words joined by _")
		c.unique(seen, v.Name, field+".name")
		c.require(!Reserved(v.Name) && !p.isScore(v.Name), field+".name", "%s is a column of every episode: take another name", v.Name)
		c.require(v.Label != "", field+".label", "is missing")
		switch v.Kind {
		case Integer:
			c.require(v.Min < v.Max, field, "min must be below max")
			c.require(len(v.Levels) == 0, field+".levels", "only a category has them")
		case Category:
			c.require(len(v.Levels) > 1, field+".levels", "a category needs two or more")
			c.require(v.Min == 0 && v.Max == 0, field, "only an integer has min and max")
			levels := map[string]bool{}
			for j, level := range v.Levels {
				at := fmt.Sprintf("%s.levels[%d]", field, j)
				c.require(keyForm.MatchString(level), at, "must be lower-case words joined by _")
				c.unique(levels, level, at)
			}
		default:
			c.require(false, field+".kind", "must be integer or category")
		}
	}
}

func (c *checker) states(p *Programme) {
	seen := map[string]bool{}
	for i, s := range p.States {
		field := fmt.Sprintf("states[%d]", i)
		c.require(keyForm.MatchString(s.Key), field+".key", "must be lower-case words joined by _")
		c.unique(seen, s.Key, field+".key")
		c.require(s.Label != "", field+".label", "is missing")
		c.require(s.TargetDays >= 0, field+".target_days", "must not be negative")
	}
}

func (c *checker) waits(p *Programme) {
	dates := []string{"referred_on", "first_contact_on", "treatment_start", "discharged_on"}
	seen := map[string]bool{}
	for i, w := range p.Waits {
		field := fmt.Sprintf("waits[%d]", i)
		c.require(keyForm.MatchString(w.Key), field+".key", "must be lower-case words joined by _")
		c.unique(seen, w.Key, field+".key")
		c.require(w.Label != "", field+".label", "is missing")
		from, to := slices.Index(dates, w.From), slices.Index(dates, w.To)
		c.require(from >= 0 && to > from, field, "from and to must be dates of an episode in this order: %v", dates)
		c.require(0 < w.Amber && w.Amber <= w.Red, field, "amber must be above 0 and not above red")
	}
}
