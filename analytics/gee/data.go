package gee

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
)

// Data is rows grouped into clusters, such as visits of a person.
type Data struct {
	design   *design.Matrix
	clusters [][]int   // rows of each cluster, by wave
	waves    []float64 // of each row
	distinct []float64 // waves, ascending
	place    []int     // of each row's wave among them
	largest  int
}

// Group sorts the rows of a design with a response into clusters by label, and
// within a cluster by wave, one label and one wave a row. Only the order of the
// distinct waves counts: the gap of two rows is the difference of their waves'
// places in it, as in R's geepack, so that weeks 6, 12, 26 are waves 1, 2, 3.
// Fewer than two clusters: ErrTooFewObservations; no response, other lengths, a
// wave that is not finite: ErrInvalidParameter.
func Group(m *design.Matrix, labels []int, waves []float64) (*Data, error) {
	if m.Y == nil || len(labels) != m.N || len(waves) != m.N {
		return nil, fmt.Errorf("gee: %d labels and %d waves for %d rows with a response: %w", len(labels), len(waves), m.N, analytics.ErrInvalidParameter)
	}
	if err := analytics.CheckFinite("gee: wave", waves); err != nil {
		return nil, err
	}
	d := &Data{design: m, waves: waves}
	d.distinct, d.place = wavesOf(waves)
	place := map[int]int{}
	for i, label := range labels {
		g, ok := place[label]
		if !ok {
			g = len(d.clusters)
			place[label] = g
			d.clusters = append(d.clusters, nil)
		}
		d.clusters[g] = append(d.clusters[g], i)
	}
	for _, rows := range d.clusters {
		sort.SliceStable(rows, func(a, b int) bool { return waves[rows[a]] < waves[rows[b]] })
		d.largest = max(d.largest, len(rows))
	}
	if len(d.clusters) < 2 {
		return nil, fmt.Errorf("gee: %d cluster, need 2; robust errors come from the spread between clusters: %w", len(d.clusters), analytics.ErrTooFewObservations)
	}
	return d, nil
}

// Clusters is the number of clusters, Largest the rows of the largest.
func (d *Data) Clusters() int { return len(d.clusters) }

// Largest is the number of rows of the largest cluster.
func (d *Data) Largest() int { return d.largest }

// pairs is the number of pairs of rows within clusters.
func (d *Data) pairs() float64 {
	var n float64
	for _, rows := range d.clusters {
		m := float64(len(rows))
		n += m * (m - 1) / 2
	}
	return n
}

// distinctWaves refuses a cluster with two rows in a wave.
func (d *Data) distinctWaves() error {
	for _, rows := range d.clusters {
		for k := 1; k < len(rows); k++ {
			if d.waves[rows[k]] == d.waves[rows[k-1]] {
				return fmt.Errorf("gee: a cluster has two rows in the same wave; keep one, or use the exchangeable correlation: %w", analytics.ErrInvalidParameter)
			}
		}
	}
	return nil
}

// wavesOf lists the distinct waves, ascending, and each row's place in them.
func wavesOf(waves []float64) (distinct []float64, place []int) {
	distinct = slices.Clone(waves)
	slices.Sort(distinct)
	distinct = slices.Compact(distinct)
	place = make([]int, len(waves))
	for i, w := range waves {
		place[i], _ = slices.BinarySearch(distinct, w)
	}
	return distinct, place
}

// gap is the distance of two rows' waves.
func (d *Data) gap(i, j int) float64 { return math.Abs(float64(d.place[i] - d.place[j])) }
