package queries

import (
	"slices"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/queries/cohort"
	"github.com/lumbar-health/lumbar/queries/disclosure"
	"github.com/lumbar-health/lumbar/queries/estimator"
)

// ParamKind says what form the value of a parameter has.
type ParamKind string

// Kinds of parameter.
const (
	TextParam    ParamKind = "text"
	ListParam    ParamKind = "list" // comma separated, or given several times
	IntegerParam ParamKind = "integer"
	NumberParam  ParamKind = "number"
	BoolParam    ParamKind = "boolean"
)

// Param is one parameter of a question.
type Param struct {
	Name        string
	Kind        ParamKind
	Description string
	// Default is what an absent parameter means, as a value or in words; empty
	// where it must be given.
	Default  string
	Required bool
	// Values are those allowed, where they are a closed set for all programmes.
	Values []string
	// Most is the most values of a list, 0 where any number may be given.
	Most int
}

// Spec describes one question: what may be asked and what is answered.
type Spec struct {
	Name        string
	Title       string
	Description string
	Params      []Param
	// Columns are those of a row, behind the dimensions that were asked for.
	Columns []disclosure.Measure
}

// Param returns the parameter of that name.
func (s Spec) Param(name string) (Param, bool) {
	i := slices.IndexFunc(s.Params, func(p Param) bool { return p.Name == name })
	if i < 0 {
		return Param{}, false
	}
	return s.Params[i], true
}

// Questions returns the registry of questions, from which API, commands,
// OpenAPI and documentation are made.
func Questions() []Spec {
	return []Spec{
		{
			Name: cohort.Outcomes, Title: "Outcomes",
			Description: "Scores before and after, gains with their interval, responders and case-mix adjusted gains, a row for each group and instrument.",
			Params:      append(shared(), byParam("none", disclosure.MaxDimensions), levelParam()),
			Columns:     disclosure.Columns(cohort.Outcomes),
		},
		{
			Name: cohort.Funnel, Title: "Funnel",
			Description: "The groups of outcomes as units of a funnel plot: adjusted gain, target, control limits, flags with and without over-dispersion.",
			Params: append(shared(), byParam(defaultUnit, disclosure.MaxDimensions),
				Param{Name: "overdispersed", Kind: BoolParam, Default: "false", Description: "limits with additive over-dispersion (τ²); flags come both ways"}),
			Columns: disclosure.Columns(cohort.Funnel),
		},
		{
			Name: cohort.Trend, Title: "Trend",
			Description: "The mean gain of outcomes by period of referral, with its interval; a period in which nobody is modelled has a row of nobody.",
			Params:      append(shared(), byParam("none", disclosure.MaxDimensions-1, timeDimensions...), levelParam(), periodParam()),
			Columns:     disclosure.Columns(cohort.Trend),
		},
		{
			Name: cohort.SPC, Title: "Control chart",
			Description: "An XmR chart by period of referral by the rules of Making Data Count: limits, signals and the icons of variation and assurance in words, made of the values as shown.",
			Params: append(shared(), byParam("none", disclosure.MaxDimensions-1, timeDimensions...), levelParam(), periodParam(),
				Param{Name: "measure", Kind: TextParam, Default: cohort.MeanGain, Values: cohort.ChartMeasures(), Description: "what is charted; of each, higher is better"},
				Param{Name: "fix_after", Kind: IntegerParam, Default: none, Description: "mean and limits rest on the first so many periods of a series"},
				Param{Name: "target", Kind: NumberParam, Default: none, Description: "in points of gain or as a ratio: what assurance is about"}),
			Columns: disclosure.Columns(cohort.SPC),
		},
		{
			Name: cohort.Compare, Title: "Comparison of interventions",
			Description: "The difference of follow-up scores between interventions in each group, and pooled over the groups: what is associated with an intervention, not its effect.",
			Params:      compareParams(),
			Columns:     disclosure.Columns(cohort.Compare),
		},
	}
}

// Lookup returns the question of that name.
func Lookup(name string) (Spec, bool) {
	all := Questions()
	i := slices.IndexFunc(all, func(s Spec) bool { return s.Name == name })
	if i < 0 {
		return Spec{}, false
	}
	return all[i], true
}

