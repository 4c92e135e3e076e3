//go:build shared

package reference_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/reference"
)

func shared(t *testing.T, parts ...string) string {
	t.Helper()
	dir := os.Getenv("LUMBAR_SHARED")
	for top, err := os.Getwd(); dir == ""; top = filepath.Dir(top) {
		if err != nil || top == filepath.Dir(top) {
			t.Fatal("no go.mod above this folder")
		}
		if _, err := os.Stat(filepath.Join(top, "go.mod")); err == nil {
			dir = filepath.Join(top, "..", "shared")
		}
	}
	return filepath.Join(append([]string{dir}, parts...)...)
}

// TestPublishedIMD: every area of both editions is read, and its published
// decile is that of its rank.
func TestPublishedIMD(t *testing.T) {
	for version, name := range map[string]string{"2019": "imd2019_england_lsoa11.csv.gz", "2025": "imd2025_england_lsoa21.csv.gz"} {
		f, err := os.Open(shared(t, "data", "geo", name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		text, err := ingest.Decompress(f)
		if err != nil {
			t.Fatal(err)
		}
		v, list, err := reference.IMD(name, text)
		if err != nil || v.Name != version || len(list) != v.Areas {
			t.Errorf("%s: edition %s, %d areas, %v", name, v.Name, len(list), err)
		}
	}
}

// TestPublishedOrganisations: the organisations of published PROMs, of which the
// commissioning groups ended in 2022 and some have no type, and the boards by
// the codes of the Office for National Statistics.
func TestPublishedOrganisations(t *testing.T) {
	for name, want := range map[string]map[string]int{
		"nhs_org_codes_from_proms.csv": {"ods trust 1970-01-01": 307, "ods ccg 2022-06-30": 203, "ods unknown 1970-01-01": 19},
		"icb24.csv":                    {"ons icb 1970-01-01": 42},
	} {
		f, err := os.Open(shared(t, "data", "geo", name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		list, err := reference.Organisations(name, f)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]int{}
		for _, o := range list {
			got[fmt.Sprint(o.CodeSystem, " ", o.Kind, " ", o.ValidTo)]++
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

// TestVectors: the specification's groups that are this room's.
func TestVectors(t *testing.T) {
	text, err := os.ReadFile(shared(t, "spec", "instrument-vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var groups struct {
		Decile []struct {
			Input  int   `json:"input"`
			Expect uint8 `json:"expect"`
		} `json:"imd_decile_2025"`
		Number []struct {
			Input  string `json:"input"`
			Expect struct {
				Checksum  bool  `json:"checksum"`
				TestRange *bool `json:"test_range"`
				Accept    *bool `json:"accept"`
			} `json:"expect"`
		} `json:"nhs_number"`
	}
	if err := json.Unmarshal(text, &groups); err != nil {
		t.Fatal(err)
	}
	if len(groups.Decile) != 4 || len(groups.Number) != 23 {
		t.Fatalf("%d and %d vectors, want 4 and 23", len(groups.Decile), len(groups.Number))
	}
	v, _ := reference.VersionNamed("2025")
	for _, c := range groups.Decile {
		if got, ok := v.Decile(c.Input); !ok || got != c.Expect {
			t.Errorf("Decile(%d) = %d, want %d", c.Input, got, c.Expect)
		}
	}
	for _, c := range groups.Number {
		accept := c.Expect.Checksum && (c.Expect.Accept == nil || *c.Expect.Accept)
		digits, ok := ingest.NHSNumber(c.Input)
		if ok != accept {
			t.Errorf("NHSNumber(%s) = %t, want %t", c.Input, ok, accept)
		}
		if !ok || c.Expect.TestRange == nil {
			continue
		}
		for _, tests := range []bool{true, false} {
			s := ingest.Setting{Key: []byte("a key for tests only, 32 bytes .."), TestNumbers: tests}
			if _, ok := s.Subject(new(ingest.Record), digits, ""); ok != (tests == *c.Expect.TestRange) {
				t.Errorf("Subject(%s), tests %t = %t", c.Input, tests, ok)
			}
		}
	}
}
