package glm

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/cells"
	"github.com/lumbar-health/lumbar/analytics/dense"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/linear"
)

// Multinomial is a fitted multinomial logit model of K classes.
type Multinomial struct {
	Names []string
	// Coef[k−1] are the coefficients of log P(class k)/P(class 0), k from 1.
	Coef [][]float64
	// Cov is their covariance, the coefficients of class 1 first, then of class 2
	// and so on: coefficient j of class k stands at (k−1)·len(Names) + j.
	Cov        linear.Sym
	Fitted     [][]float64 // of each pattern the probability of each class
	Deviance   float64     // −2·log-likelihood
	N          float64
	Iterations int
}

// StdErr returns the standard error of coefficient j of class k, k from 1.
func (m *Multinomial) StdErr(k, j int) float64 {
	at := (k-1)*len(m.Names) + j
	return math.Sqrt(m.Cov.At(at, at))
}

// FitMultinomial fits
//
//	P(class k) = exp(x′b_k)/Σ exp(x′b_l),   b_0 = 0
//
// by Newton's method to 1e-8 of a standard error. counts holds for each pattern
// of the design its people by class; Options.Weights multiplies them, Offset is
// not taken. With two classes it is the logistic regression of class 1.
//
//	fewer than two classes, lengths that differ, an offset,
//	more than 2000 coefficients                              ErrInvalidParameter
//	a class of nobody, fewer people than coefficients        ErrTooFewObservations
//	a column that others determine                           ErrCollinear
//	separation                                               ErrNotConverged
//
// Agrees with R's nnet::multinom (reltol 1e-14) to 1e-6. Agresti (2013),
// Categorical Data Analysis, section 8.1.
func FitMultinomial(x *design.Matrix, counts [][]float64, opts Options) (*Multinomial, error) {
	classes, err := classTotals(x, counts, opts)
	if err != nil {
		return nil, err
	}
	blocks := len(classes) - 1
	if blocks*x.P > maxClassCoefficients {
		return nil, fmt.Errorf("glm: %d coefficients, at most %d; join classes or drop terms: %w", blocks*x.P, maxClassCoefficients, analytics.ErrInvalidParameter)
	}
	f := newMultinomialFit(x, counts, opts)
	if f.scale.people <= float64(blocks*x.P) {
		return nil, fmt.Errorf("glm: %v people for %d coefficients; join classes or drop terms: %w", f.scale.people, blocks*x.P, analytics.ErrTooFewObservations)
	}
	start := make([]float64, blocks*x.P)
	if f.scale.intercept >= 0 {
		for k := range blocks {
			start[k*x.P+f.scale.intercept] = math.Log(classes[k+1]/classes[0]) / f.scale.constant()
		}
	}
	l := likelihood{pass: f.pass, name: func(at int) string { return x.Names[at%x.P] }}
	top, err := l.maximise(start, opts)
	if err != nil {
		return nil, err
	}
	t := square(blocks * x.P)
	m := &Multinomial{Names: x.Names, Fitted: f.fitted, Deviance: top.kernel, N: f.scale.people, Iterations: top.iterations}
	for k := range blocks {
		m.Coef = append(m.Coef, f.scale.transform(top.theta[k*x.P:(k+1)*x.P]))
		unit := make([]float64, x.P)
		for j := range x.P {
			clear(unit)
			unit[j] = 1
			for i, v := range f.scale.transform(unit) {
				t[k*x.P+i][k*x.P+j] = v
			}
		}
	}
	m.Cov = transformed(t, top.inverse)
	return m, nil
}

// maxClassCoefficients bounds a model of classes: its information is the square.
const maxClassCoefficients = 2000

