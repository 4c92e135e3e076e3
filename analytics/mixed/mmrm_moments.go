package mixed

import (
	"fmt"
	"reflect"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/moments"
)

// PersonTerms are the columns of a design over visits as the store has them, a row
// a person: Terms are what varies between people, the intercept first, and Place
// says for each visit and coefficient which of them the column is at that visit, -1
// where it is zero.
type PersonTerms struct {
	Names, Levels []string
	Terms         []moments.Term
	Place         [][]int
}

// PersonTermsOf takes the indicators of the visit out of a formula's columns. A
// visit that is a number in the formula, or a level that levels lack:
// ErrInvalidParameter.
func PersonTermsOf(s *design.Summed, visit string, levels []string) (*PersonTerms, error) {
	p := &PersonTerms{Names: s.Names, Levels: levels, Terms: []moments.Term{moments.Intercept()}}
	columns := s.Terms
	if len(columns) < s.P {
		columns = append([]moments.Term{moments.Intercept()}, columns...)
	}
	for _, level := range levels {
		var place []int
		for _, column := range columns {
			own, here := moments.Term{Name: column.Name}, true
			for _, f := range column.Factors {
				switch {
				case f.Column != visit:
					own.Factors = append(own.Factors, f)
				case f.Level == nil:
					return nil, fmt.Errorf("mixed: MMRM: %s has the visit as a number, need a factor: %w", column.Name, analytics.ErrInvalidParameter)
				default:
					here = here && *f.Level == level
				}
			}
			if !here {
				place = append(place, -1)
				continue
			}
			place = append(place, p.term(own))
		}
		p.Place = append(p.Place, place)
	}
	return p, nil
}

// term is the place of the term of those factors, added where it is new.
func (p *PersonTerms) term(own moments.Term) int {
	for k, known := range p.Terms {
		if len(known.Factors) == len(own.Factors) && (len(own.Factors) == 0 || reflect.DeepEqual(known.Factors, own.Factors)) {
			return k
		}
	}
	p.Terms = append(p.Terms, own)
	return len(p.Terms) - 1
}

// Attended is the moments of the people who have exactly the visits given, places
// in Levels in ascending order: PersonTerms' terms and after them the outcome at
// each of the visits.
type Attended struct {
	Visits  []int
	Moments moments.Matrix
}

// VisitsFromMoments is VisitsFromRows of the same people's cross-products, one
// matrix a set of visits. A set that comes twice, is empty or out of order, or
// moments of other terms: ErrInvalidParameter; other errors as VisitsFromRows.
func VisitsFromMoments(p *PersonTerms, sets []Attended) (*Visits, error) {
	v := &Visits{Names: p.Names, Levels: p.Levels}
	if err := v.count(); err != nil {
		return nil, err
	}
	seen := map[uint64]bool{}
	for _, set := range sets {
		var key uint64
		for k, visit := range set.Visits {
			if visit < 0 || visit >= len(v.Levels) || k > 0 && visit <= set.Visits[k-1] {
				return nil, fmt.Errorf("mixed: MMRM: visits %v of %d: %w", set.Visits, len(v.Levels), analytics.ErrInvalidParameter)
			}
			key |= 1 << visit
		}
		if seen[key] || key == 0 || len(set.Moments.Terms) != len(p.Terms)+len(set.Visits) {
			return nil, fmt.Errorf("mixed: MMRM: a set of visits comes twice, is empty or has other terms: %w", analytics.ErrInvalidParameter)
		}
		seen[key] = true
		if set.Moments.N > 0 {
			v.patterns = append(v.patterns, p.pattern(set))
		}
	}
	return v, v.admit()
}

// pattern reads the sums of a set off its moments.
func (p *PersonTerms) pattern(set Attended) pattern {
	m, first := set.Moments, len(p.Terms)
	out := newPattern(set.Visits, len(p.Names))
	out.n = float64(m.N)
	for a, s := range set.Visits {
		for b, u := range set.Visits {
			out.yy.Set(a, b, m.Sum(first+a, first+b))
			for j, i := range p.Place[s] {
				if i < 0 {
					continue
				}
				out.xy[a][b][j] = m.Sum(i, first+b)
				for k, l := range p.Place[u] {
					if l >= 0 {
						out.xx[a][b].Set(j, k, m.Sum(i, l))
					}
				}
			}
		}
	}
	return out
}
