package store_test

import (
	"context"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/lumbar-health/lumbar/analytics/moments"
	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/internal/chtest"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/store"
	"github.com/lumbar-health/lumbar/store/read"
	"github.com/lumbar-health/lumbar/store/schema"
)

// changePairs is how many pairs of scores each score is tested on.
const changePairs = 2500

// pair is a score before and after in units, or in points where the score has
// no unit; nil is missing.
type pair struct{ baseline, followUp *float64 }

// everyInstrument is a programme that asks every instrument, with an id for
// each of its episodes.
func everyInstrument() *programme.Programme {
	p := &programme.Programme{
		ID:         "changes",
		Timepoints: []programme.Timepoint{{Key: "baseline", Anchor: programme.AnchorContact}, {Key: "12m", Anchor: programme.AnchorContact, Target: 365}},
		Covariates: []programme.Covariate{{Name: "pair", Kind: programme.Integer, Max: changePairs}},
	}
	for _, d := range instruments.All() {
		if d.Current {
			p.Instruments = append(p.Instruments, d.ID)
		}
	}
	return p
}

// TestChangeColumns holds every virtual column of every measured score equal to
// what instruments.Score.Change says of the same two scores, reasons included.
func TestChangeColumns(t *testing.T) {
	db := chtest.New(t)
	cfg := config(db)
	cfg.Programmes = []*programme.Programme{everyInstrument()}
	s, err := store.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	catalogue, err := schema.NewCatalogue(cfg.Programmes)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(4, 22))
	pairs := map[string][]pair{}
	for _, score := range catalogue.Programmes[0].Scores {
		if score.Score.Measured() {
			pairs[score.Column] = pairsOf(random, score.Score)
		}
	}
	storePairs(t, db.Conn(t), pairs)
	for _, score := range catalogue.Programmes[0].Scores {
		if score.Score.Measured() {
			t.Run(score.Column, func(t *testing.T) { compareChanges(t, s, score.Score, pairs[score.Column]) })
		}
	}
}

// pairsOf makes pairs of a score: all where they are few, else the ends, both
// sides of every threshold, and random ones.
func pairsOf(random *rand.Rand, s *instruments.Score) []pair {
	step, unit := 1.0, float64(s.Unit)
	if s.Unit == 0 {
		step, unit = (s.Max-s.Min)/40, 1
	}
	low, high := s.Min*unit, s.Max*unit
	within := func(v float64) bool { return v >= low && v <= high && (s.Unit == 0 || v == math.Round(v)) }
	var pairs []pair
	add := func(b, f float64) {
		if within(b) && within(f) {
			pairs = append(pairs, pair{&b, &f})
		}
	}
	if n := (high-low)/step + 1; n*n <= changePairs-100 {
		for i := range int(n + 0.5) {
			for j := range int(n + 0.5) {
				add(low+float64(i)*step, low+float64(j)*step)
			}
		}
	}
	anywhere := func() float64 {
		v := low + random.Float64()*(high-low)
		if s.Unit > 0 {
			v = math.Round(v)
		}
		return v
	}
	for len(pairs) < changePairs-10 {
		b := anywhere()
		for _, at := range []*float64{s.Floor, s.RecoveredAtMost, s.CaseFrom} {
			if at != nil && random.IntN(3) == 0 {
				b = math.Round(*at*unit) + step*float64(random.IntN(3)-1)
			}
		}
		if random.IntN(20) == 0 {
			b = []float64{low, high, 0}[random.IntN(3)]
		}
		add(b, anywhere())
		edges := []float64{0, 0.3 * math.Abs(b), -0.3 * math.Abs(b)}
		for _, d := range []*float64{s.MIC, s.DetAbs, s.MDC} {
			if d != nil {
				edges = append(edges, *d*unit, -*d*unit)
			}
		}
		edge := b + edges[random.IntN(len(edges))]
		add(b, edge)
		add(b, math.Round(edge)+step*float64(random.IntN(3)-1))
	}
	pairs = pairs[:min(len(pairs), changePairs-3)]
	v := anywhere()
	return append(pairs, pair{nil, &v}, pair{&v, nil}, pair{nil, nil})
}

