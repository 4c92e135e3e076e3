package bootstrap

import (
	"fmt"
	"sort"

	"github.com/lumbar-health/lumbar/analytics"
)

// Mean is the mean of y over the people drawn; y has one value a unit.
func Mean(y []float64) Worker {
	return func() Statistic {
		return func(draws []float64) (float64, error) { return mean(y, draws, nil, 0) }
	}
}

// Median is the median of y over the people drawn, the mean of the two middle
// ones where their number is even.
func Median(y []float64) Worker {
	order := make([]int, len(y))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(a, b int) bool { return y[order[a]] < y[order[b]] })
	return func() Statistic {
		return func(draws []float64) (float64, error) {
			var n float64
			for _, d := range draws {
				n += d
			}
			if n == 0 {
				return 0, empty()
			}
			var below float64
			for k, i := range order {
				if below += draws[i]; 2*below < n {
					continue
				}
				if 2*below > n {
					return y[i], nil
				}
				for _, j := range order[k+1:] {
					if draws[j] > 0 {
						return (y[i] + y[j]) / 2, nil
					}
				}
			}
			return 0, empty()
		}
	}
}

// Sum adds the values of two statistics.
func Sum(a, b Worker) Worker {
	return func() Statistic {
		one, two := a(), b()
		return func(draws []float64) (float64, error) {
			x, err := one(draws)
			if err != nil {
				return 0, err
			}
			y, err := two(draws)
			return x + y, err
		}
	}
}

// DifferenceInMeans is the mean of y in group 1 minus that in group 0; use the
// groups as Options.Strata to keep their sizes.
func DifferenceInMeans(y []float64, group []int) Worker {
	return func() Statistic {
		return func(draws []float64) (float64, error) {
			one, err := mean(y, draws, group, 1)
			if err != nil {
				return 0, err
			}
			zero, err := mean(y, draws, group, 0)
			return one - zero, err
		}
	}
}

// mean is that of a group, of everybody where group is nil.
func mean(y, draws []float64, group []int, of int) (float64, error) {
	var n, sum float64
	for i, d := range draws {
		if group == nil || group[i] == of {
			n += d
			sum += d * y[i]
		}
	}
	if n == 0 {
		return 0, empty()
	}
	return sum / n, nil
}

func empty() error {
	return fmt.Errorf("bootstrap: nobody was drawn into a group: %w", analytics.ErrTooFewObservations)
}
