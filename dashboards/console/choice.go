package console

import (
	"html/template"
	"net/url"
	"slices"

	"github.com/lumbar-health/lumbar/dashboards"
	"github.com/lumbar-health/lumbar/queries"
)

// chosen is what the page shows.
type chosen struct {
	programme  dashboards.Programme
	instrument string
	timepoint  string
	procedure  string // empty in a programme that has none
}

// option is one entry of a chooser.
type option struct {
	Key, Label string
	Selected   bool
}

// chooser is one select of the form.
type chooser struct {
	Name, Label string
	Options     []option
}

// choose reads the page's parameters. What is not named, or belongs to another
// programme (the form sends all its fields when the programme changes), takes
// the programme's default; what no programme knows is an error.
func (c *Console) choose(q url.Values) (chosen, error) {
	for name := range q {
		if !slices.Contains([]string{"programme", "instrument", "timepoint", "procedure"}, name) {
			return chosen{}, &queries.Error{Kind: queries.InvalidArgument, Message: "The address has a parameter that this page does not know. It takes programme, instrument, timepoint and procedure."}
		}
	}
	p, err := c.programme(q.Get("programme"))
	if err != nil {
		return chosen{}, err
	}
	out := chosen{programme: p}
	if out.timepoint, err = c.pick(q, "timepoint", p.Timepoints, p.MainFollowUp, timepoints); err != nil {
		return chosen{}, err
	}
	if out.procedure, err = c.pick(q, "procedure", p.Procedures, first(p.Procedures), procedures); err != nil {
		return chosen{}, err
	}
	asked := askedOf(p, out.procedure)
	if out.instrument, err = c.pick(q, "instrument", asked, first(asked), instruments); err != nil {
		return chosen{}, err
	}
	return out, nil
}

func timepoints(p dashboards.Programme) []dashboards.Choice  { return p.Timepoints }
func procedures(p dashboards.Programme) []dashboards.Choice  { return p.Procedures }
func instruments(p dashboards.Programme) []dashboards.Choice { return p.Instruments }

// pick reads one parameter: one of the choices, or the fallback.
func (c *Console) pick(q url.Values, name string, choices []dashboards.Choice, fallback string,
	of func(dashboards.Programme) []dashboards.Choice,
) (string, error) {
	wanted := q.Get(name)
	if has(choices, wanted) {
		return wanted, nil
	}
	known := slices.ContainsFunc(c.programmes, func(p dashboards.Programme) bool { return has(of(p), wanted) })
	if wanted != "" && !known {
		return "", &queries.Error{Kind: queries.NotFound, Message: "There is no such " + name + " in any programme here."}
	}
	return fallback, nil
}

func (c *Console) programme(id string) (dashboards.Programme, error) {
	for _, p := range c.programmes {
		if p.ID == id || id == "" && p.Default {
			return p, nil
		}
	}
	if id == "" {
		return c.programmes[0], nil
	}
	return dashboards.Programme{}, &queries.Error{Kind: queries.NotFound, Message: "There is no such programme here."}
}

// askedOf are the instruments that people of a procedure are asked.
func askedOf(p dashboards.Programme, procedure string) []dashboards.Choice {
	var out []dashboards.Choice
	for _, i := range p.Instruments {
		if p.Asks(i.Key, procedure) {
			out = append(out, i)
		}
	}
	return out
}

func first(choices []dashboards.Choice) string {
	if len(choices) == 0 {
		return ""
	}
	return choices[0].Key
}

func has(choices []dashboards.Choice, key string) bool {
	return slices.ContainsFunc(choices, func(c dashboards.Choice) bool { return c.Key == key })
}

// choosers are the selects of the form; one with a single entry is left out,
// but for the instrument.
func (c *Console) choosers(now chosen) []chooser {
	var programmes []dashboards.Choice
	for _, p := range c.programmes {
		programmes = append(programmes, dashboards.Choice{Key: p.ID, Label: p.Title})
	}
	var out []chooser
	for _, part := range []struct {
		name, label, selected string
		choices               []dashboards.Choice
		atLeast               int
	}{
		{"programme", "Programme", now.programme.ID, programmes, 2},
		{"procedure", "Procedure", now.procedure, now.programme.Procedures, 1},
		{"instrument", "Questionnaire", now.instrument, askedOf(now.programme, now.procedure), 1},
		{"timepoint", "Follow-up", now.timepoint, now.programme.Timepoints, 2},
	} {
		if len(part.choices) < part.atLeast {
			continue
		}
		ch := chooser{Name: part.name, Label: part.label}
		for _, o := range part.choices {
			ch.Options = append(ch.Options, option{o.Key, dashboards.Label(part.choices, o.Key), o.Key == part.selected})
		}
		out = append(out, ch)
	}
	return out
}

// query is the address of the choice.
func (n chosen) query() template.URL {
	v := url.Values{"programme": {n.programme.ID}, "instrument": {n.instrument}}
	if n.timepoint != "" {
		v.Set("timepoint", n.timepoint)
	}
	if n.procedure != "" {
		v.Set("procedure", n.procedure)
	}
	return template.URL(v.Encode()) // encoded just now
}

// params are the parameters that every question of the page has.
func (n chosen) params() map[string][]string {
	out := map[string][]string{"programme": {n.programme.ID}, "instrument": {n.instrument}}
	if n.timepoint != "" {
		out["timepoint"] = []string{n.timepoint}
	}
	return out
}
