package disclosure

import "fmt"

// derived says whether a column is made of what is shown.
func (k Kind) derived() bool { return k == KindDerived || k == KindWord }

// derive fills the derived columns from the rows as they are shown.
func (t *Table) derive(a *Answer, measures []Measure, disclosed bool) error {
	if t.Derive == nil {
		return nil
	}
	shown := make([]Shown, len(a.Rows))
	for i, row := range a.Rows {
		shown[i] = Shown{}
		for j, m := range measures {
			if !m.Kind.derived() {
				shown[i][m.Name] = row.Values[len(t.By)+j]
			}
		}
	}
	cells, notes, err := t.Derive(shown)
	if err != nil {
		return err
	}
	if len(cells) != len(a.Rows) {
		return fmt.Errorf("disclosure: %s: %d rows derived of %d", t.Question, len(cells), len(a.Rows))
	}
	a.Notes = append(a.Notes, notes...)
	for i := range a.Rows {
		for j, m := range measures {
			if !m.Kind.derived() {
				continue
			}
			v := cells[i][m.Name]
			if x, ok := v.(float64); ok {
				v = finite(x, true)
				if disclosed && v != nil {
					v = Round(x, t.Rows[i].Scale.Decimals(fine)+2)
				}
			}
			a.Rows[i].Values[len(t.By)+j] = v
		}
	}
	return nil
}
