package catalogue

import (
	"time"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/instruments/wording"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/queries"
)

// Catalogue is what can be asked about in one installation.
type Catalogue struct {
	programmes []*programme.Programme
	wordings   *wording.Library
	now        func() time.Time
}

// New returns the catalogue of the programmes, with the wording that the
// installation has loaded; nil is none. The clock decides which licences have
// ended.
func New(programmes []*programme.Programme, wordings *wording.Library, now func() time.Time) *Catalogue {
	return &Catalogue{programmes, wordings, now}
}

// List is an answer that holds no data about people: it has no receipt.
type List[T any] struct {
	Rows    []T      `json:"rows"`
	Notes   []string `json:"notes"`
	Receipt *string  `json:"receipt"`
}

func list[T any](rows []T, notes ...string) List[T] {
	if rows == nil {
		rows = []T{}
	}
	if notes == nil {
		notes = []string{}
	}
	return List[T]{Rows: rows, Notes: notes}
}

// Programme is one programme of care.
type Programme struct {
	ID            string             `json:"id"`
	Title         string             `json:"title"`
	Default       bool               `json:"default"`
	Instruments   []instruments.ID   `json:"instruments"`
	Timepoints    []Timepoint        `json:"timepoints"`
	MainFollowUp  string             `json:"main_follow_up"`
	Interventions []string           `json:"interventions"`
	Procedures    []string           `json:"procedures"`
	Dimensions    []string           `json:"dimensions"`
	Covariates    []Covariate        `json:"covariates"`
	Expected      programme.Expected `json:"expected"`
	CaseMix       []string           `json:"case_mix"`
}

// Covariate is a column that the programme declares beside the common ones.
type Covariate struct {
	Name   string   `json:"name"`
	Label  string   `json:"label"`
	Kind   string   `json:"kind"`
	Min    int32    `json:"min"`
	Max    int32    `json:"max"`
	Levels []string `json:"levels"`
}

// Timepoint is a moment of the schedule, in days after its anchor.
type Timepoint struct {
	Key    string           `json:"key"`
	Label  string           `json:"label"`
	Anchor programme.Anchor `json:"anchor"`
	Target int              `json:"target_days"`
	Before int              `json:"days_before"`
	After  int              `json:"days_after"`
}

// Programmes lists the programmes of care.
func (c *Catalogue) Programmes() List[Programme] {
	var rows []Programme
	for _, p := range c.programmes {
		row := Programme{
			ID: p.ID, Title: p.Title, Default: p.Default, Instruments: p.Instruments, MainFollowUp: p.MainFollowUp,
			Interventions: keys(p.Interventions), Procedures: keys(p.Procedures), Dimensions: p.Dimensions,
			Covariates: []Covariate{}, Expected: p.Expected, CaseMix: append([]string{}, p.CaseMix...),
		}
		for _, v := range p.Covariates {
			c := Covariate(v)
			c.Levels = append([]string{}, c.Levels...)
			row.Covariates = append(row.Covariates, c)
		}
		for _, t := range p.Timepoints {
			row.Timepoints = append(row.Timepoints, Timepoint(t))
		}
		rows = append(rows, row)
	}
	return list(rows)
}

// Intervention is one intervention of one programme. GuidelineStatus is what
// the guideline said of it from that day on.
type Intervention struct {
	Programme       string `json:"programme"`
	ID              string `json:"id"`
	Label           string `json:"label"`
	GuidelineStatus string `json:"guideline_status"`
	From            string `json:"status_from"`
}

// Interventions lists the interventions of all programmes, or of one.
func (c *Catalogue) Interventions(id string) (List[Intervention], error) {
	var rows []Intervention
	found := id == ""
	for _, p := range c.programmes {
		if id != "" && p.ID != id {
			continue
		}
		found = true
		for _, n := range p.Interventions {
			rows = append(rows, Intervention{Programme: p.ID, ID: n.Key, Label: n.Label, GuidelineStatus: n.GuidelineStatus, From: n.From})
		}
	}
	if !found {
		return List[Intervention]{}, &queries.Error{Kind: queries.NotFound, Message: "no such programme: /v1/programmes lists them"}
	}
	return list(rows), nil
}

func keys(named []programme.Named) []string {
	out := make([]string, 0, len(named))
	for _, n := range named {
		out = append(out, n.Key)
	}
	return out
}

// WholeDimension says whether a dimension's values are whole numbers, as the
// year's are.
func WholeDimension(name string) bool {
	d, ok := programme.LookupDimension(name)
	return ok && d.Kind == programme.KindInteger
}
