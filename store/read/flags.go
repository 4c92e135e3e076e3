package read

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/lumbar-health/lumbar/analytics/moments"
)

// flags are the terms of a design that are 0 or 1 by a category, a bit each.
// Rows of equal flags are summed first: within them a product with a flag is 0
// or the other factor itself, so that only the measurements are multiplied row by
// row. The sums are the same integers.
type flags struct {
	of   []string // of each term: its flag, empty where it has none
	bits []uint   // of each term that has one
}

// mostFlags keeps the rows' flags in a number so small that the engine finds
// their sums by its place.
const mostFlags = 16

// flagsOf returns nil where the design has none, or too many.
func flagsOf(terms []term) *flags {
	f := &flags{of: make([]string, len(terms)), bits: make([]uint, len(terms))}
	var n uint
	for i, t := range terms {
		if t.flag != "" {
			f.of[i], f.bits[i] = t.flag, n
			n++
		}
	}
	if n == 0 || n > mostFlags {
		return nil
	}
	return f
}

// column writes the flags of a row, as _flags.
func (f *flags) column() string {
	var parts []string
	for i, flag := range f.of {
		if flag != "" {
			parts = append(parts, fmt.Sprintf("bitShiftLeft(toUInt16(%s), %d)", flag, f.bits[i]))
		}
	}
	text := parts[0]
	for _, part := range parts[1:] {
		text = "bitOr(" + text + ", " + part + ")"
	}
	return text + " AS _flags"
}

// without returns the cell whose rows make cell (i,j) up: a flag leaves the
// other term, or the count; and the condition on the flags, empty where all
// rows do.
func (f *flags) without(i, j int) (row, column int, condition string) {
	var mask uint64
	for _, at := range []*int{&i, &j} {
		if f.of[*at] != "" {
			mask |= 1 << f.bits[*at]
			*at = 0
		}
	}
	if mask > 0 {
		condition = fmt.Sprintf("bitAnd(_flags, %d) = %d", mask, mask)
	}
	return max(i, j), min(i, j), condition
}

// grouped collects sums of rows by flags, each once, and what to make of them.
type grouped struct {
	inner []string
	names map[string]string
}

// sum returns the sum of a cell over the rows' sums by flags.
func (g *grouped) sum(inner, condition string) string {
	name, known := g.names[inner]
	if !known {
		name = "_s" + strconv.Itoa(len(g.inner))
		g.names[inner] = name
		g.inner = append(g.inner, inner+" AS "+name)
	}
	if condition == "" {
		return "sum(" + name + ")"
	}
	return "sumIf(" + name + ", " + condition + ")"
}

// from writes the inner sums of the rows.
func (g *grouped) from(rows string) string {
	return "(SELECT " + strings.Join(append([]string{"_flags", "toInt64(count()) AS _n"}, g.inner...), ", ") + " FROM " + rows + " GROUP BY _flags)"
}

// byFlags rewrites the plan's sums as sums of sums by flags, and returns where
// these come from.
func (p *sumPlan) byFlags(f *flags, rows string) string {
	cells, g := map[int][2]int{}, &grouped{names: map[string]string{}}
	for i := range f.of {
		for j := range i + 1 {
			cells[moments.Cell(i, j)] = [2]int{i, j}
		}
	}
	// The sums of the cells without flags, by cell; of a product in halves both.
	exact, float := map[int][]string{}, map[int]string{}
	for k, cell := range p.exactCells {
		exact[cell] = append(exact[cell], p.exact[k])
	}
	for k, cell := range p.floatCells {
		float[cell] = p.float[k]
	}
	half := map[int]int{}
	for k, cell := range p.exactCells {
		i, j, condition := f.without(cells[cell][0], cells[cell][1])
		if i == 0 {
			p.exact[k] = "sumIf(_n, " + condition + ")"
			continue
		}
		p.exact[k] = g.sum(exact[moments.Cell(i, j)][half[cell]], condition)
		half[cell]++
	}
	for k, cell := range p.floatCells {
		i, j, condition := f.without(cells[cell][0], cells[cell][1])
		p.float[k] = g.sum(float[moments.Cell(i, j)], condition)
	}
	return g.from(rows)
}
