package doublyrobust_test

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/lumbar-health/lumbar/analytics/balance"
	"github.com/lumbar-health/lumbar/analytics/cells"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/doublyrobust"
	"github.com/lumbar-health/lumbar/analytics/effect"
	"github.com/lumbar-health/lumbar/analytics/glm"
	"github.com/lumbar-health/lumbar/analytics/propensity"
)

// reference is testdata/r/causal.R's output: data, and estimates with errors.
type reference map[string][]float64

func readReference(t testing.TB) reference {
	t.Helper()
	raw, err := os.ReadFile("testdata/causal.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	out := reference{}
	for name, v := range all {
		list, ok := v.([]any)
		if !ok {
			continue
		}
		for _, x := range list {
			out[name] = append(out[name], x.(float64))
		}
	}
	return out
}

// study is the reference's rows with an outcome.
func (r reference) study(t testing.TB, outcome string) *effect.Study {
	t.Helper()
	levels := make([]int, len(r["g"]))
	for i, g := range r["g"] {
		levels[i] = int(g)
	}
	table, err := design.NewTable(design.Column{Name: "x", Values: r["x"]}, design.Column{Name: "g", Codes: levels, Levels: []string{"0", "1", "2"}})
	if err != nil {
		t.Fatal(err)
	}
	f, err := design.Parse("~ x + g")
	if err != nil {
		t.Fatal(err)
	}
	m, err := f.Build(table)
	if err != nil {
		t.Fatal(err)
	}
	s, err := effect.FromRows(r["t"], r[outcome], m, m)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// grouped joins equal patterns of a study.
func grouped(s *effect.Study) *effect.Study {
	marked := s.Score.Append("arm", make([]float64, s.Len()))
	for i, t := range s.Treated {
		if t {
			marked.X[i*marked.P+marked.P-1] = 1
		}
	}
	joined, _ := cells.Cells{Design: marked, Count: s.Count, Sum: s.Sum, SumSq: s.SumSq}.Collapse()
	out := &effect.Study{Count: joined.Count, Sum: joined.Sum, SumSq: joined.SumSq}
	last := joined.Design.P - 1
	for i := range joined.Design.N {
		out.Treated = append(out.Treated, joined.Design.Row(i)[last] == 1)
	}
	kept := make([]int, last)
	for j := range kept {
		kept[j] = j
	}
	m := &design.Matrix{Names: s.Score.Names, Labels: s.Score.Labels, Assign: s.Score.Assign, N: joined.Design.N, P: last}
	for i := range m.N {
		m.X = append(m.X, joined.Design.Row(i)[:last]...)
	}
	out.Score, out.Outcome = m, m
	return out
}

// estimators are all with an estimate and an error of stacked equations, by the
// name of the reference.
var estimators = map[string]struct {
	outcome  string
	estimate func(s *effect.Study) (effect.Result, error)
}{
	"ate":                   {"y", weighted(propensity.ATE)},
	"att":                   {"y", weighted(propensity.ATT)},
	"atc":                   {"y", weighted(propensity.ATC)},
	"overlap":               {"y", weighted(propensity.OverlapTarget)},
	"matching":              {"y", weighted(propensity.MatchingTarget)},
	"gcomp_gaussian":        {"y", byArm(glm.Gaussian)},
	"gcomp_binomial":        {"b", byArm(glm.Binomial)},
	"aipw_gaussian":         {"y", augmented(doublyrobust.Augmented, glm.Gaussian)},
	"aipw_binomial":         {"b", augmented(doublyrobust.Augmented, glm.Binomial)},
	"aipw_treated":          {"y", augmented(doublyrobust.AugmentedTreated, glm.Gaussian)},
	"aipw_treated_binomial": {"b", augmented(doublyrobust.AugmentedTreated, glm.Binomial)},
	"entropy_treated":       {"y", balanced(balance.EntropyATT)},
	"entropy_everybody":     {"y", balanced(balance.EntropyATE)},
}

func weighted(target propensity.Target) func(*effect.Study) (effect.Result, error) {
	return func(s *effect.Study) (effect.Result, error) {
		c, err := propensity.IPW(s, target, propensity.Options{})
		return c.Result, err
	}
}

func byArm(family glm.Family) func(*effect.Study) (effect.Result, error) {
	return func(s *effect.Study) (effect.Result, error) {
		g, err := doublyrobust.ArmSpecific(s, family, propensity.Options{})
		return g.Result, err
	}
}

func augmented(of func(*effect.Study, glm.Family, propensity.Options) (doublyrobust.AIPW, error), family glm.Family) func(*effect.Study) (effect.Result, error) {
	return func(s *effect.Study) (effect.Result, error) {
		a, err := of(s, family, propensity.Options{})
		return a.Result, err
	}
}

func balanced(of func(*effect.Study, float64) (balance.Entropy, error)) func(*effect.Study) (effect.Result, error) {
	return func(s *effect.Study) (effect.Result, error) {
		e, err := of(s, 0.95)
		return e.Result, err
	}
}

func near(a, b, rel float64) bool { return math.Abs(a-b) <= rel*math.Max(1, math.Abs(b)) }

// TestAgreesWithStackedEquations holds every estimator and its error against
// equations that R differentiates numerically, which limits the agreement.
func TestAgreesWithStackedEquations(t *testing.T) {
	r := readReference(t)
	for name, e := range estimators {
		got, err := e.estimate(r.study(t, e.outcome))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := r[name]
		if !near(got.Value, want[0], 1e-9) || !near(got.StdErr, want[1], 1e-7) {
			t.Errorf("%s = %.12g (%.12g), want %.12g (%.12g)", name, got.Value, got.StdErr, want[0], want[1])
		}
	}
	g, err := doublyrobust.ArmSpecific(r.study(t, "y"), glm.Gaussian, propensity.Options{})
	if want := r["gcomp_treated"]; err != nil || !near(g.Treated, want[0], 1e-9) || !near(g.TreatedStdErr, want[1], 1e-7) {
		t.Errorf("among the treated %.12g (%.12g), %v, want %v", g.Treated, g.TreatedStdErr, err, want)
	}
}

// TestCellsAreRows holds that people grouped by arm and covariates give what
// their rows give.
func TestCellsAreRows(t *testing.T) {
	r := readReference(t)
	for name, e := range estimators {
		rows := r.study(t, e.outcome)
		together := grouped(rows)
		if together.Len() >= rows.Len() {
			t.Fatalf("%d patterns of %d rows", together.Len(), rows.Len())
		}
		a, errA := e.estimate(rows)
		b, errB := e.estimate(together)
		if errA != nil || errB != nil {
			t.Fatalf("%s: %v, %v", name, errA, errB)
		}
		for _, pair := range [][2]float64{{a.Value, b.Value}, {a.StdErr, b.StdErr}, {a.ESS1, b.ESS1}, {a.ESS0, b.ESS0}, {a.Lower, b.Lower}} {
			if !near(pair[0], pair[1], 1e-10) {
				t.Errorf("%s: rows %v, cells %v", name, pair[0], pair[1])
			}
		}
	}
}

// TestShiftScaleAndSwap holds that adding to the outcome changes nothing,
// multiplying it multiplies the effect and its error, and renaming the arms
// turns the sign.
func TestShiftScaleAndSwap(t *testing.T) {
	r := readReference(t)
	mirrored := map[string]string{"att": "atc", "atc": "att", "aipw_treated": "", "entropy_treated": ""}
	for name, e := range estimators {
		if e.outcome != "y" {
			continue
		}
		plain, err := e.estimate(r.study(t, "y"))
		if err != nil {
			t.Fatal(err)
		}
		moved := reference{"x": r["x"], "g": r["g"], "t": r["t"], "y": make([]float64, len(r["y"]))}
		for i, y := range r["y"] {
			moved["y"][i] = 3*y - 100
		}
		got, err := e.estimate(moved.study(t, "y"))
		if err != nil || !near(got.Value, 3*plain.Value, 1e-9) || !near(got.StdErr, 3*plain.StdErr, 1e-9) {
			t.Errorf("%s: 3y−100 gives %v (%v), %v, want 3×%v (%v)", name, got.Value, got.StdErr, err, plain.Value, plain.StdErr)
		}
		other, special := mirrored[name]
		if special && other == "" {
			continue
		}
		if !special {
			other = name
		}
		swapped := reference{"x": r["x"], "g": r["g"], "y": r["y"], "t": make([]float64, len(r["t"]))}
		for i, a := range r["t"] {
			swapped["t"][i] = 1 - a
		}
		got, err = estimators[other].estimate(swapped.study(t, "y"))
		if err != nil || !near(got.Value, -plain.Value, 1e-9) || !near(got.StdErr, plain.StdErr, 1e-9) {
			t.Errorf("%s swapped is %s %v (%v), %v, want %v (%v)", name, other, got.Value, got.StdErr, err, -plain.Value, plain.StdErr)
		}
	}
}

// TestSeveralArmsOfTwo holds that two arms by the several-arm method are the
// augmented estimate.
func TestSeveralArmsOfTwo(t *testing.T) {
	s := readReference(t).study(t, "y")
	arms := make([]int, s.Len())
	for i, treated := range s.Treated {
		if treated {
			arms[i] = 1
		}
	}
	several, err := doublyrobust.CompareArms(doublyrobust.Several{Names: []string{"control", "treated"}, Arm: arms, Count: s.Count, Sum: s.Sum, SumSq: s.SumSq, Score: s.Score, Outcome: s.Outcome}, glm.Gaussian, propensity.Options{})
	if err != nil {
		t.Fatal(err)
	}
	two, err := doublyrobust.Augmented(s, glm.Gaussian, propensity.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := several.Contrasts[0]
	for _, pair := range [][2]float64{{got.Value, two.Value}, {got.StdErr, two.StdErr}, {got.InfluenceStdErr, two.InfluenceStdErr}, {several.Arms[1].Augmented, two.Mean1}, {several.Arms[0].ESS, two.ESS0}} {
		if !near(pair[0], pair[1], 1e-8) {
			t.Errorf("several arms %v, two arms %v", pair[0], pair[1])
		}
	}
}

// TestTargetedIsNearAugmented holds that targeting moves little where models fit,
// and that probabilities stay probabilities.
func TestTargetedIsNearAugmented(t *testing.T) {
	s := readReference(t).study(t, "b")
	m, err := doublyrobust.Targeted(s, propensity.Options{})
	if err != nil {
		t.Fatal(err)
	}
	joint, err := doublyrobust.SingleModel(s, glm.Binomial, propensity.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(m.Value-joint.AIPTW.Difference) > 0.01 || !(m.Mean1 > 0 && m.Mean1 < 1 && m.Mean0 > 0 && m.Mean0 < 1) {
		t.Errorf("targeted %v of %v and %v, augmented %v", m.Value, m.Mean1, m.Mean0, joint.AIPTW.Difference)
	}
	if *m.Ratio != m.Mean1/m.Mean0 || !near(*joint.IPTW.Ratio, joint.IPTW.Mean1/joint.IPTW.Mean0, 1e-12) {
		t.Errorf("ratios %v, %v", *m.Ratio, *joint.IPTW.Ratio)
	}
}
