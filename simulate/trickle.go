package simulate

import (
	"iter"
	"slices"
)

// Trickle yields the responses that a live programme has held back, in the order
// in which they are sent. Their episodes are among Episodes. It keeps them all
// in memory, some 2 kB a patient. Without Options.Live there are none.
func (g *Generator) Trickle() iter.Seq[Response] {
	return func(yield func(Response) bool) {
		for _, row := range g.heldBack() {
			if !yield(row) {
				return
			}
		}
	}
}

func (g *Generator) heldBack() []Response {
	if g.until == 0 {
		return nil
	}
	var list []Response
	for i := range g.opts.Patients {
		p, r := g.person(i)
		for _, row := range g.responses(p, r).rows {
			if g.held(row) {
				list = append(list, row)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b Response) int { return a.sentAt().Compare(b.sentAt()) })
	return list
}