// storePairs writes the outcome of an episode a pair: pair i of every score.
func storePairs(t *testing.T, conn clickhouse.Conn, pairs map[string][]pair) {
	t.Helper()
	columns := make([]string, 0, len(pairs))
	for column := range pairs {
		columns = append(columns, column)
	}
	slices.Sort(columns)
	names := []string{"patient_id", "episode_id", "version", "live", "programme", "fy", "referred_on", "pair"}
	for _, c := range columns {
		names = append(names, schema.Quote(c+"_baseline"), schema.Quote(c+"_12m"))
	}
	batch, err := conn.PrepareBatch(context.Background(), "INSERT INTO outcome ("+strings.Join(names, ", ")+")")
	if err != nil {
		t.Fatal(err)
	}
	for i := range changePairs {
		n := int32(i)
		row := []any{big.NewInt(int64(i + 1)), uint64(i + 1), uint64(1), uint8(1), "changes", uint16(2025), received, &n}
		for _, c := range columns {
			var p pair
			if i < len(pairs[c]) {
				p = pairs[c][i]
			}
			score, _ := instruments.ScoreByColumn(c)
			row = append(row, cellOf(score, p.baseline), cellOf(score, p.followUp))
		}
		if err := batch.Append(row...); err != nil {
			t.Fatal(err)
		}
	}
	if err := batch.Send(); err != nil {
		t.Fatal(err)
	}
}

func cellOf(s *instruments.Score, v *float64) any {
	if s.Unit == 0 {
		return v
	}
	if v == nil {
		return (*int32)(nil)
	}
	units := int32(*v)
	return &units
}

// compareChanges reads the columns of all pairs and compares them.
func compareChanges(t *testing.T, s *store.Store, score *instruments.Score, pairs []pair) {
	t.Helper()
	stem := score.Column() + "_12m_"
	by := []string{"pair"}
	for _, part := range schema.ChangeParts() {
		if part != schema.Improvement && part != schema.Percent {
			by = append(by, stem+part)
		}
		by = append(by, stem+part+"_reason")
	}
	counts, err := s.Reader().Count(context.Background(), read.Selection{Programme: "changes", By: by})
	if err != nil {
		t.Fatal(err)
	}
	if len(counts) != changePairs {
		t.Fatalf("%d groups, want one for each of %d pairs", len(counts), changePairs)
	}
	numbers := map[string]map[string]float64{}
	for _, part := range []string{schema.Improvement, schema.Percent} {
		numbers[part] = sumsByPair(t, s, stem+part)
	}
	wrong := 0
	for _, c := range counts {
		i, err := strconv.Atoi(c.Key[0])
		if err != nil || i >= len(pairs) {
			continue
		}
		want := expected(score, pairs[i])
		got := map[string]string{}
		for k, name := range by[1:] {
			got[strings.TrimPrefix(name, stem)] = c.Key[k+1]
		}
		for _, part := range schema.ChangeParts() {
			value, known := numbers[part][c.Key[0]]
			if part == schema.Improvement || part == schema.Percent {
				got[part] = ""
				if known {
					got[part] = strconv.FormatFloat(value, 'g', -1, 64)
				}
			}
			if (!alike(got[part], want[part]) || got[part+"_reason"] != want[part+"_reason"]) && wrong < 10 {
				wrong++
				t.Errorf("%s of %s to %s = %q (%s), want %q (%s)", part, inWords(pairs[i].baseline), inWords(pairs[i].followUp),
					got[part], got[part+"_reason"], want[part], want[part+"_reason"])
			}
		}
	}
}

// alike compares two cells as text, numbers but for the rounding of points:
// Change subtracts points, the engine units.
func alike(a, b string) bool {
	x, errx := strconv.ParseFloat(a, 64)
	y, erry := strconv.ParseFloat(b, 64)
	return a == b || errx == nil && erry == nil && math.Abs(x-y) <= 1e-10*max(1, math.Abs(y))
}

// sumsByPair reads a number of each pair that has one.
func sumsByPair(t *testing.T, s *store.Store, column string) map[string]float64 {
	t.Helper()
	groups, err := s.Reader().Moments(context.Background(), read.Question{
		Selection: read.Selection{Programme: "changes", By: []string{"pair"}}, Terms: []moments.Term{moments.Column(column)},
	})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, g := range groups {
		if mean, known := g.Moments.Mean(1); known {
			out[g.Key[0]] = mean
		}
	}
	return out
}

// expected writes what Change says as the columns do.
func expected(s *instruments.Score, p pair) map[string]string {
	points := func(v *float64) *float64 {
		if v == nil || s.Unit == 0 {
			return v
		}
		p := s.Points(int32(*v))
		return &p
	}
	c := s.Change(points(p.baseline), points(p.followUp))
	out := map[string]string{}
	for part, v := range map[string]*float64{schema.Improvement: c.Improvement, schema.Percent: c.Percent} {
		if v != nil {
			out[part] = strconv.FormatFloat(*v, 'g', -1, 64)
		}
	}
	for part, v := range map[string]*bool{
		schema.MeetsAbsolute: c.MeetsAbsolute, schema.MeetsPercent: c.MeetsPercent, schema.Responder: c.Responder,
		schema.Deteriorated: c.Deteriorated, schema.ReliableChange: c.ReliableChange, schema.Recovered: c.Recovered,
	} {
		if v != nil {
			out[part] = map[bool]string{false: "0", true: "1"}[*v]
		}
	}
	for part, reason := range c.Reasons {
		out[part+"_reason"] = reason
	}
	return out
}

