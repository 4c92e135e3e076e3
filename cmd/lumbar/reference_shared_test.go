//go:build shared

package main

import (
	"path/filepath"
	"testing"

	"github.com/lumbar-health/lumbar/record"
)

// TestPublishedLists: the published editions of deprivation and the lists of
// organisations load as they are; a commissioning group of 2019 is not one of
// 2026.
func TestPublishedLists(t *testing.T) {
	in := newInstallation(t)
	h := in.hold(t)
	load := func(list, name string, rows, added int) {
		t.Helper()
		path := filepath.Join(sharedFolder(t), "data", "geo", name)
		if l := loadedOf(t, in.run(t, "reference", "import", list, path, "--json")); l.Rows != rows || l.Added != added || l.Changed != 0 || l.Removed != 0 {
			t.Errorf("%s: %+v, want %d rows, %d added", name, l, rows, added)
		}
	}
	load("imd", "imd2019_england_lsoa11.csv.gz", 32_844, 32_844)
	load("imd", "imd2025_england_lsoa21.csv.gz", 33_755, 33_755)
	load("imd", "imd2025_england_lsoa21.csv.gz", 33_755, 0)
	load("organisations", "nhs_org_codes_from_proms.csv", 529, 529)
	load("organisations", "icb24.csv", 571, 42)
	load("organisations", "icb24.csv", 571, 0)
	o, _, err := h.store.Reader().Organisations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for code, want := range map[string]record.OrganisationKind{
		"RTR": record.KindTrust, "00C": record.KindCCG, "R0B": record.KindUnknown, "E54000050": record.KindICB,
	} {
		if got, ok := o.On(code, record.NewDate(2019, 1, 1)); !ok || got.Kind != want {
			t.Errorf("%s was %+v, %t, want %s", code, got, ok, want)
		}
	}
	if _, there := o.On("00C", record.NewDate(2026, 4, 1)); there {
		t.Error("a commissioning group is there in 2026")
	}
	deciles, err := h.store.Reader().Deciles(t.Context(), []string{"E01000001"}, "2025")
	if err != nil || deciles["E01000001"].Decile != 8 {
		t.Errorf("E01000001 is %+v, %v", deciles, err)
	}
}
