package mixed

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
)

// BetaBinomial is a Beta(Alpha, Beta) law of the groups' probabilities. Mean is
// its mean and Strength = Alpha + Beta, the people that the prior counts for;
// NegLogLik is −Σ log of the likelihood without the binomial coefficients.
type BetaBinomial struct {
	Alpha, Beta, Mean, Strength float64
	NegLogLik                   float64
}

// Beyond most the groups are called alike; under least each of them is called
// all or nothing.
const most, least = 1e8, 1e-5

// FitBetaBinomial finds the law by maximum likelihood over the logit of Mean and
// the log of Strength: events of people, one a group.
//
//	different lengths, events outside 0…people, or not whole   ErrInvalidParameter
//	fewer than two groups with people                          ErrTooFewObservations
//	no event, or nothing but events                            ErrZeroVariance
//	groups that differ by no more than chance, so that Strength runs to infinity,
//	or that are all or nothing, so that it runs to 0           ErrNotConverged
//
// Checked against R's optim and nlm on the same likelihood to 1e-6. Casella
// (1985), doi:10.1080/00031305.1985.10479400.
func FitBetaBinomial(events, people []float64, opts Options) (BetaBinomial, error) {
	if len(events) != len(people) {
		return BetaBinomial{}, fmt.Errorf("mixed: beta-binomial: %d counts of events for %d of people: %w", len(events), len(people), analytics.ErrInvalidParameter)
	}
	var o, n float64
	groups := 0
	for k := range events {
		if !(events[k] >= 0 && events[k] <= people[k]) || math.IsInf(people[k], 0) || events[k] != math.Trunc(events[k]) || people[k] != math.Trunc(people[k]) {
			return BetaBinomial{}, fmt.Errorf("mixed: beta-binomial: group %d: need whole numbers, events not above people: %w", k+1, analytics.ErrInvalidParameter)
		}
		o, n = o+events[k], n+people[k]
		if people[k] > 0 {
			groups++
		}
	}
	switch {
	case groups < 2:
		return BetaBinomial{}, fmt.Errorf("mixed: beta-binomial: %d group with people, need two: %w", groups, analytics.ErrTooFewObservations)
	case o == 0 || o == n:
		return BetaBinomial{}, fmt.Errorf("mixed: beta-binomial: every outcome is the same: %w", analytics.ErrZeroVariance)
	}
	surface := func(x []float64) (float64, []float64, bool) {
		mu, m := 1/(1+math.Exp(-x[0])), math.Exp(x[1])
		if !(m > least) || m > most || mu <= 0 || mu >= 1 {
			return 0, nil, false
		}
		value, byAlpha, byBeta := kernel(events, people, mu*m, (1-mu)*m)
		return value, []float64{(byAlpha - byBeta) * m * mu * (1 - mu), (byAlpha*mu + byBeta*(1-mu)) * m}, finite(value)
	}
	if allOrNothing(events, people) {
		return BetaBinomial{}, fmt.Errorf("mixed: beta-binomial: every group has no event or nothing else, so the prior has no strength: %w", analytics.ErrNotConverged)
	}
	x, err := minimise("beta-binomial", []float64{math.Log(o / (n - o)), math.Log(50)}, surface, opts)
	if err != nil || x[1] > math.Log(most)-2 {
		return BetaBinomial{}, fmt.Errorf("mixed: beta-binomial: the groups differ by no more than chance, so the prior has no finite strength; use the overall rate: %w", analytics.ErrNotConverged)
	}
	b := BetaBinomial{Mean: 1 / (1 + math.Exp(-x[0])), Strength: math.Exp(x[1])}
	b.Alpha, b.Beta = b.Mean*b.Strength, (1-b.Mean)*b.Strength
	b.NegLogLik, _, _ = kernel(events, people, b.Alpha, b.Beta)
	return b, nil
}

func allOrNothing(events, people []float64) bool {
	for k := range events {
		if events[k] != 0 && events[k] != people[k] {
			return false
		}
	}
	return true
}

// kernel is −Σ log B(o+α, n−o+β)/B(α, β) and its derivatives. The ratios are
// products of whole steps, which keep their digits however large α and β are.
func kernel(events, people []float64, alpha, beta float64) (value, byAlpha, byBeta float64) {
	for k := range events {
		v, d := rising(alpha, events[k])
		value, byAlpha = value-v, byAlpha-d
		v, d = rising(beta, people[k]-events[k])
		value, byBeta = value-v, byBeta-d
		v, d = rising(alpha+beta, people[k])
		value, byAlpha, byBeta = value+v, byAlpha+d, byBeta+d
	}
	return value, byAlpha, byBeta
}

// rising is Σ_{j<n} log(a+j) and its derivative.
func rising(a, n float64) (value, slope float64) {
	product := 1.0
	for j := 0.0; j < n; j++ {
		product *= a + j
		if product > 1e200 || product < 1e-200 {
			value += math.Log(product)
			product = 1
		}
		slope += 1 / (a + j)
	}
	return value + math.Log(product), slope
}

// Posterior is a group's probability given its events: the mean (α+o)/(α+β+n)
// and limits of equal tails.
func (b BetaBinomial) Posterior(events, people, level float64) (analytics.Estimate, error) {
	if err := analytics.CheckLevel(level); err != nil {
		return analytics.Estimate{}, err
	}
	if !(events >= 0 && events <= people) {
		return analytics.Estimate{}, fmt.Errorf("mixed: beta-binomial: events must be from 0 to the people: %w", analytics.ErrInvalidParameter)
	}
	p, q := b.Alpha+events, b.Beta+people-events
	e := analytics.Estimate{Value: p / (p + q), StdErr: math.Sqrt(p*q/(p+q+1)) / (p + q), Level: level, N: int(people), Method: "beta-binomial, empirical Bayes"}
	tail := (1 - level) / 2
	e.Lower, e.Upper = dist.BetaQuantile(tail, p, q), dist.BetaUpper(tail, p, q)
	return e, nil
}