// Words of parameters that stand for an empty list.
const (
	none        = "none"
	defaultUnit = "provider"
	defaultBy   = "region"
)

func shared() []Param {
	return []Param{
		programmeParam(),
		{Name: "instrument", Kind: ListParam, Default: "all of the programme", Values: scoreNames(), Description: "instruments or scores"},
		timepointParam(), yearParam(),
	}
}

func compareParams() []Param {
	return []Param{
		programmeParam(),
		{Name: "instrument", Kind: TextParam, Default: "the programme's first", Values: scoreNames(), Description: "instrument or score"},
		timepointParam(), yearParam(),
		{Name: "interventions", Kind: ListParam, Default: "all of the programme", Values: interventionKeys(), Description: "two or more interventions; the first is the reference"},
		// the intervention itself is the third dimension
		byParam(defaultBy, disclosure.MaxDimensions-1),
		{Name: "method", Kind: TextParam, Default: cohort.MethodANCOVA, Values: cohort.Methods(), Description: "ancova adjusts for baseline and covariates by regression, the methods after welch by models of treatment, outcome or both"},
		{Name: "estimand", Kind: TextParam, Default: "ATE, or what the method is about", Values: []string{string(estimator.ATE), string(estimator.ATT), string(estimator.ATO)}, Description: "whom the effect is about: everybody (ATE, the default), the treated (ATT), those who might have had either (ATO); overlap is about ATO, matching about ATT"},
		{Name: "covariates", Kind: ListParam, Default: "the programme's case-mix terms", Description: "formula terms beside baseline, such as age, I(age^2), factor(sex); none for baseline alone"},
		levelParam(),
	}
}

func programmeParam() Param {
	return Param{Name: "programme", Kind: TextParam, Default: programme.Default().ID, Values: programmeIDs(), Description: "programme of care"}
}

func timepointParam() Param {
	return Param{Name: "timepoint", Kind: TextParam, Default: "the programme's main follow-up", Values: timepointKeys(), Description: "follow-up"}
}

func yearParam() Param {
	return Param{Name: "year", Kind: IntegerParam, Default: "all", Description: "financial year of referral; 2025 is 2025/26"}
}

func levelParam() Param {
	return Param{Name: "level", Kind: NumberParam, Default: "0.95", Values: disclosure.Levels(), Description: "coverage of intervals"}
}

func byParam(def string, most int, but ...string) Param {
	names := slices.DeleteFunc(dimensionNames(), func(d string) bool { return slices.Contains(but, d) })
	return Param{Name: "by", Kind: ListParam, Default: def, Most: most, Values: names, Description: "dimensions that people are grouped by; none for everyone together"}
}

// timeDimensions are those that a question by period does not group by beside it.
var timeDimensions = []string{"year", "month"}

func periodParam() Param {
	return Param{
		Name: "period", Kind: TextParam, Default: "month where referrals are known by month, else year",
		Values:      []string{string(cohort.Month), string(cohort.Quarter), string(cohort.Year)},
		Description: "length of the periods of referral; years are financial, and the period is the third dimension",
	}
}

func programmeIDs() (ids []string) {
	for _, p := range programme.All() {
		ids = append(ids, p.ID)
	}
	return ids
}

// scoreNames are the measured instruments of all programmes and their scores' columns.
func scoreNames() (names []string) {
	add := func(name string) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, p := range programme.All() {
		for _, id := range p.Instruments {
			for i, s := range instruments.ScoresOf(id) {
				if i == 0 {
					add(string(id))
				}
				add(s.Column())
			}
		}
	}
	return names
}

func timepointKeys() (keys []string) {
	for _, p := range programme.All() {
		for _, t := range p.Timepoints {
			if t.Key != programme.Baseline && !slices.Contains(keys, t.Key) {
				keys = append(keys, t.Key)
			}
		}
	}
	return keys
}

func interventionKeys() (keys []string) {
	for _, p := range programme.All() {
		for _, n := range p.Interventions {
			if !slices.Contains(keys, n.Key) {
				keys = append(keys, n.Key)
			}
		}
	}
	return keys
}

func dimensionNames() (names []string) {
	for _, d := range programme.Dimensions() {
		names = append(names, d.Name)
	}
	return names
}
