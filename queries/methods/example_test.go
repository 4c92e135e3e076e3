package methods

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/analytics/design"
)

// exampleTable is 160 people with a column for whatever a method can ask for:
// outcomes, arms, clusters, visits, times, sites to pool and periods to chart.
func exampleTable(t *testing.T) *design.Table {
	t.Helper()
	var b strings.Builder
	b.WriteString("id,arm,two,site,sex,age,y0,y,y1,treated,event,before,time,status,wave,visit,yi,vi,mod,ai,n1i,ci,n2i,dose,period,post,since,instrument,people,cases,q1,q2,q3,groc,visits,change,anchor,.imp,gone,answered\n")
	state := uint64(1)
	draw := func() float64 { // a fixed sequence on [0,1)
		state = state*6364136223846793005 + 1442695040888963407
		return float64(state>>11) / (1 << 53)
	}
	arms := []string{"a", "b", "c"}
	for i := range 160 {
		arm, two := arms[int(3*draw())], arms[int(2*draw())]
		treated := 0
		y0 := math.Round(20 + 60*draw())
		if draw() < 1/(1+math.Exp(-(y0-50)/20)) {
			treated = 1
		}
		age := math.Round(20 + 60*draw())
		y := math.Round(10 + 0.6*y0 + 0.1*age - 8*float64(treated) + 20*(draw()-0.5))
		event := 0
		if draw() < 1/(1+math.Exp((y-45)/15-float64(i/20-4)/2)) {
			event = 1
		}
		post := 0
		if i >= 80 {
			post = 1
		}
		answered := fmt.Sprint(y)
		if draw() < 0.2 {
			answered = ""
		}
		fmt.Fprintf(&b, "%d,%s,%s,s%d,%s,%v,%v,%v,%v,%d,%d,%d,%d,%d,%d,w%d,%v,%v,%v,%d,%d,%d,%d,%d,%d,%d,%d,%v,%d,%d,%d,%d,%d,%d,%d,%v,%d,%d,%d,%s\n",
			i/4+1, arm, two, i/20, []string{"F", "M"}[int(2*draw())], age, y0, y, math.Round(y-10*draw()+2), treated, event, int(2*draw()),
			1+int(80*draw()), int(3*draw()), i%4+1, i%4+1, math.Round(100*draw())/100, 0.02+0.1*draw(), math.Round(10*draw()),
			3+int(10*draw()), 40, 4+int(10*draw()), 45, int(5*draw()), i+1, post, max(0, i-79), math.Round(10*draw())+0.1*float64(treated),
			50+int(20*draw()), 5+int(10*draw()), int(5*draw()), int(5*draw()), int(5*draw()), int(4*draw())-1, int(6*draw()), y0-y, int(3*draw()), i%4+1, int(2*draw()), answered)
	}
	table, err := ParseTable(strings.NewReader(b.String()), nil)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// exampleRoles and exampleParams fill whatever a method asks for; of some it is
// something of their own.
var (
	exampleRoles = map[string]string{
		"y": "y", "g": "two", "y0": "y0", "y1": "y1", "tr": "treated", "cl": "site", "pr": "site", "yi": "yi", "vi": "vi", "x": "y0", "nc": "age", "s": "site",
		"dose": "dose", "a": "arm", "b": "two", "ev": "event", "time": "time", "status": "status", "st": "sex", "t": "period", "post": "post", "tp": "since",
		"n": "people", "mod": "mod", "ai": "ai", "n1i": "n1i", "ci": "ci", "n2i": "n2i", "change": "change", "anchor": "anchor",
	}
	exampleParams = map[string]any{
		"level1": "b", "level0": "a", "margin": 4.0, "reliability": 0.8, "formula": "y ~ y0 + treated", "formula_y": "~ y0 + age", "formula_adj": "~ y0",
		"formula_cm": "y ~ y0", "formula_int": "y ~ treated * sex + y0", "sub": "sex", "trt": "treated", "emm": "arm", "control": "a",
		"formula_ps": "treated ~ y0 + age", "formula_r": "~ y0 + age", "xnum": []any{"y0", "age"}, "fam": "gaussian", "type": "ate", "ref": "a", "scale": "logit",
		"caliper_sd": 0.2, "order": "largest", "event": 1.0, "times": []any{10.0, 30.0, 60.0}, "tau": 50.0, "rhs": "treated + age", "alpha": 0.05, "sd": 10.0,
		"idv": "id", "wavev": "wave", "visitv": "visit", "corstr": "exchangeable", "family": "gaussian", "nagq": 1.0, "cons": map[string]any{"last": map[string]any{"treated": 1.0}},
		"term": "treated", "mean_y": "y", "yn": "y", "trn": "treated", "missn": "gone", "deltas": []any{0.0, 5.0}, "cols": []any{"y", "y0"}, "lag": 3.0, "season": 0.0,
		"iv": "y ~ treated + y0 | instrument + y0", "ols": "y ~ treated + y0", "statistic": "difference_in_means", "input_t": []any{1.0, 2.0, 1.5, 0.5, 1.2, 0.8, 1.9, 1.4, 0.9, 1.1},
		"items": []any{"q1", "q2", "q3"}, "anchor_pos": []any{2.0}, "pv": []any{0.01, 0.04, 0.2}, "rates": []any{0.5, 1.0}, "ty": "asOF",
		"x": []any{0.1, 0.5, -0.2, 0.9, 1.1}, "t_star": 100.0, "rho_fixed": 0.2, "tau2": 0.25, "t_eval": []any{1.0, 5.0}, "delta": 5.0, "power": 0.9, "n": 150.0,
		"rho": 0.6, "p1": 0.55, "p2": 0.45, "hr": 0.75, "pevent": 0.6, "m_cluster": 25.0, "icc": 0.03, "cv": 0.5, "lambda": 0.2, "L": 3.0, "k": 0.5,
		"prior_mean": 0.0, "prior_sd": 5.0, "mcid": 4.0, "a0": 1.0, "b0": 1.0, "prior_sd_coef": 100.0, "tau_prior": map[string]any{"family": "half_normal", "scale": 0.5},
		"mu_prior": "flat", "input_a": []any{1.0, 4.0, 2.5}, "input_b": []any{3.0, 5.5, 6.0}, "me": "REML", "conf": 0.95, "alternative": "greater", "y": "groc",
	}
	// binary outcomes, and what else is special of a method.
	exampleOwn = map[string]map[string]any{}
)

func init() {
	own := func(params map[string]any, methods ...string) {
		for _, m := range methods {
			exampleOwn[m] = params
		}
	}
	binary := map[string]any{"formula": "event ~ y0 + treated", "formula_cm": "event ~ y0", "fam": "binomial", "role y": "event", "role y0": "before", "role y1": "event", "role g": "two"}
	own(binary, "logistic_regression", "logistic_profile_likelihood_ci", "hosmer_lemeshow", "logistic_firth", "modified_poisson_rr", "linear_probability_hc",
		"logistic_cluster_robust", "g_computation_binary", "g_computation_binary_robust", "indirect_standardisation", "funnel_standardised_ratio_overdispersion",
		"funnel_binomial_exact", "funnel_binomial_overdispersion", "beta_binomial_empirical_bayes", "proportion_ci", "risk_difference", "risk_ratio", "two_by_two_tests",
		"mantel_haenszel", "cochran_armitage_trend", "mcnemar", "ate_binary_gform_iptw_aiptw", "aipw_ate_single_outcome_model", "tmle_ate_binary")
	own(map[string]any{"formula": "event ~ treated + y0", "family": "binomial"}, "gee_binomial", "gee_binomial_liang_zeger")
	own(map[string]any{"formula": "y ~ treated + y0 + (1 | id)"}, "lmm_random_intercept_reml", "lmm_random_intercept_ml", "lmm_kenward_roger")
	own(map[string]any{"formula": "y ~ treated + y0 + (1 + wave | id)"}, "lmm_random_slope_reml")
	own(map[string]any{"formula": "event ~ treated + y0 + (1 | id)"}, "glmm_logistic_random_intercept")
	own(map[string]any{"formula": "y ~ arm + y0"}, "adjusted_means", "adjusted_means_observed_margins")
	own(map[string]any{"formula": "visits ~ treated + y0"}, "poisson_regression", "negative_binomial")
	own(map[string]any{"formula": "groc ~ treated + y0"}, "proportional_odds", "multinomial_logit")
	own(map[string]any{"formula": "y ~ treated + y0"}, "subgroup_interaction", "subgroup_effects")
	own(map[string]any{"formula": "y ~ visit * treated + y0"}, "mmrm_unstructured_reml")
	own(map[string]any{"role x": "cases", "role y": "y"}, "spc_p_chart")
	own(map[string]any{"formula_ps": "arm ~ y0 + age"}, "multi_arm_ipw_aipw")
	own(map[string]any{"role post": "post", "role g": "treated"}, "did_2x2")
	own(map[string]any{"formula": "y ~ treated + site", "term": "treated"}, "did_twfe")
	own(map[string]any{"role y": "answered", "formula_y": "answered ~ treated + y0"}, "inverse_probability_of_response")
}

// exampleRequest is a request that the method can answer.
func exampleRequest(m Method, table *design.Table) Request {
	req := Request{Table: table, Roles: map[string]string{}, Params: map[string]any{}}
	for role, column := range exampleRoles {
		req.Roles[role] = column
	}
	for _, p := range m.Params {
		if v, ok := exampleParams[p.Name]; ok {
			req.Params[p.Name] = v
		}
		if len(p.OneOf) > 0 {
			req.Params[p.Name] = p.OneOf[0]
		}
	}
	for name, v := range exampleOwn[m.Name] {
		if role, isRole := strings.CutPrefix(name, "role "); isRole {
			req.Roles[role] = v.(string)
			continue
		}
		req.Params[name] = v
	}
	return req
}
