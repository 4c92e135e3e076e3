package cohort

import (
	"slices"
	"testing"
)

func TestGroupsAreInOrder(t *testing.T) {
	keys := [][]string{{"10", "b"}, {"", "a"}, {"9", "a"}, {"10", "a"}, {"x", "a"}}
	slices.SortFunc(keys, inOrder)
	want := [][]string{{"9", "a"}, {"10", "a"}, {"10", "b"}, {"x", "a"}, {"", "a"}}
	for i := range keys {
		if !slices.Equal(keys[i], want[i]) {
			t.Fatalf("order %v, want %v", keys, want)
		}
	}
}
