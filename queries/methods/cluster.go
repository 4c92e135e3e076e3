package methods

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/dist"
	"github.com/lumbar-health/lumbar/analytics/linear"
)

// clusterResult is the standard errors under every CR kind.
type clusterResult struct {
	names    []string
	clusters int
	se       map[linear.CRKind][]float64
	cr2      coefficients
	pCR1S    []float64
}

func (r clusterResult) kind(name string, k linear.CRKind) key[clusterResult] {
	return value(name, ByName, func(r clusterResult) any { return Named{r.names, r.se[k]} })
}

var clusterKeys = func() []key[clusterResult] {
	var r clusterResult
	cr2 := func(name string, field func(analytics.Test) float64) key[clusterResult] {
		return value(name, ByName, func(r clusterResult) any { return r.cr2.by(field) })
	}
	return []key[clusterResult]{
		scalar("n_clusters", func(r clusterResult) float64 { return float64(r.clusters) }),
		r.kind("se_CR0", linear.CR0), r.kind("se_CR1", linear.CR1), r.kind("se_CR1S_stata", linear.CR1S),
		r.kind("se_CR2", linear.CR2), r.kind("se_CR3", linear.CR3),
		cr2("CR2_satterthwaite_df", func(t analytics.Test) float64 { return t.DF }),
		cr2("CR2_t", func(t analytics.Test) float64 { return t.Statistic }),
		cr2("CR2_p", func(t analytics.Test) float64 { return t.P }),
		cr2("CR2_ci_low", func(t analytics.Test) float64 { return t.Lower }),
		cr2("CR2_ci_high", func(t analytics.Test) float64 { return t.Upper }),
		value("CR1S_p_t_Gminus1", ByName, func(r clusterResult) any { return Named{r.names, r.pCR1S} }),
	}
}()

func clusterMethods() []Method {
	return []Method{
		define("linear models", spec{name: "ols_cluster_robust", params: formulaParam, roles: []Role{{Name: "cl", Kind: Label, Help: "the cluster, such as provider"}}, page: Page{
			Title:     "Least squares with clustered errors",
			When:      "Patients of the same provider or region resemble each other: errors by provider.",
			Variant:   "CR0; CR1 = G/(G−1); CR1S = CR1·(n−1)/(n−p), as Stata; CR2 (Bell–McCaffrey) with Satterthwaite degrees of freedom, the default under 50 clusters; CR3.",
			Assumes:   "Independent clusters; CR2's degrees of freedom are exact for equal independent errors.",
			Formula:   "V = (X′X)⁻¹·Σ_g v_gv_g′·(X′X)⁻¹,  CR2: v_g = L′⁻¹(I−L′S_gL)^(−½)L′X_g′e_g,  (X′X)⁻¹ = LL′",
			Reference: "Pustejovsky and Tipton (2018), doi:10.1080/07350015.2016.1247004",
			Checked:   "R packages clubSandwich 0.5.8 and sandwich 3.0-2",
			PushDown:  "X_g′X_g and X_g′y_g by cluster",
		}}, clusterKeys, runCluster),
	}
}

func runCluster(in *Input) (clusterResult, error) {
	f, err := fitRows(in, "formula")
	if err != nil {
		return clusterResult{}, err
	}
	clusters, err := f.ByRows(codesOf(in.Labels("cl"), f.Design))
	if err != nil {
		return clusterResult{}, err
	}
	r := clusterResult{names: f.Names, clusters: clusters.Count(), se: map[linear.CRKind][]float64{}}
	for k := linear.CR0; k <= linear.CR3; k++ {
		cov, err := clusters.Covariance(k)
		if err != nil {
			return r, err
		}
		for j := range f.Coef {
			r.se[k] = append(r.se[k], math.Sqrt(cov.At(j, j)))
		}
		if k == linear.CR2 {
			if r.cr2, err = satterthwaite(f.Fit, clusters, cov); err != nil {
				return r, err
			}
		}
	}
	for j, b := range f.Coef {
		if !(r.se[linear.CR1S][j] > 0) {
			return r, fmt.Errorf("%s has a standard error of zero: %w", f.Names[j], analytics.ErrZeroVariance)
		}
		r.pCR1S = append(r.pCR1S, dist.TTwoSided(b/r.se[linear.CR1S][j], float64(r.clusters-1)))
	}
	return r, nil
}

// satterthwaite tests every coefficient under CR2.
func satterthwaite(f *linear.Fit, clusters *linear.Clustered, cov linear.Sym) (coefficients, error) {
	c := coefficients{names: f.Names}
	df, err := clusters.Satterthwaite()
	if err != nil {
		return c, err
	}
	for j := range f.Coef {
		t, err := f.EstimateDF(j, cov, df[j], 0.95)
		if err != nil {
			return c, err
		}
		c.tests = append(c.tests, t)
	}
	return c, nil
}

// codesOf are the codes of the rows that the design used.
func codesOf(c design.Column, m *design.Matrix) []int {
	out := make([]int, m.N)
	for i, r := range m.Rows {
		out[i] = c.Codes[r]
	}
	return out
}

func errNoResponse(param string) error {
	return fmt.Errorf("param %s has nothing left of the ~: %w", param, ErrRequest)
}

func sqrt(v float64) float64 { return math.Sqrt(v) }
