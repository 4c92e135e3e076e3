package methods

import (
	"github.com/lumbar-health/lumbar/analytics/multiplicity"
)

// adjustedP are the adjusted p-values by method.
type adjustedP map[multiplicity.Method][]float64

var adjustedPKeys = func() []key[adjustedP] {
	var keys []key[adjustedP]
	for _, m := range multiplicity.Methods() {
		keys = append(keys, value(string(m), Numbers, func(r adjustedP) any { return r[m] }))
	}
	return keys
}()

// planningMethods are those of several tests and of the size of a study.
func planningMethods() []Method {
	return append([]Method{
		define("multiplicity", spec{name: "p_adjust", params: []Param{{Name: "pv", Kind: NumberList, Help: "the p-values of the tests that belong together"}}, page: Page{
			Title:     "Adjusted p-values",
			When:      "Several outcomes, regions or pairs tested at once. Holm when no false finding is tolerable, BH for a list to follow up.",
			Variant:   "Holm, Hochberg, Hommel, Bonferroni (family-wise), Benjamini–Hochberg and Benjamini–Yekutieli (false discovery), in the order given.",
			Assumes:   "Holm, Bonferroni and BY nothing; Hochberg, Hommel and BH independent or positively dependent tests.",
			Formula:   "Holm: max over j≤i of (m−j+1)p₍ⱼ₎;  BH: min over j≥i of m·p₍ⱼ₎/j",
			Reference: "Holm (1979); Hommel (1988), doi:10.1093/biomet/75.2.383; Benjamini and Hochberg (1995), doi:10.1111/j.2517-6161.1995.tb02031.x",
			Checked:   "R 4.2.2, stats::p.adjust",
			PushDown:  "none: works on p-values",
		}}, adjustedPKeys, func(in *Input) (adjustedP, error) {
			out := adjustedP{}
			for _, m := range multiplicity.Methods() {
				a, err := multiplicity.Adjust(m, in.List("pv"))
				if err != nil {
					return nil, err
				}
				out[m] = a
			}
			return out, nil
		}),
	}, sizeMethods()...)
}
