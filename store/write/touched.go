package write

import (
	"slices"

	"github.com/lumbar-health/lumbar/record"
)

// touched are patients whose outcome must be derived again.
type touched struct {
	patients []record.PatientID
	all      bool // too many to list: every patient
	moved    bool // an episode may have changed its year
}

// listed is how many patients a writer keeps by name before it derives all.
const listed = 250_000

func (t *touched) add(b Batch) {
	t.moved = t.moved || b.Episode != nil && b.Episode.NumRows() > 0
	if t.all {
		return
	}
	t.patients = append(t.patients, b.Touched...)
	if len(t.patients) <= 2*listed {
		return
	}
	if t.compact(); len(t.patients) > listed {
		t.all, t.patients = true, nil
	}
}

// merge adds the patients of another.
func (t *touched) merge(o touched) {
	t.moved, t.all = t.moved || o.moved, t.all || o.all
	t.patients = append(t.patients, o.patients...)
}

func (t *touched) compact() {
	slices.SortFunc(t.patients, func(a, b record.PatientID) int { return slices.Compare(a[:], b[:]) })
	t.patients = slices.Compact(t.patients)
}
