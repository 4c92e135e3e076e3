package load

import (
	"fmt"
	"math/bits"
	"time"
)

// fine is how many steps a doubling of the time has in a Latency: an error of
// less than one percent.
const fine = 128

// Latency counts durations in logarithmic steps. The zero value is empty. One
// goroutine uses it.
type Latency struct {
	counts []uint64
	n      uint64
	max    time.Duration
}

// place is the step of a number of microseconds: exact below fine.
func place(us uint64) int {
	if us < fine {
		return int(us)
	}
	shift := bits.Len64(us) - bits.Len64(fine)
	return fine*(shift+1) + int(us>>shift) - fine
}

// upTo is the largest number of microseconds of a step.
func upTo(place int) uint64 {
	if place < fine {
		return uint64(place)
	}
	shift := place/fine - 1
	return (uint64(place%fine)+fine+1)<<shift - 1
}

// Add counts a duration.
func (l *Latency) Add(d time.Duration) {
	at := place(uint64(max(d, 0).Microseconds()))
	for len(l.counts) <= at {
		l.counts = append(l.counts, 0)
	}
	l.counts[at]++
	l.n++
	l.max = max(l.max, d)
}

// Merge adds what another one counted.
func (l *Latency) Merge(o *Latency) {
	for len(l.counts) < len(o.counts) {
		l.counts = append(l.counts, 0)
	}
	for i, n := range o.counts {
		l.counts[i] += n
	}
	l.n += o.n
	l.max = max(l.max, o.max)
}

// Count is how many durations were counted.
func (l *Latency) Count() uint64 { return l.n }

// Max is the longest one.
func (l *Latency) Max() time.Duration { return l.max }

// Quantile is the duration that a share q of all, 0 < q ≤ 1, did not exceed; at
// most one percent too long. It is 0 where none was counted.
func (l *Latency) Quantile(q float64) time.Duration {
	rank := uint64(q*float64(l.n) + 0.999999)
	seen := uint64(0)
	for at, n := range l.counts {
		if seen += n; seen >= max(rank, 1) {
			return min(time.Duration(upTo(at))*time.Microsecond, l.max)
		}
	}
	return l.max
}

// String is one line.
func (l *Latency) String() string {
	return fmt.Sprintf("p50 %s, p99 %s, longest %s of %d", round(l.Quantile(0.5)), round(l.Quantile(0.99)), round(l.max), l.n)
}

func round(d time.Duration) time.Duration {
	if d > 10*time.Millisecond {
		return d.Round(time.Millisecond)
	}
	return d.Round(10 * time.Microsecond)
}
