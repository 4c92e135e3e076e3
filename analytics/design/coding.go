package design

// coding says how a factor stands in a term.
type coding byte

const (
	absent    coding = iota
	contrasts        // one column a level but the first
	full             // one column a level
)

// codings decides for each term and variable between contrasts and full
// indicators, as R's terms() and model.matrix() do: a factor takes contrasts
// when what is left of the term without it is contained in an earlier term or is
// empty; without an intercept the first factor met takes all its levels.
func (f Formula) codings(isFactor func(variable int) bool) [][]coding {
	out := make([][]coding, len(f.terms))
	for k, t := range f.terms {
		out[k] = make([]coding, len(f.variables))
		for i := range f.variables {
			if t.has(i) {
				out[k][i] = f.coding(k, t&^(1<<i))
			}
		}
	}
	if f.intercept {
		return out
	}
	for k := range out {
		for i := range out[k] {
			if out[k][i] != absent && isFactor(i) {
				out[k][i] = full
				return out
			}
		}
	}
	return out
}

// coding looks for the rest of term k among the terms before it.
func (f Formula) coding(k int, rest termSet) coding {
	if rest == 0 {
		return contrasts
	}
	for _, earlier := range f.terms[:k] {
		if rest&^earlier == 0 {
			return contrasts
		}
	}
	return full
}
