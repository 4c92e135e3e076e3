package methods

import "github.com/lumbar-health/lumbar/analytics/psychometrics"

// agreement is agreement with the rank correlation beside it.
type agreement struct {
	psychometrics.Agreement
	ranks psychometrics.RankCorrelation
}

// intraclassKey is an object with one number for each intraclass correlation.
func intraclassKey(name string, get func(psychometrics.Intraclass) float64) key[agreement] {
	return value(name, ByName, func(r agreement) any {
		var n Named
		for _, c := range r.ICC {
			n.Names, n.Values = append(n.Names, c.Name), append(n.Values, get(c))
		}
		return n
	})
}

func lowEnd(l psychometrics.Limits) float64  { return l.Low }
func highEnd(l psychometrics.Limits) float64 { return l.High }

func concordanceLimits(r agreement) *psychometrics.Limits { return r.CCCLimits }
func pearsonLimits(r agreement) *psychometrics.Limits     { return r.PearsonLimits }

var agreementKeys = []key[agreement]{
	scalar("bias", func(r agreement) float64 { return r.Bias }),
	scalar("sd_diff", func(r agreement) float64 { return r.StdDev }),
	scalar("loa_low", func(r agreement) float64 { return r.LimitsOfAgreement.Low }),
	scalar("loa_high", func(r agreement) float64 { return r.LimitsOfAgreement.High }),
	scalar("se_loa_bland_altman_1986", func(r agreement) float64 { return r.StdErrLimits }),
	intraclassKey("icc", func(c psychometrics.Intraclass) float64 { return c.Value }),
	intraclassKey("icc_low", func(c psychometrics.Intraclass) float64 { return c.Low }),
	intraclassKey("icc_high", func(c psychometrics.Intraclass) float64 { return c.High }),
	scalar("ccc", func(r agreement) float64 { return r.CCC }),
	optional("ccc_low", partOf(concordanceLimits, lowEnd)),
	optional("ccc_high", partOf(concordanceLimits, highEnd)),
	scalar("pearson", func(r agreement) float64 { return r.Pearson }),
	optional("pearson_low", partOf(pearsonLimits, lowEnd)),
	optional("pearson_high", partOf(pearsonLimits, highEnd)),
	optional("pearson_p", func(r agreement) *float64 { return r.PearsonP }),
	scalar("spearman", func(r agreement) float64 { return r.ranks.Value }),
	optional("spearman_p_t_approx", func(r agreement) *float64 { return r.ranks.P }),
}

func agreementMethods() []Method {
	return []Method{
		define("paired", spec{name: "agreement_bland_altman_icc_ccc", roles: pairRoles, page: Page{
			Title:     "Agreement of two measurements",
			When:      "Do two modes or two occasions give the same score? Not for change over treatment.",
			Variant:   "Bias y1 − y0 with limits ±1.96 SD; ICC(1), (2,1), (3,1) and those of the mean of both (k) from the two-way analysis of variance, F limits; Lin's concordance with z-transform limits and the 2000 correction; Pearson with Fisher limits; Spearman by mid-ranks, p by t. Our own: no kept library has them.",
			Assumes:   "Independent people, each measured twice; for the limits normal values of even spread over the range.",
			Formula:   "ICC(2,1) = (MSB−MSE)/(MSB+MSE+2(MSJ−MSE)/n),  CCC = 2s₀₁/(s₀²+s₁²+d̄²)",
			Reference: "Bland and Altman (1986), doi:10.1016/S0140-6736(86)90837-8; Shrout and Fleiss (1979), doi:10.1037/0033-2909.86.2.420; McGraw and Wong (1996), doi:10.1037/1082-989X.1.1.30; Lin (1989), doi:10.2307/2532051, corrected (2000), doi:10.1111/j.0006-341X.2000.00324.x",
			Checked:   "R packages psych 2.2.9 (ICC), epiR 2.0.57 (epi.ccc), stats::cor.test",
			PushDown:  "n, Σy0, Σy1, Σy0², Σy1², Σy0y1; for Spearman people by both values",
		}}, agreementKeys, runAgreement),
	}
}

func runAgreement(in *Input) (r agreement, err error) {
	first, second := in.Numbers("y0"), in.Numbers("y1")
	pairs, err := psychometrics.PairsFromRows(first, second)
	if err != nil {
		return r, err
	}
	if r.Agreement, err = psychometrics.Agree(pairs, 0.95); err != nil {
		return r, err
	}
	r.ranks, err = psychometrics.Spearman(first, second)
	return r, err
}
