package survival

import "math"

// risk holds sums over people of mass·exp(η) times 1, x and xx′ (the lower
// triangle, packed by row).
type risk struct {
	s0 float64
	s1 []float64
	s2 []float64
}

func newRisk(p int) risk { return risk{s1: make([]float64, p), s2: make([]float64, p*(p+1)/2)} }

func (r *risk) reset() {
	r.s0 = 0
	clear(r.s1)
	clear(r.s2)
}

// add adds f times (1, x, xx′).
func (r *risk) add(f float64, x []float64) {
	r.s0 += f
	at := 0
	s2 := r.s2
	for i, v := range x {
		fv := f * v
		r.s1[i] += fv
		row := s2[at : at+i+1]
		for j := range row {
			row[j] += fv * x[j]
		}
		at += i + 1
	}
}

// plus sets r to a + f·b.
func (r *risk) plus(a *risk, f float64, b *risk) {
	r.s0 = a.s0 + f*b.s0
	for i := range r.s1 {
		r.s1[i] = a.s1[i] + f*b.s1[i]
	}
	for i := range r.s2 {
		r.s2[i] = a.s2[i] + f*b.s2[i]
	}
}

// deaths are the events at one time of one stratum, with the people at risk.
type deaths struct {
	time         float64
	first, after int     // the places at this time
	people, mass float64 // of those with the event
	atRisk, dead *risk
	g            float64 // weight of those at risk after a competing event
}

// Over the ties k = 0 … people−1 of one time, with a = k/people under Efron and
// 0 under Breslow, and S0_k = S0 − a·D0: c1 = Σ1/S0_k, c2 = Σa/S0_k,
// q0 = Σ1/S0_k², q1 = Σa/S0_k², q2 = Σa²/S0_k², logs = Σ log S0_k, each
// times the mean mass of the events. Score and information follow from these.
type ties struct{ c1, c2, q0, q1, q2, logs float64 }

func (d *deaths) ties(efron bool) ties {
	var t ties
	s0, d0 := d.atRisk.s0, d.dead.s0
	if !efron || d.people <= 1 {
		w := d.mass / s0
		return ties{c1: w, q0: w / s0, logs: d.mass * math.Log(s0)}
	}
	mean := d.mass / d.people
	for k := 0.0; k < d.people; k++ {
		a := k / d.people
		inverse := 1 / (s0 - a*d0)
		t.c1 += inverse
		t.c2 += a * inverse
		t.q0 += inverse * inverse
		t.q1 += a * inverse * inverse
		t.q2 += a * a * inverse * inverse
		t.logs -= math.Log(inverse)
	}
	t.c1, t.c2, t.logs = t.c1*mean, t.c2*mean, t.logs*mean
	t.q0, t.q1, t.q2 = t.q0*mean, t.q1*mean, t.q2*mean
	return t
}

// meanSum is Σ_k x̄_k times the mean mass, column j.
func (d *deaths) meanSum(t ties, j int) float64 { return d.atRisk.s1[j]*t.c1 - d.dead.s1[j]*t.c2 }

// information adds f times the time's information to the packed matrix.
func (d *deaths) information(t ties, f float64, to []float64) {
	at := 0
	s, dead := d.atRisk, d.dead
	for i := range s.s1 {
		for j := 0; j <= i; j++ {
			v := s.s2[at]*t.c1 - s.s1[i]*s.s1[j]*t.q0
			if t.c2 != 0 {
				v -= dead.s2[at]*t.c2 - (s.s1[i]*dead.s1[j]+dead.s1[i]*s.s1[j])*t.q1 + dead.s1[i]*dead.s1[j]*t.q2
			}
			to[at] += f * v
			at++
		}
	}
}

// pass walks the strata from the last time to the first and hands every time
// with an event to visit, whose argument is reused. Nothing is allocated a row.
func (s *sorted) pass(b []float64, visit func(d *deaths)) {
	main, dead, later, both := newRisk(s.p), newRisk(s.p), newRisk(s.p), newRisk(s.p)
	d := deaths{dead: &dead}
	for stratum := 0; stratum+1 < len(s.strata); stratum++ {
		main.reset()
		if s.later != nil {
			later.reset()
			for k := s.strata[stratum]; k < s.strata[stratum+1]; k++ {
				if w := s.later.entry[k]; w > 0 {
					later.add(w*s.mass[k]*math.Exp(s.eta(k, b)), s.x[k*s.p:(k+1)*s.p])
				}
			}
		}
		for k := s.strata[stratum]; k < s.strata[stratum+1]; {
			t := s.time[k]
			d.time, d.first, d.people, d.mass = t, k, 0, 0
			dead.reset()
			for ; k < s.strata[stratum+1] && s.time[k] == t; k++ {
				x := s.x[k*s.p : (k+1)*s.p]
				f := s.mass[k] * math.Exp(s.eta(k, b))
				main.add(f, x)
				if s.event[k] {
					dead.add(f, x)
					d.people += s.people[k]
					d.mass += s.mass[k]
				}
				if s.later != nil && s.later.entry[k] > 0 {
					later.add(-f*s.later.entry[k], x)
				}
			}
			if d.mass == 0 {
				continue
			}
			d.after, d.atRisk, d.g = k, &main, 0
			if s.later != nil {
				d.g = s.later.g[d.first]
				both.plus(&main, d.g, &later)
				d.atRisk = &both
			}
			visit(&d)
		}
	}
}
