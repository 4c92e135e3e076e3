package programme

import (
	"slices"

	"github.com/lumbar-health/lumbar/instruments"
)

// Programme is one programme of care: who is asked what, when, and how the
// answers are analysed.
type Programme struct {
	ID          string           `yaml:"programme"`
	Title       string           `yaml:"title"`
	Default     bool             `yaml:"default"`
	Instruments []instruments.ID `yaml:"instruments"`
	// Main are the instruments of a question that names none; all of them where
	// the file says nothing.
	Main          []instruments.ID `yaml:"main_instruments"`
	Timepoints    []Timepoint      `yaml:"timepoints"`
	MainFollowUp  string           `yaml:"main_follow_up"` // key of a timepoint
	Interventions []Named          `yaml:"interventions"`
	Procedures    []Named          `yaml:"procedures"`
	States        []State          `yaml:"states"`
	Dimensions    []string         `yaml:"dimensions"` // names of the dimension registry that this programme's episodes fill
	Covariates    []Covariate      `yaml:"covariates"`
	// Expected says where a follow-up's expected value comes from.
	Expected Expected `yaml:"expected"`
	// CaseMix are the model's terms beside baseline, in the protocol's formula
	// language: age, I(age^2), factor(sex) …; "baseline" stands for the
	// instrument's own baseline score.
	CaseMix []string `yaml:"case_mix"`
	// MinimumPerArm is the fewest people of an arm in a shown comparison.
	MinimumPerArm int `yaml:"minimum_per_arm"`
	// MinimumToRank is the fewest people of a group that takes part in a ranking.
	MinimumToRank int    `yaml:"minimum_to_rank"`
	Waits         []Wait `yaml:"waits"`
}

// Named is a key with a neutral label.
type Named struct {
	Key             string `yaml:"key"`
	Label           string `yaml:"label"`
	GuidelineStatus string `yaml:"guideline_status"` // offer | consider | do_not_offer | not_assessed; empty for procedures
	From            string `yaml:"from"`             // day from which the status holds, 2006-01-02
	// Instruments of a procedure are those its people are asked; empty means
	// all of the programme's.
	Instruments []instruments.ID `yaml:"instruments"`
}

// State is where a person stands in the pathway.
type State struct {
	Key   string `yaml:"key"`
	Label string `yaml:"label"`
	// TargetDays is the wait aimed at before the state is reached; 0 means none.
	TargetDays int `yaml:"target_days"`
}

// Timepoint is one moment of the schedule with its window, in days.
type Timepoint struct {
	Key    string `yaml:"key"`
	Label  string `yaml:"label"`
	Anchor Anchor `yaml:"anchor"`
	Target int    `yaml:"target"` // days after the anchor
	Before int    `yaml:"before"` // window: target − Before … target + After
	After  int    `yaml:"after"`
}

// Anchor is the day of an episode from which a timepoint counts.
type Anchor string

// Anchors.
const (
	AnchorContact   Anchor = "contact"   // first contact, or the referral where there is none
	AnchorStart     Anchor = "start"     // treatment start, or first contact where none began by day 90
	AnchorDischarge Anchor = "discharge" // discharge
)

// Covariate is a declared column of episode and outcome.
type Covariate struct {
	Name   string   `yaml:"name"`
	Label  string   `yaml:"label"`
	Kind   string   `yaml:"kind"` // integer | category
	Min    int32    `yaml:"min"`
	Max    int32    `yaml:"max"`
	Levels []string `yaml:"levels"`
}

// Kinds of covariate.
const (
	Integer  = "integer"
	Category = "category"
)

// Expected is the source of expected follow-up scores.
type Expected string

// Sources of expected scores.
const (
	ExpectedFromRecord Expected = "record"   // a prediction came with each record; no refit
	ExpectedFromModel  Expected = "case_mix" // fitted by us over the programme's records
)

// Wait is a number of days between two dates of an episode and what is too many.
type Wait struct {
	Key   string `yaml:"key"`
	Label string `yaml:"label"`
	From  string `yaml:"from"` // column of episode
	To    string `yaml:"to"`
	Amber int    `yaml:"amber"` // more days than this need attention
	Red   int    `yaml:"red"`   // more days than this are a breach
}

// Baseline is the key of every programme's first timepoint.
const Baseline = "baseline"

// Asks reports whether people of the procedure are asked the instrument. The
// empty procedure stands for a programme without procedures.
func (p *Programme) Asks(instrument instruments.ID, procedure string) bool {
	if !slices.Contains(p.Instruments, instrument) {
		return false
	}
	for _, q := range p.Procedures {
		if q.Key == procedure {
			return len(q.Instruments) == 0 || slices.Contains(q.Instruments, instrument)
		}
	}
	return procedure == ""
}

// Timepoint returns the timepoint of that key.
func (p *Programme) Timepoint(key string) (Timepoint, bool) {
	i := slices.IndexFunc(p.Timepoints, func(t Timepoint) bool { return t.Key == key })
	if i < 0 {
		return Timepoint{}, false
	}
	return p.Timepoints[i], true
}

// Covariate returns the declared covariate of that name.
func (p *Programme) Covariate(name string) (Covariate, bool) {
	i := slices.IndexFunc(p.Covariates, func(c Covariate) bool { return c.Name == name })
	if i < 0 {
		return Covariate{}, false
	}
	return p.Covariates[i], true
}

// Intervention returns the intervention of that key.
func (p *Programme) Intervention(key string) (Named, bool) { return named(p.Interventions, key) }

// Procedure returns the procedure of that key.
func (p *Programme) Procedure(key string) (Named, bool) { return named(p.Procedures, key) }

func named(list []Named, key string) (Named, bool) {
	i := slices.IndexFunc(list, func(n Named) bool { return n.Key == key })
	if i < 0 {
		return Named{}, false
	}
	return list[i], true
}
