package survival

import (
	"fmt"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dense"
	"github.com/lumbar-health/lumbar/analytics/dist"
)

// Proportionality is the test that a term's hazard ratio does not change with
// time; Term is "GLOBAL" for all together.
type Proportionality struct {
	Term              string
	ChiSquared, DF, P float64
}

// TestProportionality is the score test of Grambsch and Therneau as survival 3
// computes it: of adding x·g(t) for the columns of each term, with g(t) one less
// the Kaplan–Meier curve of everybody just before t, centred at its mean over
// the events, and the whole information of β and the added coefficients.
//
// terms names them and assign gives for each column the place of its term. As
// coxph takes it, a column of the design that is a combination of others has
// been refused before. A model of FineGray: ErrInvalidParameter. Checked against
// R's cox.zph(transform = "km") to 1e-8.
// Grambsch and Therneau (1994), doi:10.1093/biomet/81.3.515.
func (m *Model) TestProportionality(terms []string, assign []int) ([]Proportionality, error) {
	p := m.rows.p
	if m.rows.later != nil {
		return nil, errCompeting("the test of proportional hazards")
	}
	if len(assign) != p {
		return nil, fmt.Errorf("survival: %d terms given for %d coefficients: %w", len(assign), p, analytics.ErrInvalidParameter)
	}
	score, information := m.timeScore()
	var out []Proportionality
	all := make([]int, 0, p)
	for t, name := range terms {
		var columns []int
		for j, a := range assign {
			if a == t {
				columns = append(columns, j)
			}
		}
		if len(columns) == 0 {
			continue
		}
		all = append(all, columns...)
		r, err := proportionality(name, columns, score, information)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	if len(all) != p {
		return nil, fmt.Errorf("survival: a coefficient belongs to no term: %w", analytics.ErrInvalidParameter)
	}
	r, err := proportionality("GLOBAL", all, score, information)
	return append(out, r), err
}

func proportionality(name string, columns []int, score []float64, information dense.Matrix) (Proportionality, error) {
	p := len(score)
	places := make([]int, 0, p+len(columns))
	u := make([]float64, p, p+len(columns))
	for j := 0; j < p; j++ {
		places = append(places, j)
	}
	for _, j := range columns {
		places, u = append(places, p+j), append(u, score[j])
	}
	chi, ok := information.Pick(places).QuadraticInverse(u)
	if !ok {
		return Proportionality{}, fmt.Errorf("survival: proportional hazards of %s: the events are too few or at one time: %w", name, analytics.ErrZeroVariance)
	}
	df := float64(len(columns))
	return Proportionality{name, chi, df, dist.ChiSquaredTail(chi, df)}, nil
}

// timeScore is the score of the added coefficients and the information of both.
func (m *Model) timeScore() ([]float64, dense.Matrix) {
	s := m.rows
	g := m.timeScale()
	score := make([]float64, s.p)
	size := s.p * (s.p + 1) / 2
	plain, linear, squared := make([]float64, size), make([]float64, size), make([]float64, size)
	for k, event := range s.event {
		if event {
			for j, x := range s.x[k*s.p : (k+1)*s.p] {
				score[j] += s.mass[k] * g(s.time[k]) * x
			}
		}
	}
	s.pass(m.b, func(d *deaths) {
		t, at := d.ties(m.Ties == Efron), g(d.time)
		for j := range score {
			score[j] -= at * d.meanSum(t, j)
		}
		d.information(t, 1, plain)
		d.information(t, at, linear)
		d.information(t, at*at, squared)
	})
	a, b, c := dense.Unpack(plain, s.p), dense.Unpack(linear, s.p), dense.Unpack(squared, s.p)
	whole := dense.New(2*s.p, 2*s.p)
	for i := 0; i < s.p; i++ {
		for j := 0; j < s.p; j++ {
			whole.Set(i, j, a.At(i, j))
			whole.Set(s.p+i, j, b.At(i, j))
			whole.Set(i, s.p+j, b.At(i, j))
			whole.Set(s.p+i, s.p+j, c.At(i, j))
		}
	}
	return score, whole
}

// timeScale is g: one less the curve of everybody just before a time, less its
// mean over the people with the event.
func (m *Model) timeScale() func(float64) float64 {
	s := m.rows
	counts := make([]Count, s.n)
	for k := range counts {
		counts[k] = Count{Time: s.time[k], N: s.people[k]}
		if s.event[k] {
			counts[k].Cause = 1
		}
	}
	before := map[float64]float64{}
	survival, sum, events := 1.0, 0.0, 0.0
	table, err := NewTable([]string{""}, 1, 1, counts)
	if err != nil { // the model had events, so it has a table
		return func(float64) float64 { return 0 }
	}
	for _, st := range table.cells[0][0] {
		d := st.Events[0]
		before[st.Time] = 1 - survival
		sum += d * (1 - survival)
		events += d
		survival = after(survival, d, st.AtRisk)
	}
	mean := sum / events
	return func(t float64) float64 { return before[t] - mean }
}
