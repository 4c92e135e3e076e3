package store_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/store/read"
)

// numbers are the columns of a person that are numbers in an answer; the others
// are categories.
var numbers = []string{"age", "imd_quintile", "year", "bmi", "prior_surgery", "wait_days", "odi_baseline", "odi_12m", "nrs_back_baseline",
	"eq5d5l_uk5l_rowen2026_baseline", "eq5d5l_uk5l_rowen2026_12m"}

// shown is a value as text, with its number where it is one.
func shown(row person, column string) (text string, present bool) {
	if slices.Contains(numbers, column) {
		v, ok := row.numbers[column]
		return fmt.Sprintf("%022.6f", v+1e6), ok
	}
	v, ok := row.texts[column]
	return v, ok
}

// at is what an answer's column holds at a place, in the form of shown.
func at(c read.Column, i int) string {
	switch {
	case c.Missing != nil && c.Missing[i]:
		return ""
	case c.IsCategory():
		return c.Levels[c.Codes[i]]
	}
	return fmt.Sprintf("%022.6f", c.Numbers[i]+1e6)
}

// cell is a pattern in plain Go.
type cell struct{ n, answered, sum, sumSq float64 }

// cellsOf answers a question about cells in plain Go, by the key and the pattern.
func cellsOf(q read.CellQuestion, rows []person, unit float64) map[string]*cell {
	cells := map[string]*cell{}
	for _, row := range rows {
		if v, known := holds(q.Where, row); !v || !known || !complete(row, q.Complete...) {
			continue
		}
		parts, whole := []string{key(row, q.By)}, true
		for _, column := range q.Columns {
			text, present := shown(row, column)
			if !present {
				text = ""
			}
			parts, whole = append(parts, text), whole && present
		}
		y, answered := row.numbers[q.Response]
		if !whole && !q.Missing || q.Response != "" && !answered && !q.Unanswered {
			continue
		}
		k := strings.Join(parts, "|")
		if cells[k] == nil {
			cells[k] = &cell{}
		}
		c := cells[k]
		c.n++
		if answered && q.Response != "" {
			y = math.Round(y * unit)
			c.answered, c.sum, c.sumSq = c.answered+1, c.sum+y, c.sumSq+y*y
		}
	}
	for _, c := range cells {
		c.sum, c.sumSq = c.sum/unit, c.sumSq/(unit*unit)
	}
	return cells
}

func TestCellsEqualGo(t *testing.T) {
	s, _ := open(t)
	rows := people(t, s, 600, 8)
	random := rand.New(rand.NewPCG(8, 8))
	columns := append([]string{"sex", "region", "intervention", "startback_risk", "symptom_duration", "month", "age_band"}, numbers...)
	units := map[string]float64{"": 1, "odi_12m": 18, "eq5d5l_uk5l_rowen2026_12m": 1000, "age": 1}
	for round := range 40 {
		q := read.CellQuestion{Selection: read.Selection{Programme: "back-pain", By: [][]string{nil, {"region"}, {"year", "sex"}, {"bmi"}}[round%4]}}
		if round > 8 {
			q.Where = randomPredicate(random, round%3)
		}
		random.Shuffle(len(columns), func(i, j int) { columns[i], columns[j] = columns[j], columns[i] })
		q.Columns = slices.Clone(columns[:random.IntN(8)])
		q.Response = pick(random, "", "odi_12m", "eq5d5l_uk5l_rowen2026_12m", "age")
		q.Missing, q.Unanswered = random.IntN(2) == 0, random.IntN(2) == 0
		if random.IntN(3) == 0 {
			q.Complete = []string{"bmi", "region"}
		}
		before := s.Reader().RowsRead()
		got, err := s.Reader().Cells(threads(1), q)
		if err != nil {
			t.Fatalf("%+v: %v", q, err)
		}
		if n := s.Reader().RowsRead() - before; n > int64(max(got.Len(), 1)) {
			t.Errorf("%+v: the engine returned %d rows for %d cells", q, n, got.Len())
		}
		sameCells(t, q, got, cellsOf(q, rows, units[q.Response]))
		two, err := s.Reader().Cells(threads(2), q)
		if err != nil || !reflect.DeepEqual(got, two) {
			t.Errorf("%+v: one and two threads differ (%v)", q, err)
		}
	}
}

