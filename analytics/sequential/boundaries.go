package sequential

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
)

// Kind is the shape of a boundary. The first three have limits of a fixed shape,
// the others spend the error by a function of the share of information.
type Kind string

// The kinds. With t the share of information, α the one-sided level, a constant C
// so that all looks together have the level α:
const (
	OBrienFleming  Kind = "OF"    // C/√t
	Pocock         Kind = "P"     // C
	WangTsiatis    Kind = "WT"    // C·t^(Δ−½)
	SpendOF        Kind = "asOF"  // 2 − 2Φ(z_{α/2}/√t), Lan and DeMets
	SpendPocock    Kind = "asP"   // α·ln(1 + (e−1)t), Lan and DeMets
	SpendPower     Kind = "asKD"  // α·t^γ, Kim and DeMets
	SpendHwangShih Kind = "asHSD" // α(1 − e^(−γt))/(1 − e^(−γ)), Hwang, Shih and DeCani
)

// Kinds lists them.
func Kinds() []Kind {
	return []Kind{OBrienFleming, Pocock, WangTsiatis, SpendOF, SpendPocock, SpendPower, SpendHwangShih}
}

// Plan is a plan of looks. Rates are the shares of the information at each look,
// ascending, above 0 to 1; Alpha is one-sided, Power that to plan for. Delta is
// WT's Δ (−½ to ½), Gamma that of asKD (above 0) and asHSD.
type Plan struct {
	Kind         Kind
	Rates        []float64
	Alpha, Power float64
	Delta, Gamma float64
	Interrupt    func() error
}

// Boundaries are the limits of a plan. Critical are the values of z to pass,
// Levels the one-sided p that each stands for alone, Spent the error spent up to
// and with each look. Inflation is the largest sample over that of a single look
// with the same power, AverageSample the mean sample over that of a single look
// when the effect planned for is real; StopByLook the chance of stopping by each
// look then.
type Boundaries struct {
	Critical, Levels, Spent  []float64
	Inflation, AverageSample float64
	StopByLook               []float64
}

// maxLooks and leastStep bound the integration.
const (
	maxLooks  = 60
	leastStep = 1e-4
)

// Compute returns the boundaries: at look k, with Z_k the statistic, the error
//
//	P(Z_1 < c_1, …, Z_{k−1} < c_{k−1}, Z_k ≥ c_k)
//
// is that of the kind, by recursive integration to 1e-9. There is no stopping for
// futility. Inflation = (δ/(z_α + z_β))², δ the drift that has the power.
// Assumes a statistic with independent increments, as means, counts and log-rank
// have.
//
//	rates not ascending within (0,1], closer than 1/10 000 of the last, over 60   ErrInvalidParameter
//	alpha outside (0, ½), power not above alpha, a kind, Δ or γ that is not   ErrInvalidParameter
//	a look too early to spend any error           ErrInvalidParameter
//
// Checked against R's rpact 3.3.4 to 1e-5. Jennison and Turnbull (2000),
// doi:10.1201/9780367805326; Lan and DeMets (1983), doi:10.1093/biomet/70.3.659;
// Wang and Tsiatis (1987), doi:10.2307/2531959; Kim and DeMets (1987),
// doi:10.1093/biomet/74.1.149; Hwang, Shih and DeCani (1990),
// doi:10.1002/sim.4780091207.
func Compute(p Plan) (Boundaries, error) {
	if err := p.check(); err != nil {
		return Boundaries{}, err
	}
	last := p.Rates[len(p.Rates)-1]
	times := make([]float64, len(p.Rates)) // shares of what the last look has
	for k, t := range p.Rates {
		times[k] = t / last
	}
	limits, err := p.limits(times)
	if err != nil {
		return Boundaries{}, err
	}
	b := Boundaries{Critical: limits}
	var spent float64
	for k, v := range (walk{times: times}).crossings(limits) {
		spent += v
		b.Spent = append(b.Spent, spent)
		b.Levels = append(b.Levels, dist.NormalTail(limits[k]))
	}
	return b, p.power(times, &b)
}

func (p Plan) check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("sequential: "+format+": %w", append(args, analytics.ErrInvalidParameter)...)
	}
	if !(p.Alpha > 1e-10 && p.Alpha < 0.5) {
		return bad("alpha must be one-sided, above 1e-10 and below 0.5")
	}
	if !(p.Power > p.Alpha && p.Power < 1-1e-10) {
		return bad("power must lie between alpha and 1")
	}
	if len(p.Rates) == 0 || len(p.Rates) > maxLooks {
		return bad("%d looks, need 1 to %d", len(p.Rates), maxLooks)
	}
	before, last := 0.0, p.Rates[len(p.Rates)-1]
	for k, t := range p.Rates {
		if !(t > before && t <= 1) || t-before < leastStep*last {
			return bad("rates must ascend from above 0 to at most 1, by %v of the last or more; look %d does not", leastStep, k+1)
		}
		before = t
	}
	switch p.Kind {
	case OBrienFleming, Pocock, SpendOF, SpendPocock:
		return nil
	case WangTsiatis:
		if !(p.Delta >= -0.5 && p.Delta <= 0.5) {
			return bad("Wang–Tsiatis needs Δ from −0.5 to 0.5")
		}
		return nil
	case SpendPower:
		if !(p.Gamma > 0 && p.Gamma <= 50) {
			return bad("Kim–DeMets needs γ above 0, at most 50")
		}
		return nil
	case SpendHwangShih:
		if !(math.Abs(p.Gamma) <= 50) {
			return bad("Hwang–Shih–DeCani needs γ from −50 to 50")
		}
		return nil
	}
	return bad("kind %q, have %v", p.Kind, Kinds())
}

