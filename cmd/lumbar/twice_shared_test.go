//go:build shared

package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestPublishedRecordsTwice holds that the published record files, imported once,
// are known again under other names and in another compression.
func TestPublishedRecordsTwice(t *testing.T) {
	in, folder, to := newInstallation(t), filepath.Join(sharedFolder(t), "data", "nhs-proms"), t.TempDir()
	in.hold(t)
	const records = 91_845
	var first, again []string
	for i, name := range []string{"hip-provider-2016-17.csv.gz", "knee-provider-2016-17.csv.gz"} {
		first = append(first, filepath.Join(folder, name))
		packed, err := os.ReadFile(first[i])
		if err != nil {
			t.Fatal(err)
		}
		again = append(again, filepath.Join(to, string(rune('a'+i))))
		save(t, again[i], zstandard(t, unpacked(t, packed)))
	}
	if got := in.imported(t, 0, first...); got.Read != records || got.Stored != records {
		t.Errorf("%d read, %d stored, %d duplicate, %d rejected", got.Read, got.Stored, got.Duplicate, got.Rejected)
	}
	if got := in.imported(t, 0, again...); got.Read != records || got.Stored != 0 || got.Duplicate != records {
		t.Errorf("again: %d read, %d stored, %d duplicate, %d rejected", got.Read, got.Stored, got.Duplicate, got.Rejected)
	}
}
