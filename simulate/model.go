package simulate

import "math"

// The truth. The expected ODI at 12 months is a sum of the terms below, so an
// analysis of covariance with the covariates that decide the treatment (ODI at
// baseline, age, STarT Back class) is right, and a plain difference of the arms
// is wrong: who is worse off and at higher risk is treated more intensively.

// arm is one intervention: its true effect and who gets it.
type arm struct {
	key string
	// effect is what it adds to a person's ODI at 12 months in place of the
	// reference, in points, the same for everyone: below 0 is better.
	effect float64
	// The log odds of being given it, against the reference: at an average
	// person, per 15 points of ODI, by class of risk, and where pain goes down
	// the leg.
	odds, severity float64
	risk           [3]float64
	radicular      float64
	// wait is the median number of days from first contact to its start.
	wait float64
}

// arms are the interventions; the first is the reference.
var arms = [...]arm{
	{key: "core_therapy", wait: 20},
	{key: "cppp", effect: -6, odds: -0.5, severity: 0.9, risk: [3]float64{-1.3, 0, 1.9}, wait: 50},
	{key: "nerve_root_block", effect: -4, odds: -2.0, severity: 1.2, risk: [3]float64{-0.9, 0, 1.1}, radicular: 2.2, wait: 40},
	{key: "rf_denervation", effect: -3, odds: -0.6, severity: 1.1, risk: [3]float64{-0.9, 0, 1.1}, radicular: -2.0, wait: 45},
	{key: "surgery", effect: -8, odds: -2.2, severity: 1.5, risk: [3]float64{-1.0, 0, 1.0}, radicular: 2.2, wait: 75},
}

// treatment chooses an intervention. It looks at nothing that bears on the
// outcome but the ODI at baseline, the class of risk and the age.
func treatment(r random, p *person) int {
	var weights [len(arms)]float64
	weights[0] = 1
	for i, a := range arms[1:] {
		odds := a.odds + a.severity*(p.odi-meanODI)/15 + a.risk[p.risk] - 0.006*float64(p.age-52)
		if p.radicular {
			odds += a.radicular
		}
		weights[i+1] = math.Exp(odds)
	}
	return r.choose(weights[:]...)
}

// meanODI is about the mean ODI at baseline.
const meanODI = 45

// Terms of the expected ODI at 12 months, in points.
var (
	riskEffect     = [3]float64{0, 3, 7.5}             // low, medium, high
	quintileEffect = [5]float64{2.4, 1.5, 0.8, 0.3, 0} // most to least deprived
	durationEffect = [4]float64{0, 0.6, 2, 4}          // in the order of durations
	durations      = [4]string{"lt_6w", "6w_12w", "3m_12m", "gt_12m"}
	works          = [4]string{"working", "off_sick", "retired", "not_working"}
	ethnicGroups   = [6]string{"white", "asian", "black", "mixed", "other", "not_stated"}
	riskClasses    = [3]string{"low", "medium", "high"}
	sexes          = [2]string{"female", "male"}
)

// expected returns the expected ODI at 12 months under the reference.
func expected(p *person, w *world) float64 {
	t := w.trusts[p.trust]
	y := 6.5 + 0.55*p.odi + 0.08*float64(p.age-50) + riskEffect[p.risk] + quintileEffect[(p.decile-1)/2] +
		durationEffect[p.duration] + 0.6*float64(p.comorbidities) + 0.08*float64(p.bmi-28) +
		t.Effect + w.regions[t.region].Effect
	for _, term := range []struct {
		is     bool
		points float64
	}{{p.sex == 0, 0.8}, {p.priorSurgery, 3}, {p.smoker, 1}, {p.opioid, 2}} {
		if term.is {
			y += term.points
		}
	}
	return y
}

// answers12 and answers6 are the chances that a follow-up is answered. They
// hang on what was known at baseline and not on the treatment or on how the
// person fares, so those who answer can stand for those who do not.
func answers12(p *person) float64 { return logistic(0.75 + staying(p)) }

func answers6(p *person) float64 { return logistic(1.15 + staying(p)) }

func staying(p *person) float64 {
	return 0.016*float64(p.age-52) + 0.05*float64(p.decile-5) - [3]float64{0, 0.1, 0.35}[p.risk] - 0.008*(p.odi-meanODI)
}
