package linear

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// TestCR2IsItsDefinition computes Bell and McCaffrey's covariance, CR3 and the
// Satterthwaite degrees of freedom with the n×n matrices of their definition.
func TestCR2IsItsDefinition(t *testing.T) {
	g, table := readR(t)
	r := fitOf(t, table, "mpg ~ wt + hp + cyl")
	byLabel := map[int][]int{}
	labels := ints(g.Numbers["carb"])
	for i, l := range labels {
		byLabel[l] = append(byLabel[l], i)
	}
	x := mat.NewDense(r.N, r.P, r.Design.X)
	bread := mat.NewDense(r.P, r.P, nil)
	bread.Copy(r.Inv.Dense())
	var half, hat mat.Dense
	half.Mul(x, bread)
	hat.Mul(&half, x.T())
	clusters, err := r.ByRows(labels)
	if err != nil {
		t.Fatal(err)
	}
	for kind, power := range map[CRKind]float64{CR2: -0.5, CR3: -1} {
		got, err := clusters.Covariance(kind)
		if err != nil {
			t.Fatal(err)
		}
		meat := mat.NewDense(r.P, r.P, nil)
		for _, rows := range byLabel {
			v := mat.NewVecDense(r.P, nil)
			v.MulVec(pick(x, rows).T(), adjusted(&hat, rows, power, residuals(r, rows)))
			var outer mat.Dense
			outer.Outer(1, v, v)
			meat.Add(meat, &outer)
		}
		var want mat.Dense
		want.Product(bread, meat, bread)
		for i := range r.P {
			if !near(got.At(i, i)/want.At(i, i), 1, 1e-9) {
				t.Errorf("kind %d variance %d = %v, by definition %v", kind, i, got.At(i, i), want.At(i, i))
			}
		}
	}
	df, err := clusters.Satterthwaite()
	if err != nil {
		t.Fatal(err)
	}
	for k := range r.P {
		if want := definedDF(r, x, bread, &hat, byLabel, k); !near(df[k]/want, 1, 1e-8) {
			t.Errorf("df of %s = %v, by definition %v", r.Names[k], df[k], want)
		}
	}
}

// definedDF is tr(P)²/‖P‖² with P = a_g′(δ_gh·I − H_gh)a_h, a_g = A_gX_gMc.
func definedDF(r *Rows, x, bread, hat *mat.Dense, byLabel map[int][]int, k int) float64 {
	n := r.N
	var all [][]float64 // each a_g spread over all n rows
	for _, rows := range byLabel {
		xm := mat.NewVecDense(len(rows), nil)
		xm.MulVec(pick(x, rows), bread.ColView(k))
		a := adjusted(hat, rows, -0.5, xm)
		wide := make([]float64, n)
		for i, row := range rows {
			wide[row] = a.AtVec(i)
		}
		all = append(all, wide)
	}
	var trace, square float64
	for i, a := range all {
		for j, b := range all {
			var v float64
			for p := range n {
				for q := range n {
					m := -hat.At(p, q)
					if p == q {
						m++
					}
					v += a[p] * m * b[q]
				}
			}
			square += v * v
			if i == j {
				trace += v
			}
		}
	}
	return trace * trace / square
}

func pick(x *mat.Dense, rows []int) *mat.Dense {
	_, p := x.Dims()
	out := mat.NewDense(len(rows), p, nil)
	for i, r := range rows {
		out.SetRow(i, x.RawRowView(r))
	}
	return out
}

func residuals(r *Rows, rows []int) *mat.VecDense {
	out := mat.NewVecDense(len(rows), nil)
	for i, row := range rows {
		out.SetVec(i, r.Residuals[row])
	}
	return out
}

// adjusted returns (I − H_gg)^power·v; directions of no variation are left out.
func adjusted(hat *mat.Dense, rows []int, power float64, v *mat.VecDense) *mat.VecDense {
	m := mat.NewSymDense(len(rows), nil)
	for a, i := range rows {
		for b, j := range rows {
			value := -hat.At(i, j)
			if i == j {
				value++
			}
			m.SetSym(a, b, value)
		}
	}
	var eigen mat.EigenSym
	eigen.Factorize(m, true)
	var q mat.Dense
	eigen.VectorsTo(&q)
	values := eigen.Values(nil)
	w := mat.NewVecDense(len(rows), nil)
	w.MulVec(q.T(), v)
	for i, value := range values {
		scale := 0.0
		if value > 1e-12 {
			scale = math.Pow(value, power)
		}
		w.SetVec(i, w.AtVec(i)*scale)
	}
	out := mat.NewVecDense(len(rows), nil)
	out.MulVec(&q, w)
	return out
}
