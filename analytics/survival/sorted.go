package survival

import (
	"math"
	"slices"
)

// sorted is a cohort laid out for one pass: rows by stratum and then by falling
// time, covariates centred at their mean and divided by their standard
// deviation, so that sums keep their digits.
type sorted struct {
	n, p          int
	x             []float64
	time          []float64
	event         []bool // of the cause that is modelled
	mass, people  []float64
	order         []int32 // the cohort's row at each place
	strata        []int   // place where each stratum begins, and n
	centre, scale []float64
	later         *laterRisk // of Fine and Gray; nil in a Cox model
}

// laterRisk keeps people at risk after a competing event, with the weight
// g(t)·entry that Fine and Gray give them; one stratum only.
type laterRisk struct {
	entry []float64 // 1/G at the competing event; 0 for all others
	g     []float64 // G just before the time of each place
	rule  Censoring
}

// layOut sorts and scales a cohort. Rows without mass are left out; a constant
// column has scale 0 and is refused by the caller.
func layOut(c *Cohort, cause int) *sorted {
	s := &sorted{p: len(c.Names)}
	s.order = make([]int32, 0, c.Len())
	for i := 0; i < c.Len(); i++ {
		if c.mass(i) > 0 {
			s.order = append(s.order, int32(i))
		}
	}
	s.n = len(s.order)
	slices.SortFunc(s.order, func(a, b int32) int {
		if d := c.stratum(int(a)) - c.stratum(int(b)); d != 0 {
			return d
		}
		switch ta, tb := c.Time[a], c.Time[b]; {
		case ta > tb:
			return -1
		case ta < tb:
			return 1
		}
		return int(a - b)
	})
	s.time, s.event = make([]float64, s.n), make([]bool, s.n)
	s.mass, s.people = make([]float64, s.n), make([]float64, s.n)
	last := -1
	for k, row := range s.order {
		i := int(row)
		s.time[k], s.event[k] = c.Time[i], c.Cause[i] == cause
		s.mass[k], s.people[k] = c.mass(i), c.people(i)
		if c.stratum(i) != last {
			last = c.stratum(i)
			s.strata = append(s.strata, k)
		}
	}
	s.strata = append(s.strata, s.n)
	s.standardise(c)
	return s
}

// standardise fills in the covariates.
func (s *sorted) standardise(c *Cohort) {
	p := s.p
	s.centre, s.scale = make([]float64, p), make([]float64, p)
	var total float64
	for k, row := range s.order {
		total += s.mass[k]
		for j, v := range c.X[int(row)*p : (int(row)+1)*p] {
			s.centre[j] += s.mass[k] * v
		}
	}
	for j := range s.centre {
		s.centre[j] /= total
	}
	for k, row := range s.order {
		for j, v := range c.X[int(row)*p : (int(row)+1)*p] {
			s.scale[j] += s.mass[k] * square1(v-s.centre[j])
		}
	}
	for j := range s.scale {
		s.scale[j] = math.Sqrt(s.scale[j] / total)
		if s.scale[j] <= 1e-12*math.Abs(s.centre[j]) {
			s.scale[j] = 0
		}
	}
	s.x = make([]float64, s.n*p)
	for k, row := range s.order {
		to := s.x[k*p : (k+1)*p]
		for j, v := range c.X[int(row)*p : (int(row)+1)*p] {
			if s.scale[j] > 0 {
				to[j] = (v - s.centre[j]) / s.scale[j]
			}
		}
	}
}

// eta is the linear predictor at place k, covariates at their means being 0.
func (s *sorted) eta(k int, b []float64) float64 {
	var v float64
	for j, x := range s.x[k*s.p : (k+1)*s.p] {
		v += x * b[j]
	}
	return v
}
