package missing

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dense"
)

// link is one imputation under way: columns in standard deviations with their
// gaps filled, and scratch space.
type link struct {
	*chain
	z       [][]float64
	filled  [][]float64 // in the columns' own units
	rng     *rand.Rand
	row     []float64
	donors  []donor
	predict []float64
}

// donor is a person with a value: its prediction and its row.
type donor struct {
	prediction float64
	row        int
}

// run fills every gap once.
func (c *chain) run(rng *rand.Rand) ([][]float64, error) {
	l := &link{chain: c, rng: rng, row: make([]float64, len(c.variables)+1)}
	for j := range c.variables {
		l.z = append(l.z, append([]float64(nil), c.scaled[j]...))
		l.filled = append(l.filled, make([]float64, len(c.gaps[j])))
		for at, i := range c.gaps[j] {
			l.set(j, at, i, c.given[j][rng.IntN(len(c.given[j]))])
		}
	}
	for range c.options.Iterations {
		if c.options.Interrupt != nil {
			if err := c.options.Interrupt(); err != nil {
				return nil, err
			}
		}
		for j := range c.variables {
			if len(c.gaps[j]) == 0 || c.unit[j] == 0 {
				continue
			}
			if err := l.impute(j); err != nil {
				return nil, err
			}
		}
	}
	return l.filled, nil
}

// set gives a gap the value of a person who has one.
func (l *link) set(j, at, row, from int) {
	l.filled[j][at] = l.variables[j].Values[from]
	l.z[j][row] = l.scaled[j][from]
}

// impute fills one column's gaps from a draw of its regression on the others.
func (l *link) impute(j int) error {
	fit, err := l.regress(j)
	if err != nil {
		return err
	}
	p := len(fit.coef)
	df := float64(len(l.given[j]) - p)
	chi := distuv.ChiSquared{K: df, Src: l.rng}.Rand()
	sigma := math.Sqrt(fit.rss / chi)
	drawn := make([]float64, p)
	for k := range drawn {
		drawn[k] = l.rng.NormFloat64()
	}
	drawn = fit.factor.Backward(drawn)
	for k := range drawn {
		drawn[k] = fit.coef[k] + sigma*drawn[k]
	}
	if l.variables[j].Method == Normal {
		for at, i := range l.gaps[j] {
			z := l.at(j, i, drawn) + sigma*l.rng.NormFloat64()
			l.z[j][i] = z
			l.filled[j][at] = l.centre[j] + l.unit[j]*z
		}
		return nil
	}
	l.match(j, fit.coef, drawn)
	return nil
}

// at is the prediction of column j for a row.
func (l *link) at(j, row int, coef []float64) float64 {
	v := coef[0]
	for k, other := range l.predictors[j] {
		v += coef[k+1] * l.z[other][row]
	}
	return v
}

// regression is a least-squares fit of a column on its predictors.
type regression struct {
	coef   []float64
	rss    float64
	factor dense.Factor
}

func (l *link) regress(j int) (regression, error) {
	predictors := l.predictors[j]
	p := len(predictors) + 1
	gram, cross := dense.New(p, p), make([]float64, p)
	x := l.row[:p]
	x[0] = 1
	y := l.z[j]
	for _, i := range l.given[j] {
		for k, other := range predictors {
			x[k+1] = l.z[other][i]
		}
		for a, u := range x {
			cross[a] += u * y[i]
			row := gram.Row(a)
			for b, v := range x[:a+1] {
				row[b] += u * v
			}
		}
	}
	f, bad := gram.Cholesky(pivot)
	if bad >= 0 {
		name := "the intercept"
		if bad > 0 {
			name = l.variables[predictors[bad-1]].Name
		}
		return regression{}, fmt.Errorf("missing: in the model of %s, %s is a combination of the other predictors where it has values; leave one out: %w", l.variables[j].Name, name, analytics.ErrCollinear)
	}
	r := regression{coef: f.Solve(cross), factor: f}
	for _, i := range l.given[j] {
		e := y[i] - l.at(j, i, r.coef)
		r.rss += e * e
	}
	return r, nil
}

// match gives each gap the value of one of the donors whose prediction by the
// estimated coefficients is nearest to the gap's by the drawn ones.
func (l *link) match(j int, estimated, drawn []float64) {
	l.donors = l.donors[:0]
	for _, i := range l.given[j] {
		l.donors = append(l.donors, donor{l.at(j, i, estimated), i})
	}
	slices.SortFunc(l.donors, func(a, b donor) int {
		if a.prediction != b.prediction {
			return cmp.Compare(a.prediction, b.prediction)
		}
		return a.row - b.row
	})
	l.predict = l.predict[:0]
	for _, d := range l.donors {
		l.predict = append(l.predict, d.prediction)
	}
	for at, i := range l.gaps[j] {
		k := nearestDonor(l.predict, l.at(j, i, drawn), l.options.Donors, l.rng)
		l.set(j, at, i, l.donors[k].row)
	}
}

// nearestDonor picks one of the `donors` nearest of sorted predictions to x, all
// as likely; ties for the last places are broken at random.
func nearestDonor(sorted []float64, x float64, donors int, rng *rand.Rand) int {
	donors = min(donors, len(sorted))
	from := sort.SearchFloat64s(sorted, x)
	to := from
	distance := 0.0
	for to-from < donors {
		switch {
		case from == 0:
			distance = sorted[to] - x
			to++
		case to == len(sorted) || x-sorted[from-1] <= sorted[to]-x:
			from--
			distance = x - sorted[from]
		default:
			distance = sorted[to] - x
			to++
		}
	}
	// Those at exactly the greatest distance are ties, within the window or not.
	inside := sort.Search(len(sorted), func(k int) bool { return x-sorted[k] < distance })
	outside := sort.Search(len(sorted), func(k int) bool { return sorted[k]-x >= distance })
	outside = max(outside, inside)
	pick := rng.IntN(donors)
	if pick < outside-inside {
		return inside + pick
	}
	low := sort.Search(len(sorted), func(k int) bool { return x-sorted[k] <= distance })
	high := sort.Search(len(sorted), func(k int) bool { return sorted[k]-x > distance })
	below, above := inside-low, high-outside
	pick = rng.IntN(below + above)
	if pick < below {
		return low + pick
	}
	return outside + pick - below
}