func sameCells(t *testing.T, q read.CellQuestion, got *read.Cells, want map[string]*cell) {
	t.Helper()
	if got.Len() != len(want) || len(q.By) == 0 && len(got.Groups) != 1 || !got.Exact {
		t.Errorf("%+v: %d cells, want %d; %d groups; exact %v", q, got.Len(), len(want), len(got.Groups), got.Exact)
		return
	}
	last, covered := "", 0
	for _, g := range got.Groups {
		for i := g.From; i < g.To; i++ {
			parts := []string{strings.Join(g.Key, "\x00")}
			for _, c := range got.Columns {
				parts = append(parts, at(c, i))
			}
			k, order := strings.Join(parts, "|"), strings.Join(parts, "\x01")
			if covered > 0 && order <= last {
				t.Errorf("%+v: %q stands after %q", q, order, last)
			}
			last, covered = order, covered+1
			w := want[k]
			if w == nil {
				t.Errorf("%+v: %q should not be there", q, k)
				return
			}
			have := cell{n: float64(got.Count[i])}
			if q.Response != "" {
				have.answered, have.sum, have.sumSq = float64(got.Answered[i]), got.Sum[i], got.SumSq[i]
			}
			if have != *w {
				t.Errorf("%+v: %q = %+v, want %+v", q, k, have, *w)
			}
		}
	}
	if covered != got.Len() {
		t.Errorf("%+v: groups hold %d of %d cells", q, covered, got.Len())
	}
}

func TestCellsOfFewRows(t *testing.T) {
	s, _ := open(t)
	q := read.CellQuestion{Selection: read.Selection{Programme: "back-pain"}, Columns: []string{"region", "age"}, Response: "odi_12m"}
	got, err := s.Reader().Cells(context.Background(), q)
	if err != nil || got.Len() != 0 || len(got.Groups) != 1 || got.Groups[0].To != 0 || len(got.Columns) != 2 {
		t.Errorf("cells of an empty table = %+v, %v", got, err)
	}
	q.By = []string{"sex"}
	if got, err := s.Reader().Cells(context.Background(), q); err != nil || got.Len() != 0 || len(got.Groups) != 0 {
		t.Errorf("groups of an empty table = %+v, %v", got, err)
	}
	rows := people(t, s, 1, 8)
	q = read.CellQuestion{Selection: q.Selection, Columns: []string{"age", "region"}, Missing: true}
	if got, err = s.Reader().Cells(context.Background(), q); err != nil {
		t.Fatal(err)
	}
	sameCells(t, q, got, cellsOf(q, rows, 1))
	q.By, q.Columns = nil, nil
	if got, err := s.Reader().Cells(context.Background(), q); err != nil || got.Len() != 1 || got.Count[0] != 1 {
		t.Errorf("the cell of no column = %+v, %v", got, err)
	}
}

