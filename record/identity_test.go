package record

import (
	"testing"
	"time"
)

// TestVersionParts: a version is taken apart into what it was made of, and of
// another rank it is that of the same moment and content.
func TestVersionParts(t *testing.T) {
	moment := time.Date(2026, 4, 1, 12, 30, 0, 250_000_000, time.UTC)
	for rank := range 8 {
		v := Version(moment, rank, []byte("content"))
		if VersionRank(v) != rank || VersionMoment(v) != uint64(moment.Sub(epoch).Milliseconds()) {
			t.Errorf("rank %d, moment %d of a version of rank %d at %d", VersionRank(v), VersionMoment(v), rank, moment.Sub(epoch).Milliseconds())
		}
		for other := range 8 {
			if got, want := WithRank(v, other), Version(moment, other, []byte("content")); got != want {
				t.Errorf("rank %d made %d is %d, want %d", rank, other, got, want)
			}
		}
		if v>>12 != VersionMoment(v) || v&4095>>9 != uint64(rank) { // as the data model has it
			t.Errorf("the layout of %d is another", v)
		}
	}
}
