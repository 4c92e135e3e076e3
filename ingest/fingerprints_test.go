package ingest

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestFingerprintsAreASet holds it against a map, over the size at which it
// changes its form and several at which it grows.
func TestFingerprintsAreASet(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var set fingerprints
	want := map[fingerprint]bool{}
	var list []fingerprint
	for i := range 300_000 {
		f := fingerprint{r.Uint64(), r.Uint64()}
		switch i % 4 {
		case 1:
			f.high = 0 // one shard grows much more than the others
		case 2:
			f = list[r.IntN(len(list))]
		}
		if had := set.has(f); had != want[f] {
			t.Fatalf("%d: has %x = %v", i, f, had)
		}
		if again := set.add(f); again != want[f] {
			t.Fatalf("%d: add %x = %v", i, f, again)
		}
		want[f], list = true, append(list, f)
		if set.len() != len(want) {
			t.Fatalf("%d fingerprints, want %d", set.len(), len(want))
		}
	}
	slots := 0
	for _, s := range set.shards {
		slots += len(s.slots)
	}
	if perRow := 8 * float64(slots) / float64(len(want)); perRow > 16 {
		t.Errorf("%.1f bytes a fingerprint", perRow)
	}
	if set.clear(); set.len() != 0 || set.has(fingerprint{0, 1}) {
		t.Error("it is not empty")
	}
}

// TestKeysHaveFingerprintsOfTheirOwn: none of many similar keys has another
// one's.
func TestKeysHaveFingerprintsOfTheirOwn(t *testing.T) {
	seen := map[fingerprint]Key{}
	for _, table := range []Table{Responses, Episodes, Events, Patients} {
		for patient := range 20 {
			for id := range uint64(20) {
				for version := range uint64(20) {
					k := Key{Table: table, ID: id, Version: version << 9}
					k.PatientID[patient%16] = byte(patient)
					if other, twice := seen[k.identity()]; twice && other != k {
						t.Fatalf("%v and %v have one fingerprint", k, other)
					}
					seen[k.identity()] = k
				}
			}
		}
	}
}

// TestOrdinals: equal records get the numbers 0, 1, 2 … in whatever order they
// come among others, few or many.
func TestOrdinals(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, different := range []int{3, 100, 40_000} {
		o := NewOrdinals()
		given := map[int]uint32{}
		for range 120_000 {
			i := min(r.IntN(different), r.IntN(different))
			id := o.Identify(fmt.Appendf(nil, "record %d", i))
			if id.ordinal != given[i] {
				t.Fatalf("record %d of %d has the number %d, want %d", i, different, id.ordinal, given[i])
			}
			given[i]++
		}
	}
}

// TestFilterForgetsNothing: what was added is there, and of what was not little
// seems to be, over several layers.
func TestFilterForgetsNothing(t *testing.T) {
	const n = 3 << 19
	var f filter
	for i := range uint64(n) {
		f.add(i << 12) // sums, not hashes
	}
	wrong := 0
	for i := range uint64(n) {
		if !f.has(i << 12) {
			t.Fatalf("%d is forgotten", i)
		}
		if f.has(i<<12 + 1) {
			wrong++
		}
	}
	if share := float64(wrong) / n; share > 0.005 {
		t.Errorf("%.4f of what was not added seems to be there", share)
	}
	if len(f.layers) != 2 {
		t.Errorf("%d layers", len(f.layers))
	}
}
