package cohort

import (
	"context"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/lumbar-health/lumbar/analytics/casemix"
	"github.com/lumbar-health/lumbar/analytics/describe"
	"github.com/lumbar-health/lumbar/analytics/funnel"
	"github.com/lumbar-health/lumbar/analytics/moments"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/queries/disclosure"
	"github.com/lumbar-health/lumbar/store/read"
)

// MinimumAdjusted is the fewest modelled records of a group with an adjusted
// figure and a flag (domain 4.1).
const MinimumAdjusted = 30

// clustersForRobust is the number of providers from which the interval of a
// group that spans them is cluster-robust (domain 4.4).
const clustersForRobust = 10

// group is everything that is known of one group and measure.
type group struct {
	key                        []string
	eligible                   int64
	all                        moments.Matrix
	perProcedure               map[string]moments.Matrix
	weights                    map[string]int64 // modelled records by stratum
	providers                  map[string]describe.Cluster
	improved, unchanged, worse int64
	responders, responderBase  int64
}

func newGroup(key []string) *group {
	return &group{key: key, perProcedure: map[string]moments.Matrix{}, weights: map[string]int64{}, providers: map[string]describe.Cluster{}}
}

// groups reads one measure's groups, in order.
func (s *Source) groups(ctx context.Context, r Request, m Measure, ref *reference) ([]*group, error) {
	by, found, err := s.outcomeGroups(ctx, r, m, ref)
	if err != nil {
		return nil, err
	}
	all := map[string]*group{}
	for _, f := range found {
		key := pick(f.Key, by, r.By)
		g := all[disclosure.CellKey(key)]
		if g == nil {
			g = newGroup(key)
			all[disclosure.CellKey(key)] = g
		}
		if err := g.add(r.Programme, m, by, f); err != nil {
			return nil, err
		}
	}
	list := slices.Collect(maps.Values(all))
	slices.SortFunc(list, func(a, b *group) int { return inOrder(a.key, b.key) })
	return list, nil
}

// outcomeGroups are the store's groups of a question, which are finer than
// those of its answer. The reference has them already unless the question groups
// by something else.
func (s *Source) outcomeGroups(ctx context.Context, r Request, m Measure, ref *reference) (by []string, found []read.Group, err error) {
	if len(union(ref.by, r.By...)) == len(ref.by) {
		at := slices.Index(ref.by, dimYear)
		for _, g := range ref.groups {
			if r.Year == 0 || g.Key[at] == strconv.Itoa(r.Year) {
				found = append(found, g)
			}
		}
		return ref.by, found, nil
	}
	by = union(r.By, strata(r.Programme)...)
	if fills(r.Programme, dimProvider) {
		by = union(by, dimProvider)
	}
	found, err = s.reader.Moments(ctx, outcomeQuestion(r.Programme, m, ref, inYear(eligible(r.Programme, m), r.Year), by))
	slices.SortFunc(found, func(a, b read.Group) int { return inOrder(a.Key, b.Key) })
	return by, found, err
}

// add merges one of the store's groups.
func (g *group) add(p *programme.Programme, m Measure, by []string, f read.Group) error {
	if err := g.sum(m, providerOf(by, f.Key), f); err != nil || f.Moments.N == 0 {
		return err
	}
	key := stratumKey(p, by, f.Key)
	if err := mergeInto(g.perProcedure, procedureOf(key), f.Moments); err != nil {
		return err
	}
	g.weights[key] += f.Moments.N
	return nil
}

// sum adds one of the store's groups, of one provider, without its strata.
func (g *group) sum(m Measure, provider string, f read.Group) error {
	g.eligible += f.Eligible
	if f.Moments.N == 0 {
		return nil
	}
	whole := map[string]moments.Matrix{"": g.all}
	if g.all.N == 0 {
		delete(whole, "")
	}
	if err := mergeInto(whole, "", f.Moments); err != nil {
		return err
	}
	g.all = whole[""]
	if len(f.Moments.Terms) > atFollowUp {
		cluster := g.providers[provider]
		cluster.N += f.Moments.N
		cluster.Sum += gainOf(m).Sum(f.Moments)
		g.providers[provider] = cluster
	}
	g.improved += f.Improved
	g.unchanged += f.Unchanged
	g.worse += f.Worse
	g.responders += f.Responders
	g.responderBase += f.ResponderBase
	return nil
}

