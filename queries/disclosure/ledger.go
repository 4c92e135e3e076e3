package disclosure

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
)

// ErrLedgerFull says that so many different groupings were asked of one version
// of the data that no further one can be compared with them all.
var ErrLedgerFull = errors.New("too many different groupings were asked of this version of the data: only those asked before are answered, and groupings by one or two dimensions without covariates of one's own; ask for one of these, or again when further data have landed")

// Bounds of the ledger: what is remembered, and what one comparison may read.
// The reserve is kept for plain cohorts, so that boards and pages go on when
// somebody has asked for everything else.
const (
	maxShapes     = 1024
	reserveShapes = 512
	maxCells      = 1_000_000
	reserveCells  = 250_000
	maxPairs      = 1_000_000
)

// plainDims is the most dimensions of a plain cohort, a filter among them.
const plainDims = 2

// Cohorts are the groups of people that one answer tells of: the cells of a
// grouping by Dims, of which a filter is a dimension with few values.
type Cohorts struct {
	Programme string
	// People says who counts in the cells.
	People People
	// Plain says that People are those of the programme's own measures, which
	// nobody chose; the ledger keeps room for them.
	Plain bool
	Dims  []string // sorted
	Cells map[string]int64
}

// CellKey joins the values of a cell, in the order of Dims.
func CellKey(values []string) string { return strings.Join(values, "\x1f") }

func splitKey(key string) []string { return strings.Split(key, "\x1f") }

// Overlap counts the people of one cell of a finer grouping.
type Overlap struct {
	Key []string // in the order of the dimensions asked
	N   int64
}

// Counter counts people by dimensions, within the values that are named for some
// of them.
type Counter func(ctx context.Context, programme string, who People, dims []string, within map[string][]string) ([]Overlap, error)

// Ledger remembers which cohorts were told of on one version of the data and
// withholds those that differ from another by 1–7 people, whoever asked. It is
// safe for concurrent use; one question is compared at a time.
type Ledger struct {
	mu     sync.Mutex
	shapes []*shape
	cells  int
}

// shape is one grouping of some people with the cells that were told of.
type shape struct {
	programme string
	people    People
	name      string // of the people
	plain     bool
	dims      []string
	told      map[string]int64
}

// Admit compares the cohorts of one question with all that were admitted before
// and among themselves, in their order, and returns for each the cells to be
// withheld. What it does not withhold it remembers as told.
func (l *Ledger) Admit(ctx context.Context, asked []Cohorts, count Counter) ([]map[string]bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	withheld := make([]map[string]bool, len(asked))
	for i, c := range asked {
		own, known := l.shape(c)
		if !known && len(l.shapes) >= own.room(maxShapes, reserveShapes) {
			return nil, ErrLedgerFull
		}
		w, err := l.compare(ctx, c, own, count)
		if err != nil {
			return nil, err
		}
		if err := l.tell(own, c, w); err != nil {
			return nil, err
		}
		if !known {
			l.shapes = append(l.shapes, own)
		}
		withheld[i] = w
	}
	return withheld, nil
}

// shape is the cohorts' grouping as remembered, or a new one.
func (l *Ledger) shape(c Cohorts) (own *shape, known bool) {
	own = &shape{programme: c.Programme, people: c.People, name: c.People.String(), plain: c.Plain, dims: c.Dims, told: map[string]int64{}}
	for _, s := range l.shapes {
		if s.programme != own.programme || s.name != own.name {
			continue
		}
		if slices.Equal(s.dims, own.dims) {
			return s, true
		}
		own.plain = own.plain || s.plain // a comparison of people whom outcomes told of
	}
	return own, false
}

// room is how much of a bound is there for the grouping.
func (s *shape) room(most, reserve int) int {
	if s.plain && len(s.dims) <= plainDims {
		return most
	}
	return most - reserve
}

// tell remembers the cells that are not withheld, all or none.
func (l *Ledger) tell(own *shape, c Cohorts, withheld map[string]bool) error {
	var fresh []string
	for key, n := range c.Cells {
		if _, known := own.told[key]; !known && n >= smallest && !withheld[key] {
			fresh = append(fresh, key)
		}
	}
	if len(fresh) > 0 && l.cells+len(fresh) > own.room(maxCells, reserveCells) {
		return ErrLedgerFull
	}
	for _, key := range fresh {
		own.told[key] = c.Cells[key]
	}
	l.cells += len(fresh)
	return nil
}

