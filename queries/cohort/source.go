package cohort

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/queries/disclosure"
	"github.com/lumbar-health/lumbar/store/read"
)

// Reader is what cohort asks of the store.
type Reader interface {
	// Count returns the number of episodes of each group.
	Count(ctx context.Context, s read.Selection) ([]read.Count, error)
	// Coverage returns how much is known of columns.
	Coverage(ctx context.Context, s read.Selection, columns []string) (n int64, known []read.Coverage, err error)
	// Moments returns the moments of the terms by group.
	Moments(ctx context.Context, q read.Question) ([]read.Group, error)
	// Weighted returns the residual-weighted square of one direction of a fitted
	// model: the sandwich variance of a coefficient.
	Weighted(ctx context.Context, w read.Weighted) (float64, error)
	// Histogram returns how often each value of a number occurs.
	Histogram(ctx context.Context, q read.HistogramQuestion) ([]read.Histogram, error)
	// Cells returns people grouped by equal covariates.
	Cells(ctx context.Context, q read.CellQuestion) (*read.Cells, error)
	// People returns columns of the people themselves.
	People(ctx context.Context, q read.PeopleQuestion) (*read.People, error)
}

// Source answers from one version of the data; what it has learnt of it (the
// reference of every measure) it keeps. It is safe for concurrent use.
type Source struct {
	reader Reader

	mu         sync.Mutex
	references map[string]*pending
	measures   map[string]read.Predicate // who counts, by the name of disclosure.People
}

// pending is a value that the first who asks computes.
type pending struct {
	once  sync.Once
	value any
	err   error
}

// NewSource returns a source without anything learnt.
func NewSource(r Reader) *Source {
	return &Source{reader: r, references: map[string]*pending{}, measures: map[string]read.Predicate{}}
}

// learn computes a value once for the key. A failure is not kept.
func learn[T any](s *Source, key string, compute func() (T, error)) (T, error) {
	s.mu.Lock()
	p, ok := s.references[key]
	if !ok {
		p = &pending{}
		s.references[key] = p
	}
	s.mu.Unlock()
	p.once.Do(func() { p.value, p.err = compute() })
	if p.err != nil {
		s.mu.Lock()
		if s.references[key] == p {
			delete(s.references, key)
		}
		s.mu.Unlock()
		var none T
		return none, p.err
	}
	return p.value.(T), nil
}

// register remembers the predicate of those who count, for the ledger.
func (s *Source) register(people disclosure.People, who read.Predicate) disclosure.People {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.measures[people.String()] = who
	return people
}

// Overlaps counts registered people by dimensions; it is the
// disclosure ledger's Counter.
func (s *Source) Overlaps(ctx context.Context, programmeID string, people disclosure.People, dims []string, within map[string][]string) ([]disclosure.Overlap, error) {
	s.mu.Lock()
	who, ok := s.measures[people.String()]
	s.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("cohort: the people %q are not known", people)
	}
	where := read.And{who}
	for _, dim := range dims {
		if c, ok := among(dim, within[dim]); ok {
			where = append(where, c)
		}
	}
	counts, err := s.reader.Count(ctx, read.Selection{Programme: programmeID, Where: where, By: dims})
	if err != nil {
		return nil, err
	}
	out := make([]disclosure.Overlap, len(counts))
	for i, c := range counts {
		out[i] = disclosure.Overlap{Key: c.Key, N: c.N}
	}
	return out, nil
}

// among restricts a dimension of codes to some values; it is not restricted
// where people of whom it is not known are among them.
func among(dim string, values []string) (read.Compare, bool) {
	d, ok := programme.LookupDimension(dim)
	if !ok || d.Kind != programme.KindText || len(values) == 0 || slices.Contains(values, "") {
		return read.Compare{}, false
	}
	return read.Compare{Column: dim, Op: read.In, Values: texts(values)}, true
}

func texts(values []string) []read.Value {
	out := make([]read.Value, len(values))
	for i, v := range values {
		out[i] = read.Value{Text: v, IsText: true}
	}
	return out
}
