package disclosure

import (
	"encoding/json"
	"math"
	"slices"
	"testing"
)

func TestCount(t *testing.T) {
	for _, c := range []struct {
		n, want int64
		ok      bool
	}{
		{0, 0, true}, {1, 0, false}, {7, 0, false}, {8, 10, true}, {12, 10, true}, {13, 15, true},
		{17, 15, true}, {18, 20, true}, {23, 25, true}, {24, 25, true}, {102, 100, true}, {103, 105, true},
	} {
		if got, ok := Count(c.n); got != c.want || ok != c.ok {
			t.Errorf("Count(%d) = %d, %v, want %d, %v", c.n, got, ok, c.want, c.ok)
		}
	}
}

func TestRoundHalfAwayFromZero(t *testing.T) {
	for _, c := range []struct {
		x        float64
		decimals int
		want     float64
	}{
		{0.25, 1, 0.3}, {-0.25, 1, -0.3}, {2.675, 2, 2.68}, {1.005, 2, 1.01}, {-1.005, 2, -1.01}, {0.5, 0, 1},
		{1.4999, 0, 1}, {-0.04, 1, 0}, {12345, -2, 12300}, {12350, -2, 12400}, {0.4445, 3, 0.445}, {0.44449, 3, 0.444},
	} {
		if got := Round(c.x, c.decimals); got != c.want || math.Signbit(got) && got == 0 {
			t.Errorf("Round(%v, %d) = %v, want %v", c.x, c.decimals, got, c.want)
		}
	}
}

func TestSignificant(t *testing.T) {
	for _, c := range []struct {
		x      float64
		digits int
		want   float64
	}{{15.98, 2, 16}, {0.2449, 2, 0.24}, {0.245, 2, 0.25}, {1234, 2, 1200}, {0, 2, 0}, {4.97504, 3, 4.98}} {
		if got := Significant(c.x, c.digits); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("Significant(%v, %d) = %v, want %v", c.x, c.digits, got, c.want)
		}
	}
}

func TestDecimalsFollowTheScale(t *testing.T) {
	hundred, index := Scale{0, 100}, Scale{-0.594, 1}
	for _, c := range []struct {
		scale Scale
		n     int64
		want  int
	}{{hundred, 10, 1}, {hundred, 10000, 1}, {index, 95, 2}, {index, 100, 3}} {
		if got := c.scale.Decimals(c.n); got != c.want {
			t.Errorf("%v.Decimals(%d) = %d, want %d", c.scale, c.n, got, c.want)
		}
	}
}

func TestIntervalsUseTheReleasedCount(t *testing.T) {
	exact := Sampling{Value: 10, StdErr: 2, N: 23, DF: 22, Level: 0.95}
	s := exact.released()
	if want := 2 * math.Sqrt(23.0/25); math.Abs(s.StdErr-want) > 1e-12 || s.DF != 24 || s.N != 25 {
		t.Errorf("released = %+v, want standard error %v, df 24, n 25", s, want)
	}
	clustered := Sampling{Value: 10, StdErr: 2, N: 23, DF: 11, FixedDF: true, Level: 0.95}.released()
	if clustered.DF != 11 {
		t.Errorf("clusters less one = %v after rounding of n, want 11", clustered.DF)
	}
}

// row makes a table of one row of outcomes.
func row(cells map[string]any) *Table {
	return &Table{Question: "outcomes", By: []string{"sex"}, Rows: []Record{{Key: []any{"female"}, Cells: cells, Scale: Scale{0, 100}}}}
}

