package store_test

import (
	"context"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/analytics/moments"
	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/internal/chtest"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/record"
	"github.com/lumbar-health/lumbar/store"
	"github.com/lumbar-health/lumbar/store/read"
)

// TestSumsBeyondInt64 sums products of which three do not fit an Int64.
func TestSumsBeyondInt64(t *testing.T) {
	db := chtest.New(t)
	cfg := config(db)
	cfg.Programmes = []*programme.Programme{{
		ID: "costs", Instruments: []instruments.ID{"eqvas"}, Timepoints: []programme.Timepoint{{Key: "baseline", Anchor: programme.AnchorContact}},
		Covariates: []programme.Covariate{{Name: "cost_pence", Kind: programme.Integer, Min: -2e9, Max: 2e9}, {Name: "saving_pence", Kind: programme.Integer, Min: -2e9, Max: 2e9}},
	}}
	s, err := store.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	f := facts{covariates: []covariate{{name: "cost_pence"}, {name: "saving_pence"}}}
	want := map[string]*big.Int{"cost²": new(big.Int), "cost·saving": new(big.Int), "saving": new(big.Int)}
	for i := range 40 {
		cost, saving := int32(2e9-i), int32(-2e9+7*i)
		f.episodes = append(f.episodes, record.Episode{PatientID: record.PatientID{byte(i)}, ID: 1, Version: 1, Status: record.EpisodeActive, Programme: "costs",
			ReferredOn: record.NewDate(2024, 5, 1), ReceivedAt: received, Covariates: []record.Covariate{{Int: cost}, {Int: saving}}})
		for name, v := range map[string]*big.Int{"cost²": product(cost, cost), "cost·saving": product(cost, saving), "saving": product(saving, 1)} {
			want[name].Add(want[name], v)
		}
	}
	put(t, s, f)
	groups, err := s.Reader().Moments(context.Background(), read.Question{
		Selection: read.Selection{Programme: "costs"}, Terms: []moments.Term{moments.Column("cost_pence"), moments.Column("saving_pence")}})
	if err != nil {
		t.Fatal(err)
	}
	m := groups[0].Moments
	for name, got := range map[string]moments.Int128{"cost²": m.Exact[moments.Cell(1, 1)], "cost·saving": m.Exact[moments.Cell(2, 1)], "saving": m.Exact[moments.Cell(2, 0)]} {
		if got.Big().Cmp(want[name]) != 0 {
			t.Errorf("Σ %s = %v, want %v", name, got.Big(), want[name])
		}
	}
}

func product(a, b int32) *big.Int { return big.NewInt(int64(a) * int64(b)) }

func TestWeightedEqualsGo(t *testing.T) {
	s, _ := open(t)
	rows := people(t, s, 300, 3)
	terms := []moments.Term{moments.Column("odi_baseline"), moments.Column("age"), moments.Indicator("sex", "female")}
	where := read.Compare{Column: "region", Op: read.Ne, Values: []read.Value{{Text: "Y56", IsText: true}}}
	var x [][]float64
	var y []float64
	for _, row := range rows {
		v, known := holds(where, row)
		if !v || !known || !complete(row, "odi_baseline", "odi_12m", "age", "bmi") {
			continue
		}
		line := []float64{1}
		for _, term := range terms {
			line = append(line, value(term.Factors[0], row))
		}
		x, y = append(x, line), append(y, row.numbers["odi_12m"])
	}
	w := read.Weighted{
		Question: read.Question{Selection: read.Selection{Programme: "back-pain", Where: where}, Terms: terms, Complete: []string{"bmi"}},
		Outcome:  moments.Column("odi_12m"), Beta: []float64{31.25, 0.3, -0.0725, 4.1},
		Bread: []float64{0.031, -1e-4, 3.3e-6, -2e-4, 1e-7, 5e-6, -0.01, 1e-6, 2e-6, 0.02},
		Along: []float64{-0.01, 1e-6, 2e-6, 0.02},
	}
	for kind, k := range map[read.HC]float64{read.HC0: 0, read.HC1: 0, read.HC2: 1, read.HC3: 2} {
		w.Kind = kind
		before := s.Reader().RowsRead()
		got, err := s.Reader().Weighted(context.Background(), w)
		if err != nil {
			t.Fatal(err)
		}
		if n := s.Reader().RowsRead() - before; n != 1 {
			t.Errorf("%v: the engine returned %d rows", kind, n)
		}
		all, err := s.Reader().Meat(context.Background(), w)
		if err != nil {
			t.Fatal(err)
		}
		want := 0.0
		for c, v := range meat(x, y, w.Beta, w.Bread, k) {
			if math.Abs(all[c]-v) > 1e-11*math.Abs(v) {
				t.Errorf("%v: cell %d of the meat: %v, want %v", kind, c, all[c], v)
			}
			i, j := place(c)
			times := 2.0
			if i == j {
				times = 1
			}
			want += times * v * w.Along[i] * w.Along[j]
		}
		if math.Abs(got-want) > 1e-11*math.Abs(want) {
			t.Errorf("%v: %v, want %v", kind, got, want)
		}
	}
	w.Kind, w.Bread = read.HC3, w.Bread[:3]
	if _, err := s.Reader().Weighted(context.Background(), w); err == nil {
		t.Error("an inverse of the wrong size is accepted")
	}
}

