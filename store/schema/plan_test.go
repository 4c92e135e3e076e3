package schema_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/internal/definitiontest"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/store/schema"
)

// sharing are two programmes that have the ODI both.
func sharing() []*programme.Programme {
	var out []*programme.Programme
	for _, id := range []string{"a", "b"} {
		out = append(out, &programme.Programme{ID: id, Instruments: []instruments.ID{"odi"}, Timepoints: []programme.Timepoint{{Key: "baseline"}}})
	}
	return out
}

func TestPlan(t *testing.T) {
	definitiontest.Use(t, definitiontest.SecondODI(t, true))
	c, err := schema.NewCatalogue(sharing())
	if err != nil {
		t.Fatal(err)
	}
	former := schema.Scoring{{Programme: "a", Score: "odi"}: {Algorithm: "odi-1"}, {Programme: "b", Score: "odi"}: {Algorithm: "odi-1"}}
	if c, err = c.With(former); err != nil {
		t.Fatal(err)
	}
	if col, _ := c.Column("odi_baseline"); col.Unit != 18 || col.Score.Algorithm != "odi-1" {
		t.Errorf("under odi-1 the column is %+v, want its unit and score", col)
	}
	plan, err := c.Plan(schema.Request{Instrument: "odi"})
	if err != nil || len(plan.Changes) != 2 || len(plan.Programmes) != 2 || len(plan.Targets) != 1 || plan.Targets[0].Algorithm != "odi-2" {
		t.Fatalf("plan %+v, %v; want both programmes switched and one target", plan, err)
	}
	if col, _ := plan.Next.Column("odi_baseline"); col.Unit != 9 || col.Score != plan.Targets[0] {
		t.Errorf("afterwards the column is %+v, want the unit and score of odi-2", col)
	}
	if got, ok := plan.Next.Current("b", "odi"); !ok || got != plan.Targets[0] {
		t.Errorf("current afterwards %+v", got)
	}
	stay, err := c.Plan(schema.Request{Instrument: "odi", Algorithm: "odi-1"})
	if err != nil || len(stay.Changes) != 0 {
		t.Errorf("the algorithm that is current: %+v, %v; want no change", stay.Changes, err)
	}
	var wrong *schema.RequestError
	if _, err := c.Plan(schema.Request{Instrument: "odi", Programme: "a"}); !errors.As(err, &wrong) || !wrong.OfState || !strings.Contains(err.Error(), "programme b shares") {
		t.Errorf("one of two programmes = %v, want it refused: they share a column", err)
	}
}

// TestUnknownChoice: neither a lost algorithm nor a lost value set is passed
// over.
func TestUnknownChoice(t *testing.T) {
	c, err := schema.NewCatalogue(programme.All())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		score  string
		choice schema.Choice
		want   string
	}{
		{"odi", schema.Choice{Algorithm: "odi-0"}, "made by algorithm odi-0, which this program does not have: run lumbar rescore --instrument odi"},
		{"eq5d5l", schema.Choice{Algorithm: "eq5d5l-1", ValueSet: "mars"}, "value set mars is current for eq5d5l"},
	} {
		var unavailable *schema.UnavailableError
		_, err := c.With(schema.Scoring{{Programme: "back-pain", Score: test.score}: test.choice})
		if !errors.As(err, &unavailable) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s under %+v = %v, want %q", test.score, test.choice, err, test.want)
		}
	}
}