func release(t *testing.T, table *Table) *Answer {
	t.Helper()
	a, err := Release(t.Context(), table, &Ledger{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func value(a *Answer, column string) any { return a.Rows[0].Values[a.Index(column)] }

func TestFewPeopleTakeEverythingWithThem(t *testing.T) {
	gain := Sampling{Value: 12.345, StdErr: 3, N: 7, DF: 6, Level: 0.95}
	a := release(t, row(map[string]any{
		"programme": "p", "instrument": "odi", "timepoint": "12m", "n_eligible": int64(43), "n_modelled": int64(7),
		"mean_baseline": 40.123, "mean_gain": 12.345, "lower": Lower(gain), "upper": Upper(gain), "std_dev": 8.1,
		"n_improved": int64(7), "n_unchanged": int64(0), "n_worse": int64(0),
	}))
	for _, c := range a.Columns[5:] {
		if value(a, c.Name) != nil || !slices.Contains(a.Rows[0].Suppressed, c.Name) && c.Name != "n_responders" && c.Name != "responder_ratio" {
			t.Errorf("%s = %v, suppressed %v: want it withheld", c.Name, value(a, c.Name), a.Rows[0].Suppressed)
		}
	}
	if value(a, "n_eligible") != int64(45) || value(a, "instrument") != "odi" {
		t.Errorf("n_eligible, instrument = %v, %v, want 45, odi", value(a, "n_eligible"), value(a, "instrument"))
	}
}

func TestEightPeopleAreShownRounded(t *testing.T) {
	gain := Sampling{Value: 12.345, StdErr: 3, N: 8, DF: 7, Level: 0.95}
	cells := map[string]any{
		"n_eligible": int64(23), "n_modelled": int64(8), "mean_gain": 12.345, "lower": Lower(gain), "upper": Upper(gain),
		"std_dev": 8.456, "n_improved": int64(8), "n_unchanged": int64(0), "n_worse": int64(0),
		"n_responders": int64(8), "n_responder_base": int64(23),
	}
	a := release(t, row(cells))
	for column, want := range map[string]any{
		"n_eligible": int64(25), "n_modelled": int64(10), "mean_gain": 12.3, "std_dev": 8.5, "n_improved": int64(10),
		"n_unchanged": int64(0), "n_worse": int64(0), "responder_ratio": 0.4, "mean_baseline": nil,
	} {
		if got := value(a, column); got != want {
			t.Errorf("%s = %v, want %v", column, got, want)
		}
	}
	exact, err := Expose(row(cells))
	if err != nil {
		t.Fatal(err)
	}
	lower, upper, _ := gain.Interval()
	if value(exact, "lower") != lower || value(exact, "upper") != upper || value(exact, "responder_ratio") != 8.0/23 || value(exact, "n_modelled") != int64(8) {
		t.Errorf("exposed = %v, want full precision", exact.Rows[0].Values)
	}
}

func TestNobodyIsZeroNotSuppressed(t *testing.T) {
	a := release(t, row(map[string]any{"n_eligible": int64(5), "n_modelled": int64(0)}))
	if value(a, "n_modelled") != int64(0) || value(a, "n_eligible") != nil {
		t.Errorf("n_modelled, n_eligible = %v, %v, want 0, withheld", value(a, "n_modelled"), value(a, "n_eligible"))
	}
}

func TestAnswerIsWrittenWithItsSuppressedNames(t *testing.T) {
	a := release(t, row(map[string]any{"n_eligible": int64(5), "n_modelled": int64(0)}))
	text, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	var back struct {
		Rows []struct {
			NEligible  *int64   `json:"n_eligible"`
			Suppressed []string `json:"suppressed"`
		} `json:"rows"`
	}
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if back.Rows[0].NEligible != nil || !slices.Contains(back.Rows[0].Suppressed, "n_eligible") {
		t.Errorf("on the wire: %s", text)
	}
}

func TestSensitiveRatiosAreWithheldAtTheirEnds(t *testing.T) {
	m := Measure{Name: "r", Kind: KindRatio, N: "b", Of: []string{"a", "b"}, Sensitive: true}
	for _, c := range []struct {
		a        int64
		withheld bool
	}{{0, true}, {40, true}, {20, false}} {
		r := Record{Cells: map[string]any{"a": c.a, "b": int64(40)}}
		if _, withheld, err := r.cell(m, true); err != nil || withheld != c.withheld {
			t.Errorf("%d of 40: withheld = %v, %v, want %v", c.a, withheld, err, c.withheld)
		}
	}
}

func TestMoreThanThreeDimensionsAreRefused(t *testing.T) {
	table := &Table{Question: "outcomes", By: []string{"a", "b", "c", "d"}}
	if _, err := Release(t.Context(), table, &Ledger{}, nil); err == nil {
		t.Error("four dimensions were answered")
	}
}

func TestRegistryIsWhole(t *testing.T) {
	for _, q := range Registered() {
		for _, m := range Columns(q) {
			if found, c, ok := LookupMetric(m.Metric); m.Metric != "" && (!ok || found != q || c.Name != m.Name) {
				t.Errorf("LookupMetric(%s) = %s.%s, want %s.%s", m.Metric, found, c.Name, q, m.Name)
			}
		}
	}
	for _, bad := range []string{
		"q:\n  - {name: a, kind: mean, label: A}\n",
		"q:\n  - {name: a, kind: mean, n: b, label: A}\n",
		"q:\n  - {name: a, kind: colour, label: A}\n",
		"q:\n  - {name: a, kind: count}\n",
		"q:\n  - {name: a, kind: count, label: A, metric: m}\n  - {name: b, kind: count, label: B, metric: m}\n",
		"q:\n  - {name: a, kind: ratio, n: a, label: A}\n",
		"q:\n  - {name: a, kind: count, label: A, colour: red}\n",
		"q:\n  - {name: a, kind: count, label: A}\n  - {name: b, kind: derived, n: a, label: B}\n",
		"q:\n  - {name: a, kind: derived_word, label: A}\n",
	} {
		if _, err := readColumns([]byte(bad)); err == nil {
			t.Errorf("readColumns accepted %q", bad)
		}
	}
}
