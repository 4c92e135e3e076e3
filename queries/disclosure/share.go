package disclosure

import "math"

// share is a part of some people, as a cell.
type share struct{ part, whole int64 }

// Share is part of whole, as a cell: the quotient of both counts as they are
// released, withheld where one of them is. Nobody has no share.
func Share(part, whole int64) any {
	if whole == 0 {
		return nil
	}
	return share{part, whole}
}

// released divides the counts as released; a sensitive share is withheld where
// it is none or all of the people.
func (s share) released(sensitive bool) (any, bool, error) {
	top, ok := Count(s.part)
	bottom, ok2 := Count(s.whole)
	if !ok || !ok2 || sensitive && (s.part == 0 || s.part == s.whole) {
		return nil, true, nil
	}
	decimals := 2
	if bottom >= fineRatio {
		decimals = 3
	}
	return Round(math.Min(1, float64(top)/float64(bottom)), decimals), false, nil
}