// limits solves for the critical values.
func (p Plan) limits(times []float64) ([]float64, error) {
	switch p.Kind {
	case OBrienFleming:
		return p.shaped(times, 0)
	case Pocock:
		return p.shaped(times, 0.5)
	case WangTsiatis:
		return p.shaped(times, p.Delta)
	}
	return p.spending(times)
}

// shaped finds C of the limits C·t^(Δ−½). One look alone has the level α at z_α,
// all looks at z_{α/K} or beyond at most α, so that C lies between.
func (p Plan) shaped(times []float64, delta float64) ([]float64, error) {
	w := walk{times: times}
	at := func(c float64) []float64 {
		limits := make([]float64, len(times))
		for k, t := range times {
			limits[k] = c * math.Pow(t, delta-0.5)
		}
		return limits
	}
	lo, hi := -dist.NormalQuantile(p.Alpha), -dist.NormalQuantile(p.Alpha/float64(len(times)))
	if len(times) == 1 {
		return []float64{lo}, nil
	}
	c, err := p.root(func(c float64) float64 { return sum(w.crossings(at(c))) - p.Alpha }, lo-1e-9, hi+1e-9)
	return at(c), err
}

// spending solves look by look for the limit that spends what the function gives.
func (p Plan) spending(times []float64) ([]float64, error) {
	w := walk{times: times}
	limits := make([]float64, len(times))
	var at path
	var before float64
	for k := range times {
		spent := p.spentAt(p.Rates[k])
		due := spent - before
		before = spent
		if !(due > 1e-290) {
			return nil, fmt.Errorf("sequential: look %d is too early to spend any error: leave it out: %w", k+1, analytics.ErrInvalidParameter)
		}
		if k == 0 {
			limits[0] = -dist.NormalQuantile(due)
		} else {
			c, err := p.root(func(c float64) float64 {
				return math.Log(math.Max(w.tail(at, k, c), 1e-300)) - math.Log(due)
			}, -20, 40)
			if err != nil {
				return nil, err
			}
			limits[k] = c
		}
		at = w.goOn(at, k, limits[k])
	}
	return limits, nil
}

// spentAt is the error spent by the share t.
func (p Plan) spentAt(t float64) float64 {
	switch p.Kind {
	case SpendOF:
		return 2 * dist.NormalTail(-dist.NormalQuantile(p.Alpha/2)/math.Sqrt(t))
	case SpendPocock:
		return p.Alpha * math.Log1p((math.E-1)*t)
	case SpendPower:
		return p.Alpha * math.Pow(t, p.Gamma)
	}
	if p.Gamma == 0 {
		return p.Alpha * t
	}
	return p.Alpha * math.Expm1(-p.Gamma*t) / math.Expm1(-p.Gamma)
}

// power solves for the drift and fills in what follows from it.
func (p Plan) power(times []float64, b *Boundaries) error {
	single := -dist.NormalQuantile(p.Alpha) + dist.NormalQuantile(p.Power)
	// The last look alone has the power at its limit's drift, which bounds from above.
	upper := math.Max(single, b.Critical[len(times)-1]+dist.NormalQuantile(p.Power))
	drift := single
	if len(times) > 1 || p.Rates[0] < 1 {
		var err error
		reached := func(d float64) float64 {
			return sum(walk{times: times, drift: d}.crossings(b.Critical)) - p.Power
		}
		if drift, err = p.root(reached, 0, upper+1); err != nil {
			return err
		}
	}
	b.Inflation = drift / single * drift / single
	going, before := 1.0, 0.0
	for k, v := range (walk{times: times, drift: drift}).crossings(b.Critical) {
		b.AverageSample += b.Inflation * (times[k] - before) * going
		before = times[k]
		going -= v
		b.StopByLook = append(b.StopByLook, 1-going)
	}
	return nil
}

// root is dist.Root that can be interrupted.
func (p Plan) root(f func(float64) float64, lo, hi float64) (float64, error) {
	var stopped error
	x, ok := dist.Root(func(x float64) float64 {
		if stopped == nil && p.Interrupt != nil {
			stopped = p.Interrupt()
		}
		if stopped != nil {
			return 0
		}
		return f(x)
	}, lo, hi)
	if stopped != nil {
		return 0, stopped
	}
	if !ok {
		return 0, fmt.Errorf("sequential: no limit has the level asked for: %w", analytics.ErrNotConverged)
	}
	return x, nil
}