// place is the row and column of a packed cell.
func place(cell int) (i, j int) {
	for moments.Cell(i+1, 0) <= cell {
		i++
	}
	return i, cell - moments.Cell(i, 0)
}

// meat is Σ w·xᵢ·xⱼ by its definition.
func meat(x [][]float64, y, beta, bread []float64, k float64) []float64 {
	p := len(beta)
	out := make([]float64, p*(p+1)/2)
	for r, row := range x {
		e, h := y[r], 0.0
		for i := range p {
			e -= beta[i] * row[i]
			for j := range p {
				h += bread[moments.Cell(i, j)] * row[i] * row[j]
			}
		}
		for i := range p {
			for j := range i + 1 {
				out[moments.Cell(i, j)] += e * e / math.Pow(1-h, k) * row[i] * row[j]
			}
		}
	}
	return out
}

func TestLevels(t *testing.T) {
	s, _ := open(t)
	people(t, s, 100, 4)
	tests := map[string][]string{
		"region": {"Y56", "Y60's\\", "Y63"}, "sex": {"female", "male", "other"}, "imd_quintile": {"1", "2", "3", "4", "5"}, "prior_surgery": {"0", "1"},
	}
	for column, want := range tests {
		got, err := s.Reader().Levels(context.Background(), read.Selection{Programme: "back-pain"}, column)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("levels of %s = %q, %v, want %q", column, got, err, want)
		}
	}
}

func TestQuestionErrors(t *testing.T) {
	s, _ := open(t)
	ctx := context.Background()
	number := func(column string, op read.Op) read.Predicate {
		return read.Compare{Column: column, Op: op, Values: []read.Value{{Number: 1}}}
	}
	where := func(p read.Predicate) read.Question {
		return read.Question{Selection: read.Selection{Programme: "back-pain", Where: p}}
	}
	tests := []struct {
		question read.Question
		want     string
	}{
		{read.Question{}, "needs a programme"},
		{where(number("odi_12m; DROP TABLE outcome", read.Eq)), "there are age, age_band"},
		{where(number("odi_12m", "~")), "unknown comparison"},
		{where(number("region", read.Lt)), "holds codes"},
		{where(number("odi_12m_at", read.Lt)), "2026-04-01"},
		{where(number("odi_12m", read.In)), ""},
		{where(read.Compare{Column: "age", Op: read.In}), "at least one"},
		{where(read.Compare{Column: "age", Op: read.Eq, Values: []read.Value{{Text: "old", IsText: true}}}), "is a number"},
		{where(read.Compare{Column: "age", Op: read.Eq, Values: []read.Value{{Number: math.NaN()}}}), "finite"},
		{where(read.Not{}), "negation"},
		{read.Question{Selection: read.Selection{Programme: "back-pain", By: []string{"odi_12m"}}}, "measurement"},
		{read.Question{Selection: read.Selection{Programme: "back-pain"}, Terms: []moments.Term{moments.Column("region")}}, "give it a level"},
		{read.Question{Selection: read.Selection{Programme: "back-pain"}, Complete: []string{"shoe_size"}}, "shoe_size"},
		{read.Question{Selection: read.Selection{Programme: "back-pain"}, Change: &read.Change{Baseline: "odi_baseline", FollowUp: "eqvas_12m"}}, "one score"},
	}
	for _, test := range tests {
		_, err := s.Reader().Moments(ctx, test.question)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%+v = %v, want an error with %q", test.question, err, test.want)
		}
	}
}
