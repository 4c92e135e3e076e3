//go:build shared

package simulate

import (
	"compress/gzip"
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestHeaderIsTheRealFiles holds the names and the order of the 81 columns to
// those of the files that NHS England publishes.
func TestHeaderIsTheRealFiles(t *testing.T) {
	for i, name := range []string{"hip", "knee"} {
		f, err := os.Open(filepath.Join(sharedFolder(t), "data", "nhs-proms", name+"-provider-2016-17.csv.gz"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		want, err := csv.NewReader(z).Read()
		if err != nil {
			t.Fatal(err)
		}
		if got := joints[i].header(); !slices.Equal(got, want) {
			t.Errorf("%s: header = %q, want %q", name, got, want)
		}
	}
}

func sharedFolder(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("LUMBAR_SHARED"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(filepath.Dir(dir), "shared")
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above this folder: set LUMBAR_SHARED")
		}
		dir = filepath.Dir(dir)
	}
}
