package methods

import (
	"errors"
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/linear"
	"github.com/lumbar-health/lumbar/analytics/timeseries"
)

// segmented is an interrupted time series with its errors under serial
// correlation and the tests for it.
type segmented struct {
	fit                             timeseries.Segmented
	ols, plain, adjusted, automatic []float64
	bandwidth, durbinWatson         float64
	breuschGodfrey                  *linear.ChiTest
	ljungBox                        linear.ChiTest
	autocorrelations                []float64
}

func chiAnswer(c linear.ChiTest) Answer {
	return Answer{{"statistic", c.Statistic}, {"df", c.DF}, {"p", c.P}}
}

var segmentedKeys = []key[segmented]{
	value("estimate", ByName, func(r segmented) any { return Named{r.fit.Names, r.fit.Coef} }),
	value("se_ols", Numbers, func(r segmented) any { return r.ols }),
	value("se_nw_no_adjust", Numbers, func(r segmented) any { return r.plain }),
	value("se_nw_adjust_n_over_n_minus_k", Numbers, func(r segmented) any { return r.adjusted }),
	scalar("auto_bandwidth", func(r segmented) float64 { return r.bandwidth }),
	{Key{Name: "se_nw_auto_bandwidth", Shape: Numbers, Optional: true}, func(r segmented) any {
		if r.automatic == nil {
			return nil
		}
		return r.automatic
	}},
	scalar("durbin_watson", func(r segmented) float64 { return r.durbinWatson }),
	{Key{Name: "breusch_godfrey", Shape: Object, Optional: true}, func(r segmented) any {
		if r.breuschGodfrey == nil {
			return nil
		}
		return chiAnswer(*r.breuschGodfrey)
	}},
	value("ljung_box_6", Object, func(r segmented) any { return chiAnswer(r.ljungBox) }),
	value("acf1to6", Numbers, func(r segmented) any { return r.autocorrelations }),
}

// autoregressive is the model under REML and under ML.
type autoregressive struct{ reml, ml timeseries.Autoregressive }

var autoregressiveKeys = []key[autoregressive]{
	value("estimate_reml", Numbers, func(r autoregressive) any { return r.reml.Coef }),
	value("se_reml", Numbers, func(r autoregressive) any { return r.reml.StdErr }),
	scalar("phi_reml", func(r autoregressive) float64 { return r.reml.Phi }),
	scalar("sigma_reml", func(r autoregressive) float64 { return r.reml.Sigma }),
	scalar("loglik_reml", func(r autoregressive) float64 { return r.reml.LogLik }),
	value("estimate_ml", Numbers, func(r autoregressive) any { return r.ml.Coef }),
	value("se_ml", Numbers, func(r autoregressive) any { return r.ml.StdErr }),
	scalar("phi_ml", func(r autoregressive) float64 { return r.ml.Phi }),
	scalar("loglik_ml", func(r autoregressive) float64 { return r.ml.LogLik }),
}

var trendKeys = []key[timeseries.Trend]{
	scalar("S", func(r timeseries.Trend) float64 { return r.S }),
	scalar("var", func(r timeseries.Trend) float64 { return r.Variance }),
	scalar("z_cc", func(r timeseries.Trend) float64 { return r.ZContinuity }),
	scalar("p_cc", func(r timeseries.Trend) float64 { return r.PContinuity }),
	scalar("sen_slope", func(r timeseries.Trend) float64 { return r.Slope }),
	scalar("sen_ci_low", func(r timeseries.Trend) float64 { return r.Lower }),
	scalar("sen_ci_high", func(r timeseries.Trend) float64 { return r.Upper }),
	scalar("kendall_tau_b", func(r timeseries.Trend) float64 { return r.Tau }),
	scalar("kendall_p_cc_cor_test", func(r timeseries.Trend) float64 { return r.PContinuity }),
}

var seriesRoles = []Role{
	{Name: "y", Kind: Numeric, Help: "the value of a period, such as a month's mean gain"},
	{Name: "t", Kind: Numeric, Help: "the period's number"},
	{Name: "post", Kind: Numeric, Help: "1 from the interruption on, 0 before"},
	{Name: "tp", Kind: Numeric, Help: "periods since the interruption, 0 before"},
}