func TestTooManyCells(t *testing.T) {
	s, _ := open(t)
	people(t, s, 400, 9)
	q := read.CellQuestion{Selection: read.Selection{Programme: "back-pain"}, Columns: []string{"sex", "odi_baseline", "age"}, MaxCells: 50}
	before := s.Reader().RowsRead()
	_, err := s.Reader().Cells(context.Background(), q)
	var many *read.TooManyCellsError
	if !errors.Is(err, read.ErrTooManyCells) || !errors.As(err, &many) {
		t.Fatalf("%v, want ErrTooManyCells", err)
	}
	if many.Max != 50 || len(many.Distinct) != 3 || many.Distinct[0].Column != "odi_baseline" || many.Distinct[2].Column != "sex" || many.Distinct[2].N != 3 {
		t.Errorf("%+v", many)
	}
	if !strings.Contains(err.Error(), "band") || !strings.Contains(err.Error(), "odi_baseline (about ") {
		t.Errorf("the error does not say what to do: %v", err)
	}
	if n := s.Reader().RowsRead() - before; n > 51 {
		t.Errorf("%d rows were sent", n)
	}
	q.Columns = []string{"sex"}
	if _, err := s.Reader().Cells(context.Background(), q); err != nil {
		t.Errorf("few cells of many rows: %v", err)
	}
}

func TestHistogramEqualsGo(t *testing.T) {
	s, _ := open(t)
	rows := people(t, s, 500, 10)
	for _, column := range []string{"odi_12m", "age", "eq5d5l_uk5l_rowen2026_12m", "wait_days"} {
		for _, by := range [][]string{nil, {"region"}, {"sex", "imd_quintile"}} {
			want := map[string]map[float64]int64{}
			for _, row := range rows {
				if v, ok := row.numbers[column]; ok && complete(row, "bmi") {
					k := key(row, by)
					if want[k] == nil {
						want[k] = map[float64]int64{}
					}
					want[k][v]++
				}
			}
			before := s.Reader().RowsRead()
			got, err := s.Reader().Histogram(threads(2), read.HistogramQuestion{Selection: read.Selection{Programme: "back-pain", By: by}, Column: column, Complete: []string{"bmi"}})
			if err != nil || len(got) != len(want) {
				t.Fatalf("%s by %v: %d groups, %v, want %d", column, by, len(got), err, len(want))
			}
			values := 0
			for i, h := range got {
				values += len(h.Values)
				w := want[strings.Join(h.Key, "\x00")]
				if len(h.Values) != len(w) || !slices.IsSorted(h.Values) || i > 0 && slices.Compare(got[i-1].Key, h.Key) >= 0 {
					t.Errorf("%s of %q: %d values, want %d", column, h.Key, len(h.Values), len(w))
				}
				for k, v := range h.Values {
					if w[v] != h.Counts[k] {
						t.Errorf("%s of %q: %v occurs %d times, want %d", column, h.Key, v, h.Counts[k], w[v])
					}
				}
			}
			if n := s.Reader().RowsRead() - before; n != int64(values) {
				t.Errorf("%d rows were read for %d values", n, values)
			}
		}
	}
	if _, err := s.Reader().Histogram(context.Background(), read.HistogramQuestion{Selection: read.Selection{Programme: "back-pain"}, Column: "region"}); err == nil {
		t.Error("a histogram of texts is answered")
	}
}

