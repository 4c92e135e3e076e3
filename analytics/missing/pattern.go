package missing

import (
	"fmt"
	"sort"

	"github.com/lumbar-health/lumbar/analytics"
)

// Pattern is which columns people have: one 1 (observed) or 0 (missing) a
// column, and how many people.
type Pattern struct {
	Observed string
	Count    int
}

// Patterns describes the gaps of some columns: Missing counts them by column,
// Complete the rows without one, and List the patterns, most frequent first,
// equal ones in the order of their text.
type Patterns struct {
	Missing  []int
	List     []Pattern
	Complete int
}

// Describe counts patterns over rows; missing(row, column) says whether a value
// is absent. No column: ErrInvalidParameter.
func Describe(rows, columns int, missing func(row, column int) bool) (Patterns, error) {
	if columns < 1 {
		return Patterns{}, fmt.Errorf("missing: no column: %w", analytics.ErrInvalidParameter)
	}
	out := Patterns{Missing: make([]int, columns)}
	place := map[string]int{}
	text := make([]byte, columns)
	for r := range rows {
		complete := true
		for c := range columns {
			text[c] = '1'
			if missing(r, c) {
				text[c], complete = '0', false
				out.Missing[c]++
			}
		}
		if complete {
			out.Complete++
		}
		at, seen := place[string(text)]
		if !seen {
			at = len(out.List)
			place[string(text)] = at
			out.List = append(out.List, Pattern{Observed: string(text)})
		}
		out.List[at].Count++
	}
	sort.Slice(out.List, func(a, b int) bool {
		x, y := out.List[a], out.List[b]
		if x.Count != y.Count {
			return x.Count > y.Count
		}
		return x.Observed < y.Observed
	})
	return out, nil
}
