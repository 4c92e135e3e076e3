package methods

import (
	"errors"
	"fmt"
	"math"
	"math/rand"
	"testing"
	"time"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
)

func TestZZSweep(t *testing.T) {
	names := []string{"mann_whitney", "hodges_lehmann_shift", "hodges_lehmann_shift_r_asymptotic", "brunner_munzel", "prob_superiority_delong", "effect_size_d", "smd", "variance_tests", "ks_two_sample", "mann_whitney_exact_conditional", "mann_whitney_exact_r_if_no_ties", "permutation_test_mean_asymptotic", "wilcoxon_signed_rank", "hodges_lehmann_paired", "agreement_bland_altman_icc_ccc", "anova_oneway", "kruskal_wallis", "tukey_hsd", "pairwise_welch", "games_howell", "variance_homogeneity", "jonckheere_terpstra", "dunnett", "proportion_ci", "risk_difference", "risk_ratio", "two_by_two_tests", "mantel_haenszel", "cochran_armitage_trend", "chi2_rxc", "mcnemar", "cronbach_alpha", "mcid_anchor_roc_mean_change_predictive"}
	r := rand.New(rand.NewSource(1))
	seen := map[string]int{}
	for it := 0; it < 700; it++ {
		n := r.Intn(14)
		if it%10 == 0 {
			n = 40
		}
		kind := r.Intn(6)
		gen := func() []float64 {
			x := make([]float64, n)
			for i := range x {
				switch kind {
				case 0:
					x[i] = float64(r.Intn(3))
				case 1:
					x[i] = r.NormFloat64()
				case 2:
					x[i] = 5
				case 3:
					x[i] = float64(r.Intn(2))
				case 4:
					x[i] = r.NormFloat64() * math.Pow(10, float64(r.Intn(600)-300))
				case 5:
					x[i] = 1e9 + float64(r.Intn(4))/8
				}
				if r.Intn(12) == 0 {
					x[i] = math.NaN()
				}
			}
			return x
		}
		codes, s := make([]int, n), make([]int, n)
		ev := make([]float64, n)
		ev2 := make([]float64, n)
		for i := range codes {
			codes[i] = r.Intn(4) - r.Intn(2)*r.Intn(2)
			s[i] = r.Intn(3)
			ev[i] = float64(r.Intn(2))
			ev2[i] = float64(r.Intn(2))
		}
		tb, err := design.NewTable(design.Column{Name: "y", Values: gen()}, design.Column{Name: "z", Values: gen()}, design.Column{Name: "w", Values: gen()}, design.Column{Name: "g", Codes: codes, Levels: []string{"a", "b", "c", "d", "e"}}, design.Column{Name: "s", Codes: s, Levels: []string{"p", "q", "r"}}, design.Column{Name: "ev", Values: ev}, design.Column{Name: "ev2", Values: ev2})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			m, ok := Find(name)
			if !ok {
				t.Fatal(name)
			}
			y := "y"
			if m.Family == "proportions" {
				y = "ev"
			}
			y0, y1 := "y", "z"
			if name == "mcnemar" {
				y0, y1 = "ev", "ev2"
			}
			req := Request{Table: tb, Roles: map[string]string{"y": y, "g": "g", "y0": y0, "y1": y1, "s": "s", "dose": "z", "a": "g", "b": "s", "change": "y", "anchor": "ev"}, Params: map[string]any{"level1": "b", "level0": "a", "control": "a", "items": []any{"y", "z", "w"}, "anchor_pos": 1.0}}
			t0 := time.Now()
			a, err := Run(name, req)
			if d := time.Since(t0); d > 2*time.Second {
				t.Errorf("%s took %v kind %d n %d", name, d, kind, n)
			}
			if err != nil {
				k := "other: " + err.Error()
				for _, e := range []error{ErrRequest, analytics.ErrTooFewObservations, analytics.ErrZeroVariance, analytics.ErrInvalidParameter, analytics.ErrNotConverged, analytics.ErrCollinear} {
					if errors.Is(err, e) {
						k = e.Error()
					}
				}
				seen[name+" | "+k]++
				if k == analytics.ErrInvalidParameter.Error() && kind != 4 {
					seen[fmt.Sprintf("%s | INVALID kind %d: %v", name, kind, err)]++
				}
				continue
			}
			seen[name+" | ok"]++
			if _, err := a.MarshalJSON(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	for k, v := range seen {
		fmt.Println(v, k)
	}
}