// classTotals checks the counts and returns the people of each class.
func classTotals(x *design.Matrix, counts [][]float64, opts Options) ([]float64, error) {
	if x.N == 0 || x.P == 0 || len(counts) != x.N || len(counts[0]) < 2 {
		return nil, fmt.Errorf("glm: %d patterns of %d columns with %d counts of classes, need two classes or more: %w", x.N, x.P, len(counts), analytics.ErrInvalidParameter)
	}
	if opts.Offset != nil || opts.Weights != nil && len(opts.Weights) != x.N {
		return nil, fmt.Errorf("glm: a model of classes takes no offset and one weight a pattern: %w", analytics.ErrInvalidParameter)
	}
	if err := analytics.CheckFinite("glm: covariates", x.X); err != nil {
		return nil, err
	}
	classes := make([]float64, len(counts[0]))
	for i, row := range counts {
		if len(row) != len(classes) || !(opts.weight(i) >= 0) {
			return nil, fmt.Errorf("glm: pattern %d has %d classes or a weight below zero: %w", i+1, len(row), analytics.ErrInvalidParameter)
		}
		for k, n := range row {
			if !(n >= 0) || math.IsInf(n, 0) {
				return nil, fmt.Errorf("glm: pattern %d has a count that is no number of people: %w", i+1, analytics.ErrInvalidParameter)
			}
			classes[k] += n * opts.weight(i)
		}
	}
	for k, n := range classes {
		if !(n > 0) {
			return nil, fmt.Errorf("glm: class %d has nobody; leave it out: %w", k+1, analytics.ErrTooFewObservations)
		}
	}
	return classes, nil
}

// multinomialFit is one fit's data and scratch.
type multinomialFit struct {
	x      *design.Matrix
	counts [][]float64
	opts   Options
	scale  *scoring
	fitted [][]float64
}

func newMultinomialFit(x *design.Matrix, counts [][]float64, opts Options) *multinomialFit {
	f := &multinomialFit{x: x, counts: counts, opts: opts, fitted: make([][]float64, x.N)}
	people := make([]float64, x.N)
	for i, row := range counts {
		f.fitted[i] = make([]float64, len(row))
		for _, n := range row {
			people[i] += n
		}
	}
	f.scale = newScoring(&Model{P: x.P, Names: x.Names, data: cells.Cells{Design: x, Count: people}, opts: opts})
	return f
}

// pass streams the patterns once.
func (f *multinomialFit) pass(theta []float64) (kernel float64, score []float64, information linear.Sym, ok bool) {
	p, blocks := f.x.P, len(f.counts[0])-1
	score, information = make([]float64, blocks*p), linear.NewSym(blocks*p)
	eta, z := make([]float64, blocks), f.scale.z
	for i, row := range f.counts {
		for j, v := range f.x.Row(i) {
			z[j] = (v - f.scale.centre[j]) * f.scale.share[j]
		}
		for k := range eta {
			eta[k] = dense.Dot(theta[k*p:(k+1)*p], z)
		}
		pi := f.fitted[i]
		logTotal := softmax(eta, pi)
		var n float64
		w := f.opts.weight(i)
		for k, c := range row {
			n += c
			if c > 0 {
				at := -logTotal
				if k > 0 {
					at += eta[k-1]
				}
				kernel -= 2 * w * c * at
			}
		}
		if n *= w; n <= 0 {
			continue
		}
		for k := range blocks {
			residual := w*row[k+1] - n*pi[k+1]
			for j, v := range z {
				score[k*p+j] += residual * v
			}
			for l := range k + 1 {
				c := -n * pi[k+1] * pi[l+1]
				if l == k {
					c += n * pi[k+1]
				}
				addBlock(information, k*p, l*p, z, c)
			}
		}
	}
	return kernel, score, information, !math.IsNaN(kernel) && !math.IsInf(kernel, 0)
}

// softmax fills in the probabilities of a class of predictor 0 and the others,
// and returns the log of the sum of exponentials.
func softmax(eta, pi []float64) float64 {
	most := 0.0
	for _, e := range eta {
		most = math.Max(most, e)
	}
	total := math.Exp(-most)
	pi[0] = total
	for k, e := range eta {
		pi[k+1] = math.Exp(e - most)
		total += pi[k+1]
	}
	for k := range pi {
		pi[k] /= total
	}
	return most + math.Log(total)
}

// addBlock adds c·zz′ at rows from, columns to ≤ from of a packed matrix.
func addBlock(s linear.Sym, from, to int, z []float64, c float64) {
	for a, v := range z {
		row := s.Data[(from+a)*(from+a+1)/2+to:]
		width := len(z)
		if from == to {
			width = a + 1
		}
		f := c * v
		for b, u := range z[:width] {
			row[b] += f * u
		}
	}
}
