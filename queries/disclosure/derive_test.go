package disclosure

import (
	"strings"
	"testing"
)

// charted is a chart of three periods, the second of too few people.
func charted(derive func([]Shown) ([]map[string]any, []string, error)) *Table {
	t := &Table{Question: "spc", Derive: derive, Notes: []string{"first"}}
	for _, c := range []struct {
		n     int64
		value any
	}{{20, 10.04}, {5, 99.0}, {30, 12.0}} {
		t.Rows = append(t.Rows, Record{Scale: Scale{0, 100}, Cells: map[string]any{"period": "2025-04-01", "n": c.n, "value": c.value, "mean": 77.0}})
	}
	return t
}

// Derived columns are made of what is shown and of nothing else.
func TestDerivedColumnsSeeWhatIsShown(t *testing.T) {
	sum := func(rows []Shown) ([]map[string]any, []string, error) {
		total := 0.0
		for _, r := range rows {
			v, _ := r["value"].(float64)
			total += v
		}
		cells := make([]map[string]any, len(rows))
		for i := range cells {
			cells[i] = map[string]any{"mean": total / 3, "signal": "common", "value": 5.0}
		}
		return cells, []string{"second"}, nil
	}
	a, err := Release(t.Context(), charted(sum), &Ledger{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []any{10.0, nil, 12.0} {
		row := a.Rows[i]
		if row.Values[a.Index("value")] != want || row.Values[a.Index("mean")] != 7.333 || row.Values[a.Index("signal")] != "common" {
			t.Errorf("row %d: %v, want the value %v and the mean of those shown", i, row.Values, want)
		}
		if withheld := len(row.Suppressed) > 0; withheld != (i == 1) || withheld && strings.Join(row.Suppressed, " ") != "n value" {
			t.Errorf("row %d: suppressed %v", i, row.Suppressed)
		}
	}
	if strings.Join(a.Notes, " ") != "first second" {
		t.Errorf("notes %q", a.Notes)
	}
	exact, err := Expose(charted(sum))
	if err != nil {
		t.Fatal(err)
	}
	if got := exact.Rows[0].Values[exact.Index("mean")]; got != (10.04+99+12)/3 {
		t.Errorf("exact mean %v", got)
	}
	if _, err := Expose(charted(func([]Shown) ([]map[string]any, []string, error) { return nil, nil, nil })); err == nil {
		t.Error("fewer rows were derived than there are")
	}
}

func TestSharesAreOfReleasedCounts(t *testing.T) {
	for _, c := range []struct {
		part, whole int64
		want        any
		withheld    bool
	}{
		{8, 23, 0.4, false}, {3, 23, nil, true}, {0, 23, 0.0, false}, {13, 13, 1.0, false}, {4, 7, nil, true}, {0, 5, nil, true}, {0, 0, nil, false},
	} {
		table := &Table{Question: "spc", Rows: []Record{{Cells: map[string]any{"n": c.whole, "value": Share(c.part, c.whole)}}}}
		a, err := Release(t.Context(), table, &Ledger{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		row := a.Rows[0]
		withheld := strings.Contains(strings.Join(row.Suppressed, " "), "value")
		if got := row.Values[a.Index("value")]; got != c.want || withheld != c.withheld {
			t.Errorf("%d of %d: %v, withheld %t, want %v and %t", c.part, c.whole, got, withheld, c.want, c.withheld)
		}
	}
}
