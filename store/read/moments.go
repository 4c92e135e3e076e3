package read

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/lumbar-health/lumbar/analytics/moments"
)

// Rows that a plan of sums allows in one group. A plain sum of products is
// used where maxRows of them, each as large as it can be, stay below 2^62; the
// others are summed in two halves, which holds for more rows than any group has.
const (
	maxRows  = 1 << 27
	sumLimit = 1 << 62
	halfBits = 31
)

// Moments returns the sums and cross-products of the question's terms, one
// group at a time, in the order of the keys. The same rows are summed to the
// same integers whatever the number of threads, parts or shards.
func (r *Reader) Moments(ctx context.Context, q Question) ([]Group, error) {
	groups, err := r.moments(ctx, q, maxRows)
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		if max(g.Eligible, g.Moments.N) > maxRows {
			return r.moments(ctx, q, 1<<halfBits)
		}
	}
	return groups, nil
}

func (r *Reader) moments(ctx context.Context, q Question, rows int64) ([]Group, error) {
	s := newStatement(r.catalogue())
	d, err := s.design(q)
	if err != nil {
		return nil, err
	}
	source, err := s.source(q.Selection)
	if err != nil {
		return nil, err
	}
	g, err := s.grouping(q.By)
	if err != nil {
		return nil, err
	}
	change, err := s.change(q.Change)
	if err != nil {
		return nil, err
	}
	sums := planSums(d.terms, rows)
	var groups []Group
	err = r.query(ctx, "moments of outcome", s, momentsText(d, source, g, change, sums, q.Eligible), func(rows driver.Rows) error {
		group, err := sums.scan(rows, d)
		groups = append(groups, group)
		return err
	})
	return groups, err
}

// momentsText sums the complete rows, one row a group; where it is asked it
// counts the eligible ones beside them, in a scan of its own that reads little.
func momentsText(d design, source string, g grouping, change changeCounts, sums sumPlan, eligible bool) string {
	values := make([]string, 0, 2*len(d.terms))
	for i, t := range d.terms {
		if t.unit > 0 {
			values = append(values, t.units+" AS _x"+strconv.Itoa(i))
		}
		values = append(values, t.float+" AS _f"+strconv.Itoa(i))
	}
	values = append(values, change.columns...)
	rows, count := "(SELECT "+g.columns(values...)+" "+source+" AND "+d.complete+")", "count()"
	if f := flagsOf(d.terms); f != nil && g.names == "" && len(change.counts) == 0 {
		values = append(values, f.column())
		rows, count = sums.byFlags(f, "(SELECT "+g.columns(values...)+" "+source+" AND "+d.complete+")"), "sum(_n)"
	}
	complete := "SELECT " + g.aliases("toInt64(0) AS eligible", "["+strings.Join(append([]string{"toInt64(" + count + ")"}, change.counts...), ", ")+"] AS counts",
		array(sums.exact, "Int64")+" AS exact", array(sums.float, "Float64")+" AS float") +
		" FROM " + rows + g.by()
	if !eligible {
		return "SELECT " + g.texts + " AS keys, eligible, counts, exact, float FROM (" + complete + ") ORDER BY keys" + settings
	}
	counted := "SELECT " + g.aliases("toInt64(count()) AS eligible", "CAST([], 'Array(Int64)') AS counts", "CAST([], 'Array(Int64)') AS exact", "CAST([], 'Array(Float64)') AS float") +
		" FROM (SELECT " + g.columns("1 AS _one") + " " + source + ")" + g.by()
	return "SELECT " + g.texts + " AS keys, sum(eligible), sumForEach(counts), sumForEach(exact), sumForEach(float) FROM (" +
		counted + " UNION ALL " + complete + ")" + g.by() + " ORDER BY keys" + settings
}

func array(items []string, kind string) string {
	if len(items) == 0 {
		return "CAST([], 'Array(" + kind + ")')"
	}
	return "[" + strings.Join(items, ", ") + "]"
}

// sumPlan says which sums a statement returns and which cell each belongs to.
type sumPlan struct {
	exact, float           []string
	exactCells, floatCells []int
	high                   []bool // of an exact sum: the upper half of a product
}

// planSums lists the sums of all cells but (0,0), which is the count. A product
// p whose sum could exceed an Int64 is summed as p>>31 and p&(2^31−1), both of
// which are exact for negative p too: p = (p>>31)·2^31 + (p & (2^31−1)).
func planSums(terms []term, rows int64) sumPlan {
	var p sumPlan
	for i, a := range terms {
		for j, b := range terms[:i+1] {
			if i == 0 {
				continue
			}
			cell := moments.Cell(i, j)
			if a.unit == 0 || b.unit == 0 {
				p.float, p.floatCells = append(p.float, fmt.Sprintf("sum(_f%d * _f%d)", i, j)), append(p.floatCells, cell)
				continue
			}
			product := fmt.Sprintf("_x%d * _x%d", i, j)
			if j == 0 {
				product = fmt.Sprintf("_x%d", i)
			}
			if a.bound*b.bound <= sumLimit/rows {
				p.addExact("sum("+product+")", cell, false)
				continue
			}
			p.addExact(fmt.Sprintf("sum(bitShiftRight(%s, %d))", product, halfBits), cell, true)
			p.addExact(fmt.Sprintf("sum(bitAnd(%s, %d))", product, 1<<halfBits-1), cell, false)
		}
	}
	return p
}

func (p *sumPlan) addExact(sum string, cell int, high bool) {
	p.exact, p.exactCells, p.high = append(p.exact, sum), append(p.exactCells, cell), append(p.high, high)
}

// scan reads one group.
func (p sumPlan) scan(rows driver.Rows, d design) (Group, error) {
	units := make([]int64, len(d.terms))
	for i, t := range d.terms {
		units[i] = t.unit
	}
	g := Group{Moments: moments.New(d.asked, units)}
	var counts, exact []int64
	var float []float64
	if err := rows.Scan(&g.Key, &g.Eligible, &counts, &exact, &float); err != nil {
		return g, err
	}
	m := &g.Moments
	// A group without a complete row has no sums: all its cells stay zero.
	if len(counts) == 0 || counts[0] == 0 {
		return g, nil
	}
	m.N = counts[0]
	m.Exact[0] = moments.FromInt64(m.N)
	if len(counts) > 1 {
		g.Improved, g.Unchanged, g.Worse, g.Responders, g.ResponderBase = counts[1], counts[2], counts[3], counts[4], counts[5]
	}
	for i, v := range exact {
		cell := p.exactCells[i]
		whole := moments.FromInt64(v)
		if p.high[i] {
			whole = moments.Int128{Hi: v >> (64 - halfBits), Lo: uint64(v) << halfBits}
		}
		m.Exact[cell] = m.Exact[cell].Add(whole)
	}
	for i, v := range float {
		m.Float[p.floatCells[i]] = v
	}
	return g, nil
}
