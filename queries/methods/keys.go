package methods

import (
	"math"

	"github.com/lumbar-health/lumbar/analytics/linear"
)

// Key is one key of an answer; an Optional one may be null, an Open one is a
// limit that may be infinite.
type Key struct {
	Name     string
	Shape    Shape
	Optional bool
	Open     bool
}

// key maps one field of a result to its key.
type key[R any] struct {
	Key
	get func(R) any
}

func scalar[R any](name string, get func(R) float64) key[R] {
	return key[R]{Key{Name: name, Shape: Scalar}, func(r R) any { return get(r) }}
}

func limit[R any](name string, get func(R) float64) key[R] {
	return key[R]{Key{Name: name, Shape: Scalar, Open: true}, func(r R) any { return get(r) }}
}

func optional[R any](name string, get func(R) *float64) key[R] {
	return key[R]{Key{Name: name, Shape: Scalar, Optional: true}, func(r R) any {
		if v := get(r); v != nil {
			return *v
		}
		return nil
	}}
}

func value[R any](name string, shape Shape, get func(R) any) key[R] {
	return key[R]{Key{Name: name, Shape: shape}, get}
}

// maybe is a key of names that is null where the result has none.
func maybe[R any](name string, get func(R) (names []string, values []float64)) key[R] {
	return key[R]{Key{Name: name, Shape: ByName, Optional: true}, func(r R) any {
		names, values := get(r)
		if names == nil {
			return nil
		}
		return Named{names, values}
	}}
}

// partOf reads a part of a result that may be undefined.
func partOf[R, T any](whole func(R) *T, get func(T) float64) func(R) *float64 {
	return func(r R) *float64 {
		t := whole(r)
		if t == nil {
			return nil
		}
		v := get(*t)
		return &v
	}
}

// given is v where it is defined.
func given(defined bool, v float64) *float64 {
	if !defined {
		return nil
	}
	return &v
}

// orNil is the number or null.
func orNil(v *float64) any {
	if v == nil {
		return nil
	}
	return *v
}

// stdErrors are the roots of a covariance's diagonal.
func stdErrors(cov linear.Sym) []float64 {
	out := make([]float64, cov.N)
	for j := range out {
		out[j] = math.Sqrt(cov.At(j, j))
	}
	return out
}

// fullErrors is stdErrors of a covariance that is held in full, row by row.
func fullErrors(cov []float64) []float64 {
	p := int(math.Round(math.Sqrt(float64(len(cov)))))
	out := make([]float64, p)
	for j := range out {
		out[j] = math.Sqrt(cov[j*p+j])
	}
	return out
}

// errorsOf names the standard errors of coefficients.
func errorsOf(names []string, cov linear.Sym) Named {
	return Named{names, stdErrors(cov)[:len(names)]}
}
