package queries_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/queries"
)

// withParts gives episodes the scores of instruments that have several: some
// in units, some without a unit, and indices under two value sets.
func withParts(rows []episode) []episode {
	r := rand.New(rand.NewPCG(5, 6))
	for _, e := range rows {
		for _, at := range []string{"_baseline", "_12m"} {
			e["wpai_shp_overall"+at] = r.Float64()
			e["wpai_shp_activity"+at] = math.Round(10*r.Float64()) / 10
			e["promis29_pf"+at] = math.Round(10*(30+20*r.Float64())) / 10
			e["eq5d5l_uk5l_rowen2026"+at] = math.Round(1000*r.Float64()) / 1000
			e["eq5d5l_xw_vanhout2012_uk3l"+at] = math.Round(1000*r.Float64()) / 1000
		}
	}
	return rows
}

// instrumentsOf are the row labels of an answer, each once, in their order.
func instrumentsOf(a table) (names []string) {
	for i := range a.Rows {
		if name := a.at(i, "instrument").(string); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func TestAnInstrumentWithSeveralScoresMeansAllOfThem(t *testing.T) {
	d := open(t, withParts(backPain(300)))
	a := d.ask(t, "outcomes", true, "instrument", "wpai_shp")
	want := []string{"wpai_shp_absenteeism", "wpai_shp_activity", "wpai_shp_overall", "wpai_shp_presenteeism"}
	if got := instrumentsOf(a); !slices.Equal(got, want) {
		t.Fatalf("wpai_shp is %v, want %v", got, want)
	}
	if got := instrumentsOf(d.ask(t, "outcomes", true, "instrument", "promis29_pf,promis29")); len(got) != 8 || got[0] != "promis29_pf" {
		t.Errorf("promis29 behind one of its scores is %v, want all eight, that one first", got)
	}
	_, err := d.Ask(context.Background(), queries.Question{Name: "compare", Params: map[string][]string{"instrument": {"promis29"}}})
	var e *queries.Error
	if !errors.As(err, &e) || e.Kind != queries.InvalidArgument || !strings.Contains(e.Message, "promis29_pf") {
		t.Errorf("compare of promis29: %v, want its scores named", err)
	}
}

// TestScoresWithoutAUnit averages a score of Float64 and says that its sums are
// not exact.
func TestScoresWithoutAUnit(t *testing.T) {
	d := open(t, withParts(backPain(300)))
	a := d.ask(t, "outcomes", true, "instrument", "wpai_shp_overall")
	n, sum := 0.0, 0.0
	for _, e := range d.rows {
		if e.has("bmi", "sex") {
			before, _ := e.number("wpai_shp_overall_baseline")
			after, _ := e.number("wpai_shp_overall_12m")
			n, sum = n+1, sum+before-after
		}
	}
	a.same(0, "n_modelled", int64(n))
	a.near(0, "mean_gain", sum/n, 1e-12)
	r, err := d.store.Reader().Receipt(context.Background(), a.Receipt)
	if err != nil || r.Exact {
		t.Errorf("receipt of %s: exact %v, %v, want sums that are not exact", a.Receipt, r.Exact, err)
	}
	c := d.ask(t, "compare", true, "instrument", "wpai_shp_overall", "by", "none", "method", "welch", "interventions", "core_therapy,cppp")
	if c.at(0, "estimate") == nil {
		t.Error("compare of a score without a unit has no estimate")
	}
}

func TestAnswersSayTheValueSet(t *testing.T) {
	d := open(t, withParts(backPain(300)))
	for name, set := range map[string]string{"eq5d5l": "uk5l_rowen2026", "eq5d5l_xw_vanhout2012_uk3l": "xw_vanhout2012_uk3l"} {
		a := d.ask(t, "outcomes", true, "instrument", name)
		if !slices.ContainsFunc(a.Notes, func(n string) bool { return strings.Contains(n, name) && strings.Contains(n, set) }) {
			t.Errorf("notes of %s: %q, want value set %s", name, a.Notes, set)
		}
		column := "eq5d5l_" + set
		n, sum := 0.0, 0.0
		for _, e := range d.rows {
			if e.has("bmi", "sex") {
				before, _ := e.number(column + "_baseline")
				after, _ := e.number(column + "_12m")
				n, sum = n+1, sum+after-before
			}
		}
		a.near(0, "mean_gain", sum/n, 1e-12)
		r, err := d.store.Reader().Receipt(context.Background(), a.Receipt)
		if err != nil || !strings.Contains(r.Parameters, `"scored_by":["`+name+" eq5d5l-") || !strings.Contains(r.Parameters, set) {
			t.Errorf("parameters of the receipt are %s, %v, want algorithm and value set of %s", r.Parameters, err, name)
		}
		// A desk of another process recalls the answer from its receipt.
		if again := askOf(t, d.another(), "outcomes", true, "instrument", name); again.Receipt != a.Receipt {
			t.Errorf("%s: receipt %s, and %s elsewhere", name, a.Receipt, again.Receipt)
		}
	}
}

// TestCategoriesHaveNoMean refuses the scores that only count people.
func TestCategoriesHaveNoMean(t *testing.T) {
	for _, name := range []string{"ces", "work_status", "eq5d5l_profile", "startback9_risk"} {
		for _, question := range []string{"outcomes", "funnel", "trend", "spc", "compare"} {
			err := queries.Check(queries.Question{Name: question, Params: map[string][]string{"instrument": {name}}})
			var e *queries.Error
			if !errors.As(err, &e) || e.Kind != queries.InvalidArgument || !strings.Contains(e.Message, "category") {
				t.Errorf("%s of %s: %v, want it called a category", question, name, err)
			}
		}
	}
	for _, m := range queries.Measurable(programme.Default()) {
		if err := queries.Check(queries.Question{Name: "compare", Params: map[string][]string{"instrument": {m.Key}}}); err != nil {
			t.Errorf("%s is listed as measurable: %v", m.Key, err)
		}
	}
	if first := queries.Measurable(programme.Default())[0].Key; first != "odi" {
		t.Errorf("a question that takes one instrument and names none is about %s, want odi", first)
	}
}

// TestMappedIndexWithoutItsTables says which folder is wanting.
func TestMappedIndexWithoutItsTables(t *testing.T) {
	err := queries.Check(queries.Question{Name: "outcomes", Params: map[string][]string{"instrument": {"eq5d5l_dsu_eepru_2022_to_3l"}}})
	if err == nil || !strings.Contains(err.Error(), "instruments.dsu_dir") {
		t.Errorf("outcomes of a mapped index without its tables: %v", err)
	}
}

// TestStratifiersSaySo asks for a stratifier by name: its mean is given, with
// what it is not; a question that names no instrument leaves it out.
func TestStratifiersSaySo(t *testing.T) {
	d := open(t, withParts(backPain(300)))
	says := func(a table) bool {
		return slices.ContainsFunc(a.Notes, func(n string) bool { return strings.Contains(n, "startback9") && strings.Contains(n, "no outcome") })
	}
	if a := d.ask(t, "outcomes", true, "instrument", "startback9"); !says(a) {
		t.Errorf("notes of startback9: %q", a.Notes)
	}
	a := d.ask(t, "outcomes", true, "by", "none")
	var asked []string
	for i := range a.Rows {
		asked = append(asked, a.at(i, "instrument").(string))
	}
	if p, _ := programme.Lookup("back-pain"); len(asked) != len(p.Main) || says(a) {
		t.Errorf("a question that names no instrument asks %v, want the main ones; notes %q", asked, a.Notes)
	}
}