func seriesMethods() []Method {
	return []Method{
		define("quasi-experimental", spec{name: "its_segmented_newey_west", roles: seriesRoles, params: []Param{
			{Name: "lag", Kind: Number, Help: "the last lag of the errors, in periods: 3 for a year or two of months"},
			{Name: "season", Kind: Number, Optional: true, Help: "the length of a cycle in periods, such as 12; 0 or absent for none"},
		}, page: Page{
			Title:     "Interrupted time series",
			When:      "Did a change of policy or service move a monthly series: at once, and in its slope?",
			Variant:   "Segmented least squares in the order of time, one sine and cosine pair for a season; Newey–West errors with Bartlett's kernel, no prewhitening, plain and times n/(n−k), at the lag given and at the automatic bandwidth's whole part. Breusch–Godfrey at the lag given (none for lag 0), Ljung–Box of six lags. Written here: no kept library has it.",
			Assumes:   "Without the change the trend would have gone on; nothing else changed in that period; correlation dies out within the lag.",
			Formula:   "y = b₀ + b₁t + b₂post + b₃since,  V = (X′X)⁻¹[Γ₀+Σ(1−j/(L+1))(Γ_j+Γ_j′)](X′X)⁻¹",
			Reference: "Bernal, Cummins and Gasparrini (2017), doi:10.1093/ije/dyw098; Newey and West (1987), doi:10.2307/1913610; (1994), doi:10.2307/2297912",
			Checked:   "R packages sandwich 3.0-2 and lmtest 0.9-40",
			PushDown:  "n and Σy by month",
		}}, segmentedKeys, runSegmented),
		define("quasi-experimental", spec{name: "its_gls_ar1", roles: seriesRoles, page: Page{
			Title:     "Interrupted time series, autoregressive errors",
			When:      "A check of its_segmented_newey_west where months clearly follow each other.",
			Variant:   "Generalised least squares, errors of order 1 by the period's number (a missing period widens the gap), by REML and by ML. Coefficients in the order intercept, trend, level change, trend change. Written here: no kept library has it.",
			Assumes:   "As its_segmented_newey_west; correlation φ^d at d periods; φ taken as known by the standard errors.",
			Formula:   "cor(e_s, e_t) = φ^|s−t|",
			Reference: "Pinheiro and Bates (2000), doi:10.1007/b98882",
			Checked:   "R package nlme 3.1-162, gls(corAR1)",
			PushDown:  "n and Σy by month",
		}}, autoregressiveKeys, func(in *Input) (r autoregressive, err error) {
			if r.reml, err = timeseries.InterruptedAR1(series(in), 0, true); err != nil {
				return r, err
			}
			r.ml, err = timeseries.InterruptedAR1(series(in), 0, false)
			return r, err
		}),
		define("quasi-experimental", spec{name: "mann_kendall_sen", roles: seriesRoles[:1], page: Page{
			Title:     "Mann–Kendall trend and Sen's slope",
			When:      "Is a series rising or falling, whatever its shape?",
			Variant:   "Rows are in the order of time, one period apart. Ties in the variance, |S| less 1; slope the median of all pairs' slopes, Gilbert's interval between ranks in proportion. Written here: no kept library has it.",
			Assumes:   "Periods independent of each other: correlation makes p too small.",
			Formula:   "S = Σ sign(y_j−y_i),  slope = median (y_j−y_i)/(j−i)",
			Reference: "Mann (1945), doi:10.2307/1907187; Sen (1968), doi:10.1080/01621459.1968.10480934; Gilbert (1987)",
			Checked:   "R 4.2.2, stats::cor.test",
			PushDown:  "n and Σy by month",
		}}, trendKeys, func(in *Input) (timeseries.Trend, error) {
			return timeseries.MannKendall(in.Numbers("y"), 0.95)
		}),
	}
}

func series(in *Input) timeseries.Series {
	return timeseries.Series{Time: in.Numbers("t"), Value: in.Numbers("y"), Post: in.Numbers("post"), Since: in.Numbers("tp")}
}

func runSegmented(in *Input) (r segmented, err error) {
	lag := in.Number("lag", 0)
	if lag != math.Trunc(lag) || lag < 0 || lag > 1e6 {
		return r, fmt.Errorf("param lag must be a whole number of periods, 0 or more: %w", ErrRequest)
	}
	if r.fit, err = timeseries.Interrupted(series(in), in.Number("season", 0)); err != nil {
		return r, err
	}
	if r.bandwidth, err = timeseries.Bandwidth(r.fit.Rows); err != nil {
		return r, err
	}
	r.ols = stdErrors(r.fit.Covariance())
	for _, each := range []struct {
		into   *[]float64
		lag    int
		adjust bool
	}{{&r.plain, int(lag), false}, {&r.adjusted, int(lag), true}, {&r.automatic, timeseries.AutomaticLag(r.bandwidth), true}} {
		cov, err := timeseries.NeweyWest(r.fit.Rows, each.lag, each.adjust)
		if each.into == &r.automatic && errors.Is(err, analytics.ErrZeroVariance) {
			continue // the automatic bandwidth goes beyond the series
		}
		if err != nil {
			return r, err
		}
		*each.into = stdErrors(cov)
	}
	if r.durbinWatson, err = timeseries.DurbinWatson(r.fit.Rows); err != nil {
		return r, err
	}
	if lag > 0 {
		test, err := timeseries.BreuschGodfrey(r.fit.Rows, int(lag))
		if err != nil {
			return r, err
		}
		r.breuschGodfrey = &test
	}
	if r.autocorrelations, err = timeseries.Autocorrelations(r.fit.Residuals, 6); err != nil {
		return r, err
	}
	r.ljungBox = timeseries.LjungBox(r.autocorrelations, r.fit.N)
	return r, nil
}