func TestPeopleEqualGo(t *testing.T) {
	s, _ := open(t)
	rows := people(t, s, 300, 12)
	columns := []string{"region", "age", "odi_12m", "eq5d5l_uk5l_rowen2026_baseline", "sex", "bmi", "referred_on"}
	text := func(row person) string {
		parts := make([]string, 0, len(columns))
		for _, column := range columns[:len(columns)-1] {
			v, ok := shown(row, column)
			if !ok {
				v = ""
			}
			parts = append(parts, v)
		}
		return strings.Join(parts, "|")
	}
	q := read.PeopleQuestion{Selection: read.Selection{Programme: "back-pain"}, Columns: columns, Missing: true, Key: [2]uint64{1, 2}}
	got, err := s.Reader().People(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	line := func(p *read.People, i int) string {
		parts := make([]string, 0, len(columns))
		for _, c := range p.Columns[:len(columns)-1] {
			parts = append(parts, at(c, i))
		}
		return strings.Join(parts, "|")
	}
	var have, want, other []string
	for i := range got.N {
		have = append(have, line(got, i))
	}
	for _, row := range rows {
		want = append(want, text(row))
	}
	q.Key = [2]uint64{3, 4}
	again, err := s.Reader().People(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	for i := range again.N {
		other = append(other, line(again, i))
	}
	if slices.Equal(have, other) {
		t.Error("two keys give one order")
	}
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		t.Errorf("%d people differ from %d", len(have), len(want))
	}
	q.Missing, q.SortBy = false, []string{"odi_12m", "region"}
	sorted, err := s.Reader().People(context.Background(), q)
	if err != nil || sorted.N == 0 || sorted.N >= got.N || !slices.IsSorted(sorted.Columns[2].Numbers) || sorted.Columns[2].Missing != nil {
		t.Errorf("%d complete people of %d, %v", sorted.N, got.N, err)
	}
	q.MaxRows = sorted.N - 1
	if _, err := s.Reader().People(context.Background(), q); !errors.Is(err, read.ErrTooManyRows) {
		t.Errorf("%v, want ErrTooManyRows", err)
	}
	n := 0
	stop := errors.New("enough")
	if err := s.Reader().Blocks(context.Background(), q, func(p read.People) error {
		n += p.N
		if len(p.Columns[0].Levels) != 3 {
			t.Errorf("a block has the levels %q", p.Columns[0].Levels)
		}
		return nil
	}); err != nil || n != sorted.N {
		t.Errorf("blocks hold %d of %d people, %v", n, sorted.N, err)
	}
	if err := s.Reader().Blocks(context.Background(), q, func(read.People) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("%v, want the reader's own error", err)
	}
}

// TestCellsOfAChange: what outcome does not store is a response and a column like
// any other.
func TestCellsOfAChange(t *testing.T) {
	s, _ := open(t)
	people(t, s, 300, 14)
	ctx, sel := context.Background(), read.Selection{Programme: "back-pain"}
	groups, err := s.Reader().Moments(ctx, read.Question{Selection: sel, Change: &read.Change{Baseline: "odi_baseline", FollowUp: "odi_12m"}, Complete: []string{"odi_baseline", "odi_12m", "age"}})
	if err != nil {
		t.Fatal(err)
	}
	scores, err := s.Reader().Cells(ctx, read.CellQuestion{Selection: sel, Columns: []string{"odi_baseline", "age"}, Response: "odi_12m"})
	if err != nil {
		t.Fatal(err)
	}
	gains, err := s.Reader().Cells(ctx, read.CellQuestion{Selection: sel, Columns: []string{"odi_baseline", "age"}, Response: "odi_12m_improvement"})
	if err != nil || !gains.Exact || gains.Len() != scores.Len() {
		t.Fatalf("%d cells, want %d, %v", gains.Len(), scores.Len(), err)
	}
	for i, base := range scores.Columns[0].Numbers {
		if want := base*float64(scores.Count[i]) - scores.Sum[i]; math.Abs(gains.Sum[i]-want) > 1e-9 {
			t.Errorf("gain of cell %d = %v, want %v", i, gains.Sum[i], want)
		}
	}
	responders, err := s.Reader().Cells(ctx, read.CellQuestion{Selection: sel, Columns: []string{"odi_12m_responder"}, Complete: []string{"age"}})
	if err != nil || responders.Len() != 2 {
		t.Fatalf("%+v, %v", responders, err)
	}
	if n := responders.Count[1]; n != groups[0].Responders || n+responders.Count[0] != groups[0].ResponderBase {
		t.Errorf("%v responders, want %d of %d", responders.Count, groups[0].Responders, groups[0].ResponderBase)
	}
	reasons, err := s.Reader().Cells(ctx, read.CellQuestion{Selection: read.Selection{Programme: "back-pain", By: []string{"odi_12m_responder_reason"}}})
	if err != nil || len(reasons.Groups) < 2 || reasons.Groups[0].Key[0] != "" {
		t.Errorf("%+v, %v", reasons, err)
	}
}
