package console

import (
	"context"
	"errors"
	"html/template"
	"strconv"
	"time"

	"github.com/lumbar-health/lumbar/dashboards"
	"github.com/lumbar-health/lumbar/queries"
	"github.com/lumbar-health/lumbar/web"
)

// view is what the templates show.
type view struct {
	Title     string // of the programme
	Subject   string // "Oswestry Disability Index at 12 months"
	Choosers  []chooser
	Query     template.URL // the choice as an address, to fetch it anew
	Empty     bool         // nothing stored yet
	Version   uint64
	MadeAt    string // for machines
	MadeWords string // for people
	Headline  *headline
	Funnel    *funnelSection
	Compare   *compareSection
}

// section is what every part of the page has beside its picture and table.
type section struct {
	Missing string // why there is nothing to show, in plain words
	Notes   []string
	Receipt string
}

func (c *Console) view(ctx context.Context, now chosen) (*view, error) {
	version, err := c.asker.DataVersion(ctx)
	if err != nil {
		return nil, err
	}
	made := c.now().In(c.zone)
	v := &view{
		Title: now.programme.Title, Subject: subject(now), Choosers: c.choosers(now), Query: now.query(),
		Version: version, MadeAt: made.Format(time.RFC3339), MadeWords: made.Format("2 January 2006, 15:04:05 MST"),
	}
	if version == 0 {
		v.Empty = true
		return v, nil
	}
	if v.Headline, err = c.headline(ctx, now); err != nil {
		return nil, err
	}
	if now.programme.Has("provider") {
		if v.Funnel, err = c.funnel(ctx, now); err != nil {
			return nil, err
		}
	}
	if len(now.programme.Interventions) > 1 {
		if v.Compare, err = c.compare(ctx, now); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func subject(now chosen) string {
	s := dashboards.Label(now.programme.Instruments, now.instrument)
	if now.timepoint != "" {
		s += ", " + dashboards.Label(now.programme.Timepoints, now.timepoint)
	}
	if now.procedure != "" {
		s = dashboards.Label(now.programme.Procedures, now.procedure) + ": " + s
	}
	return s
}

// ask asks one question of the page. Too little data is no error: the section
// says so.
func (c *Console) ask(ctx context.Context, name string, params map[string][]string) (*queries.Answer, section, error) {
	a, err := c.asker.Ask(ctx, queries.Question{Name: name, Params: params, Actor: web.Who(ctx).Name})
	var known *queries.Error
	if errors.As(err, &known) && known.Kind == queries.InsufficientData {
		return nil, section{Missing: known.Message}, nil
	}
	if err != nil {
		return nil, section{}, err
	}
	return a, section{Notes: a.Notes, Receipt: a.Receipt}, nil
}

// by are the dimensions of a question: the procedure joins those asked for
// where the programme tells its care apart by one. None has a word of its own.
func (n chosen) by(dimensions ...string) []string {
	if n.procedure != "" {
		dimensions = append(dimensions, "procedure")
	}
	if len(dimensions) == 0 {
		return []string{"none"}
	}
	return dimensions
}

// of returns the rows of the procedure that is shown.
func (n chosen) of(a *queries.Answer) []row {
	var out []row
	for i := range a.Rows {
		r := row{a, i}
		if n.procedure == "" || r.text("procedure") == n.procedure {
			out = append(out, r)
		}
	}
	return out
}

// headline is the programme in four numbers.
type headline struct {
	section
	Eligible, Modelled, Gain, Interval, Responders cell
}

func (c *Console) headline(ctx context.Context, now chosen) (*headline, error) {
	params := now.params()
	params["by"] = now.by()
	a, s, err := c.ask(ctx, "outcomes", params)
	if err != nil || a == nil {
		return &headline{section: s}, err
	}
	rows := now.of(a)
	if len(rows) == 0 {
		s.Missing = "No one here has been asked this questionnaire yet."
		return &headline{section: s}, nil
	}
	r := rows[0]
	places := decimals(rows, "mean_gain")
	h := &headline{
		section: s, Eligible: r.cell("n_eligible", 0), Modelled: r.cell("n_modelled", 0), Gain: r.cell("mean_gain", places),
		Interval: r.interval("lower", "upper", places), Responders: r.percent("responder_ratio"),
	}
	return h, nil
}

func countOf(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
