package statistics

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// values are the numbers of one job, by name.
type values map[string]float64

// answer is what a job took and found.
type answer struct {
	seconds float64
	values  values
}

// timed runs a job several times and keeps the middle time, or the best.
func timed(b *testing.B, best bool, job func() values) answer {
	b.Helper()
	var took []float64
	var found values
	for range rounds {
		start := time.Now()
		found = job()
		took = append(took, time.Since(start).Seconds())
	}
	slices.Sort(took)
	if best {
		return answer{took[0], found}
	}
	return answer{took[rounds/2], found}
}

// report prints a line a promise.
type report struct {
	b    *testing.B
	lost int
}

// same holds our numbers against a peer's; of those that differ it prints the
// line that stands for the job.
func (r *report) same(job, peer string, ours, theirs values, tolerance map[string]float64) bool {
	r.b.Helper()
	right := len(theirs) > 0
	for name, want := range theirs {
		within, given := tolerance[name]
		if !given {
			within = tolerance[""]
		}
		got, ok := ours[name]
		if !ok || !(math.Abs(got-want) <= within*math.Max(math.Abs(want), 1e-12)) {
			fmt.Printf("%s: WRONG: %s is %.12g, %s says %.12g\n", job, name, got, peer, want)
			right = false
		}
	}
	if !right {
		r.b.Errorf("%s: WRONG beside %s", job, peer)
	}
	return right
}

// faster prints that a job is at least so many times faster than a peer.
func (r *report) faster(job string, ours answer, peer string, theirs answer, times float64) {
	ratio := theirs.seconds / ours.seconds
	r.line(ratio >= times, "%s: %.3f s; %s %.3f s, %.1f times faster (promise: at least %g)", job, ours.seconds, peer, theirs.seconds, ratio, times)
}

// within prints that a job takes at most so many seconds.
func (r *report) within(job string, ours answer, seconds float64) {
	r.line(ours.seconds <= seconds, "%s: %.3f s (promise: at most %g s)", job, ours.seconds, seconds)
}

// atMost prints that a job takes at most so many times what another does.
func (r *report) atMost(job string, ours answer, other string, theirs, times float64) {
	ratio := ours.seconds / theirs
	r.line(ratio <= times, "%s: %.3f s; %s %.3f s, ratio %.2f (promise: at most %g)", job, ours.seconds, other, theirs, ratio, times)
}

// beside prints a peer's time of which nothing is promised.
func (r *report) beside(job string, ours answer, peer string, theirs answer) {
	fmt.Printf("%s: %.3f s; %s %.3f s, %.1f times faster\n", job, ours.seconds, peer, theirs.seconds, theirs.seconds/ours.seconds)
}

func (r *report) line(kept bool, format string, args ...any) {
	word := "kept"
	if !kept {
		word = "LOST"
		r.lost++
	}
	fmt.Printf(format+" "+word+"\n", args...)
}

// resident is the most memory that this process ever had, in MB; the engine is
// another one.
func resident(b *testing.B) float64 {
	b.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "VmHWM:")
	kilobytes, err := strconv.ParseFloat(strings.Fields(after)[0], 64)
	if err != nil {
		b.Fatal(err)
	}
	return kilobytes / 1024
}