// gain is the mean gain with what its interval is made of; ok is false where
// there are fewer than two records or all gains are equal.
func (g *group) gain(m Measure, level float64) (s disclosure.Sampling, sd float64, ok bool) {
	w := gainOf(m)
	mean, _ := w.Mean(g.all)
	sd, ok = w.StdDev(g.all, 1)
	if !ok {
		return disclosure.Sampling{Value: mean, N: g.all.N}, 0, false
	}
	s = disclosure.Sampling{Value: mean, StdErr: sd / math.Sqrt(float64(g.all.N)), N: g.all.N, DF: float64(g.all.N - 1), Level: level}
	if len(g.providers) >= clustersForRobust {
		if se, found := clusteredStdErr(g.providers); found {
			s.StdErr, s.DF, s.FixedDF = se, float64(len(g.providers)-1), true
		}
	}
	return s, sd, s.StdErr > 0
}

// clusteredStdErr is the cluster-robust standard error of a mean; ok is false
// under two clusters. The clusters go by name: sums must not depend on the order.
func clusteredStdErr(clusters map[string]describe.Cluster) (se float64, ok bool) {
	var list []describe.Cluster
	for _, name := range slices.Sorted(maps.Keys(clusters)) {
		list = append(list, clusters[name])
	}
	se, err := describe.ClusteredStdErr(list)
	return se, err == nil
}

// adjusted is the case-mix adjusted result of a group.
type adjusted struct {
	against
	gain    float64 // adjusted gain, positive is better
	stdErr  float64 // of the gain under the reference's residual spread
	outlier funnel.Flag
}

// adjust holds the group against its reference:
//
//	adjusted gain = sign·(mean(y−ŷ) of the group − of the reference) + the reference's mean gain
//
// ok is false under MinimumAdjusted records and where nothing is expected.
func (g *group) adjust(m Measure, ref *reference) (adjusted, bool) {
	a := adjusted{against: ref.against(g.weights)}
	bias, ok := g.meanResidual(ref)
	if g.all.N < MinimumAdjusted || !ok || !a.adjusts || !(a.sigma > 0) {
		return a, false
	}
	held := casemix.Adjust(m.sign(), bias-a.bias, a.against.gain, a.sigma, g.all.N)
	a.gain, a.stdErr, a.outlier = held.Gain, held.StdErr, held.Outlier
	return a, true
}

// meanResidual is the group's mean of follow-up − expected.
func (g *group) meanResidual(ref *reference) (float64, bool) {
	var sum float64
	for _, procedure := range slices.Sorted(maps.Keys(g.perProcedure)) {
		e, ok := ref.expected[procedure]
		if !ok {
			return 0, false
		}
		sum += e.residual.Sum(g.perProcedure[procedure])
	}
	return sum / float64(g.all.N), g.all.N > 0
}

// residualSD is the standard deviation of the group's follow-up − expected.
func (g *group) residualSD(ref *reference) (float64, bool) {
	mean, ok := g.meanResidual(ref)
	if !ok {
		return 0, false
	}
	var ss float64
	lost := 0
	for _, procedure := range slices.Sorted(maps.Keys(g.perProcedure)) {
		e, matrix := ref.expected[procedure], g.perProcedure[procedure]
		own, _ := e.residual.Mean(matrix)
		ss += e.residual.Squares(matrix) + float64(matrix.N)*(own-mean)*(own-mean)
		lost = max(lost, e.lost)
	}
	if g.all.N <= int64(lost) {
		return 0, false
	}
	if math.Sqrt(ss/float64(g.all.N)) < 1e-12*math.Max(1, math.Abs(mean)) {
		return 0, true // what rounding leaves of residuals that are all equal
	}
	return math.Sqrt(ss / float64(g.all.N-int64(lost))), true
}

// measureName is the ledger's name of those who count under complete columns.
func measureName(p *programme.Programme, m Measure, complete []string) disclosure.People {
	return disclosure.People{Asked: asked(p, m), Needs: complete}
}