// compare returns the cells of c that may not be told.
func (l *Ledger) compare(ctx context.Context, c Cohorts, own *shape, count Counter) (map[string]bool, error) {
	f := finding{withheld: map[string]bool{}, told: own.told, cells: map[string]int64{}}
	fresh := false
	for key, n := range c.Cells {
		if n >= smallest {
			f.cells[key] = n
			_, known := own.told[key]
			fresh = fresh || !known
		}
	}
	if !fresh {
		return f.withheld, nil
	}
	for key, n := range own.told {
		f.cells[key] = n
	}
	for _, old := range l.shapes {
		if old == own || old.programme != c.Programme || !c.People.nested(old.people) || len(old.told) == 0 {
			continue
		}
		pairs, whole, err := overlaps(ctx, c, f.cells, old, count)
		if err != nil {
			return nil, err
		}
		f.against(old, pairs, whole)
	}
	return f.withheld, nil
}

// overlap says that n people are in both the new and the old cell.
type overlap struct {
	now, before string
	n           int64
}

// overlaps lists the pairs of cells that share people; whole is false where only
// those of nearly equal size were read. Who are in both cells are people of the
// narrower set: where its grouping is the finer one, its cells say how many.
func overlaps(ctx context.Context, c Cohorts, cells map[string]int64, old *shape, count Counter) (pairs []overlap, whole bool, err error) {
	switch {
	case within(old.dims, c.Dims) && c.People.within(old.people):
		place := places(old.dims, c.Dims)
		for key, n := range cells {
			if parent := project(key, place); old.told[parent] > 0 {
				pairs = append(pairs, overlap{key, parent, n})
			}
		}
		return pairs, true, nil
	case within(c.Dims, old.dims) && old.people.within(c.People):
		place := places(c.Dims, old.dims)
		for key, n := range old.told {
			if parent := project(key, place); cells[parent] > 0 {
				pairs = append(pairs, overlap{parent, key, n})
			}
		}
		return pairs, true, nil
	}
	return crossing(ctx, c, cells, old, count)
}

// crossing counts the pairs of two groupings that the cells do not tell.
func crossing(ctx context.Context, c Cohorts, cells map[string]int64, old *shape, count Counter) ([]overlap, bool, error) {
	now, before, whole := cells, old.told, true
	if len(now)*len(before) > maxPairs {
		now, before = nearlyEqual(now, before)
		whole = false
		if len(now)*len(before) > maxPairs {
			return nil, false, ErrLedgerFull
		}
	}
	if len(now) == 0 || len(before) == 0 {
		return nil, whole, nil
	}
	dims := slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(c.Dims), old.dims...))))
	values := map[string][]string{}
	narrow(values, c.Dims, now)
	narrow(values, old.dims, before)
	narrower := c.People
	if !narrower.within(old.people) {
		narrower = old.people
	}
	rows, err := count(ctx, c.Programme, narrower, dims, values)
	if err != nil {
		return nil, false, err
	}
	nowPlace, beforePlace := places(c.Dims, dims), places(old.dims, dims)
	sums := map[[2]string]int64{}
	for _, r := range rows {
		pair := [2]string{pick(r.Key, nowPlace), pick(r.Key, beforePlace)}
		if now[pair[0]] > 0 && before[pair[1]] > 0 {
			sums[pair] += r.N
		}
	}
	pairs := make([]overlap, 0, len(sums))
	for pair, n := range sums {
		pairs = append(pairs, overlap{pair[0], pair[1], n})
	}
	return pairs, whole, nil
}

// nearlyEqual keeps the cells that have one of nearly their own size on the
// other side: only such can differ by 1–7.
func nearlyEqual(a, b map[string]int64) (map[string]int64, map[string]int64) {
	keep := func(from, other map[string]int64) map[string]int64 {
		sizes := map[int64]bool{}
		for _, n := range other {
			for d := -int64(smallest - 1); d < smallest; d++ {
				sizes[n+d] = true
			}
		}
		kept := map[string]int64{}
		for key, n := range from {
			if sizes[n] {
				kept[key] = n
			}
		}
		return kept
	}
	a = keep(a, b)
	return a, keep(b, a)
}

// narrow adds the values that the cells have of each dimension, where they are few.
func narrow(values map[string][]string, dims []string, cells map[string]int64) {
	const few = 1000
	for i, dim := range dims {
		if _, set := values[dim]; set {
			continue
		}
		seen := map[string]bool{}
		for key := range cells {
			seen[splitKey(key)[i]] = true
			if len(seen) > few {
				break
			}
		}
		if len(seen) <= few {
			list := make([]string, 0, len(seen))
			for v := range seen {
				list = append(list, v)
			}
			slices.Sort(list)
			values[dim] = list
		}
	}
}

func within(a, b []string) bool {
	return !slices.ContainsFunc(a, func(dim string) bool { return !slices.Contains(b, dim) })
}

// places are the positions of dims in all.
func places(dims, all []string) []int {
	at := make([]int, len(dims))
	for i, dim := range dims {
		at[i] = slices.Index(all, dim)
	}
	return at
}

func project(key string, place []int) string { return pick(splitKey(key), place) }

func pick(values []string, place []int) string {
	out := make([]string, len(place))
	for i, p := range place {
		out[i] = values[p]
	}
	return CellKey(out)
}
