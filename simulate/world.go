package simulate

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Sizes of the world.
const (
	regions          = 8
	icbsPerRegion    = 2
	trustsPerRegion  = 5
	trusts           = regions * trustsPerRegion
	practicesOfTrust = 10
	sitesOfTrust     = 2
)

var regionNames = [regions]string{
	"North Shore", "High Moors", "River Vale", "Middle Plain", "East Fens", "West Hills", "South Downs", "Great Harbour",
}

// outliers are the trusts, by their place in order of size, whose people fare
// truly otherwise, in ODI points at 12 months: two do worse, one better.
var outliers = map[int]float64{2: 7, 5: -6.5, 9: 5.5}

// world is where people live and are treated.
type world struct {
	regions [regions]Region
	trusts  [trusts]Trust
	weights [trusts]float64 // share of people
	// deprivation is the mean IMD decile of a practice's people.
	deprivation [trusts][practicesOfTrust]float64
}

// Region is an invented region. Effect is what living there adds to the ODI at
// 12 months, in points: below 0 is better.
type Region struct {
	Code   string  `json:"code"`
	Name   string  `json:"name"`
	Effect float64 `json:"effect"`
}

// Trust is an invented provider. Effect is what being treated there adds to the
// ODI at 12 months, in points: below 0 is better. Trusts differ a little, and
// an outlier much.
type Trust struct {
	Code    string  `json:"code"`
	Region  string  `json:"region"`
	ICB     string  `json:"icb"`
	Effect  float64 `json:"effect"`
	Outlier bool    `json:"outlier"`

	region int
}

// newWorld draws the world of a seed. Its effects do not depend on who is
// treated with what.
func newWorld(seed uint64) world {
	r := newRandom(seed, streamWorld, 0)
	var w world
	for i := range w.regions {
		w.regions[i] = Region{Code: fmt.Sprintf("ZR%d", i+1), Name: regionNames[i], Effect: points(r.normal(0, 0.8, 2))}
	}
	var size [trusts]int
	for i := range w.trusts {
		region := i / trustsPerRegion
		w.trusts[i] = Trust{
			Code:   fmt.Sprintf("Z%c%c", 'A'+region, 'A'+i%trustsPerRegion),
			Region: w.regions[region].Code,
			ICB:    fmt.Sprintf("Z%c%d", 'A'+region, 1+i%icbsPerRegion),
			Effect: points(r.normal(0, 1.8, 2)),
			region: region,
		}
		w.weights[i] = math.Exp(r.normal(0, 0.45, 2))
		size[i] = i
		for j := range w.deprivation[i] {
			w.deprivation[i][j] = min(max(r.normal(3.5+0.55*float64(region), 1.8, 2), 1.5), 9.5)
		}
	}
	slices.SortStableFunc(size[:], func(a, b int) int { return cmp.Compare(w.weights[b], w.weights[a]) })
	for place, effect := range outliers {
		w.trusts[size[place]].Effect, w.trusts[size[place]].Outlier = effect, true
	}
	return w
}

// points rounds to a hundredth of a point, so that truth.json is short and
// exact.
func points(x float64) float64 { return math.Round(100*x) / 100 }

// address is where one person is treated and registered.
type address struct {
	trust    int
	site     string
	practice string
	decile   int
}

func (w *world) address(r random) address {
	at := r.choose(w.weights[:]...)
	practice := r.IntN(practicesOfTrust)
	return address{
		trust:    at,
		site:     fmt.Sprintf("%s%02d", w.trusts[at].Code, 1+r.IntN(sitesOfTrust)),
		practice: fmt.Sprintf("Z%05d", 100*(at+1)+practice),
		decile:   r.whole(w.deprivation[at][practice], 1.8, 1, 10),
	}
}