func inWords(v *float64) string {
	if v == nil {
		return "missing"
	}
	return strconv.FormatFloat(*v, 'g', -1, 64)
}

// TestChangeColumnsEverywhere uses a virtual column as a condition, a term and
// a group, and compares with the counts that a question about change returns.
func TestChangeColumnsEverywhere(t *testing.T) {
	s, _ := open(t)
	people(t, s, 300, 8)
	ctx, all := context.Background(), read.Selection{Programme: "back-pain"}
	const responder = "odi_12m_responder"
	asked, err := s.Reader().Moments(ctx, read.Question{Selection: all, Complete: []string{"odi_baseline", "odi_12m"},
		Change: &read.Change{Baseline: "odi_baseline", FollowUp: "odi_12m"}})
	if err != nil || len(asked) != 1 || asked[0].Responders == 0 || asked[0].ResponderBase == asked[0].Moments.N {
		t.Fatalf("responders = %+v, %v, want some, and some in whom the rule is not defined", asked, err)
	}
	want := asked[0]
	count := func(where read.Predicate) int64 {
		t.Helper()
		counts, err := s.Reader().Count(ctx, read.Selection{Programme: "back-pain", Where: where})
		if err != nil || len(counts) != 1 {
			t.Fatalf("counts = %v, %v", counts, err)
		}
		return counts[0].N
	}
	is := func(column string, v read.Value) read.Compare {
		return read.Compare{Column: column, Op: read.Eq, Values: []read.Value{v}}
	}
	if n := count(is(responder, read.Value{Number: 1})); n != want.Responders {
		t.Errorf("%d with %s = 1, want %d", n, responder, want.Responders)
	}
	if n := count(read.Not{Of: is(responder, read.Value{Number: 1})}); n != want.ResponderBase-want.Responders {
		t.Errorf("%d with not %s = 1, want %d", n, responder, want.ResponderBase-want.Responders)
	}
	if n := count(read.Present{Column: responder}); n != want.ResponderBase {
		t.Errorf("%d have a %s, want %d", n, responder, want.ResponderBase)
	}
	if n := count(is(responder+"_reason", read.Value{Text: instruments.ReasonBaselineBelowFloor, IsText: true})); n != want.Moments.N-want.ResponderBase {
		t.Errorf("%d are below the floor, want %d", n, want.Moments.N-want.ResponderBase)
	}
	// No reason is an answer: the rule is defined.
	if n := count(is(responder+"_reason", read.Value{IsText: true})); n != want.ResponderBase {
		t.Errorf("%d have no reason, want %d", n, want.ResponderBase)
	}
	if n := count(read.Compare{Column: "odi_12m_improvement", Op: read.Gt, Values: []read.Value{{Number: 0}}}); n != want.Improved {
		t.Errorf("%d improved, want %d", n, want.Improved)
	}
	groups, err := s.Reader().Moments(ctx, read.Question{Selection: all, Terms: []moments.Term{moments.Column(responder), moments.Column("odi_12m_improvement")}})
	if err != nil || len(groups) != 1 || !groups[0].Moments.AllExact(1, 2) {
		t.Fatalf("moments of %s: %+v, %v, want exact sums", responder, groups, err)
	}
	if got := groups[0].Moments; got.N != want.ResponderBase || got.Exact[moments.Cell(1, 0)] != moments.FromInt64(want.Responders) {
		t.Errorf("%d of %d respond, want %d of %d", got.Exact[moments.Cell(1, 0)].Lo, got.N, want.Responders, want.ResponderBase)
	}
	levels, err := s.Reader().Levels(ctx, all, responder)
	if err != nil || !slices.Equal(levels, []string{"0", "1"}) {
		t.Errorf("levels of %s = %v, %v", responder, levels, err)
	}
	_, err = s.Reader().Count(ctx, read.Selection{Programme: "back-pain", Where: read.Present{Column: "odi_12m_better"}})
	if err == nil || len(err.Error()) > 1000 || !strings.Contains(err.Error(), "odi_12m") || !strings.Contains(err.Error(), "_responder") {
		t.Errorf("an unknown column: %v, want a short error with the closest scores and the parts of a change", err)
	}
}
