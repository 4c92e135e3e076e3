package design

// Contains says whether term a has every variable of term b, both counted from
// 1: an interaction contains its main effects, and each term itself.
func (m *Matrix) Contains(a, b int) bool { return m.sets[b-1]&^m.sets[a-1] == 0 }

// Without returns the design without the terms at those places (the intercept
// is 0); rows and response are shared.
func (m *Matrix) Without(terms map[int]bool) *Matrix {
	var kept []int
	for j, t := range m.Assign {
		if !terms[t] {
			kept = append(kept, j)
		}
	}
	return m.Keep(kept)
}

// Append returns the design with one more column, of no term of the formula.
func (m *Matrix) Append(name string, values []float64) *Matrix {
	out := *m
	out.Names = append(append([]string(nil), m.Names...), name)
	out.Assign = append(append([]int(nil), m.Assign...), -1)
	columns := make([][]float64, m.P, m.P+1)
	for j := range columns {
		columns[j] = m.Column(j)
	}
	out.fill(append(columns, values))
	return &out
}

// Assigned lists the columns that the term at that place (counted from 1, the
// intercept 0) brought.
func (m *Matrix) Assigned(term int) []int {
	var out []int
	for j, t := range m.Assign {
		if t == term {
			out = append(out, j)
		}
	}
	return out
}

// Keep returns the design of the columns at those places, in their order; rows
// and response are shared.
func (m *Matrix) Keep(places []int) *Matrix {
	out := *m
	out.Names, out.Assign = nil, nil
	columns := make([][]float64, len(places))
	for k, j := range places {
		out.Names, out.Assign = append(out.Names, m.Names[j]), append(out.Assign, m.Assign[j])
		columns[k] = m.Column(j)
	}
	out.fill(columns)
	return &out
}
