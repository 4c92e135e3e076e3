//go:build shared

package instruments

import (
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// indexVectors runs a group of profiles under one value set of a definition.
func indexVectors(id ID, valueSet string) func(*testing.T, string) {
	return func(t *testing.T, group string) {
		d := mustLookup(t, id)
		for _, c := range vectors[json.RawMessage, float64](t, group) {
			a, err := d.ParseAdministration(c.Input)
			if err != nil {
				t.Fatal(err)
			}
			if got := d.Result(a).Indices[valueSet]; got == nil || *got != c.Expect {
				t.Errorf("%s %s = %v, want %v", valueSet, c.Input, got, c.Expect)
			}
		}
	}
}

// withMappings is the built-in registry with the published tables of mapped
// indices beside it.
func withMappings(t *testing.T) *registry {
	t.Helper()
	r, err := newRegistry(sharedPath(t, "data", "eq5d"), definitionFiles)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// mappedVectors are a profile, a sex and an age band; the index is the same at
// both ends of the band.
func mappedVectors(t *testing.T, group string) {
	d, err := withMappings(t).lookup("eq5d5l", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range vectors[[3]string, json.Number](t, group) {
		want, err := c.Expect.Float64()
		if err != nil {
			t.Fatal(err)
		}
		_, fraction, _ := strings.Cut(c.Expect.String(), ".")
		for _, age := range bandEnds(t, c.Input[2]) {
			a, err := d.ParseAdministration([]byte(`{"answers":"` + c.Input[0] + `","age":` + strconv.Itoa(age) + `,"sex":"` + c.Input[1] + `"}`))
			if err != nil {
				t.Fatal(err)
			}
			r := d.Result(a)
			if got := r.Indices["dsu_eepru_2022_to_3l"]; got == nil || !printedAlike(got, &want, len(fraction)) || r.Status != Complete || r.Reason != "" {
				t.Errorf("%v at %d = %v, want %v", c.Input, age, got, want)
			}
		}
	}
}

// bandEnds reads an age band as the tables write it.
func bandEnds(t *testing.T, band string) [2]int {
	t.Helper()
	from, to, ok := strings.Cut(band, "-")
	if !ok {
		from, to = strings.TrimSuffix(band, "+"), strconv.Itoa(maxAge)
	}
	a, err1 := strconv.Atoi(from)
	b, err2 := strconv.Atoi(to)
	if err1 != nil || err2 != nil {
		t.Fatalf("age band %q", band)
	}
	return [2]int{a, b}
}

// The specification's further vectors of the mapping from 3L.
func TestVectorsOfMappingFrom3L(t *testing.T) {
	d, err := withMappings(t).lookup("eq5d3l", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		profile, sex string
		age          int
		want         float64
	}{{"12321", "female", 30, 0.612}, {"33333", "male", 45, -0.215}, {"33333", "male", 54, -0.215}} {
		a, err := d.ParseAdministration([]byte(`{"answers":"` + c.profile + `","age":` + strconv.Itoa(c.age) + `,"sex":"` + c.sex + `"}`))
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Result(a).Indices["dsu_eepru_2022_to_5l"]; !printedAlike(got, &c.want, 3) {
			t.Errorf("%s %s at %d = %v, want %v", c.profile, c.sex, c.age, got, c.want)
		}
	}
}

// The mapped indices are the published tables, row for row: 31,250 and 2,430 of
// them, no rounding, nothing between.
func TestMappedIndicesAreTheTables(t *testing.T) {
	r := withMappings(t)
	for id, want := range map[ID]struct {
		file, column string
		rows         int
	}{
		"eq5d5l": {"DSU_5Lto3L_UK.csv.gz", "eq5d5l_dsu_eepru_2022_to_3l", 31250},
		"eq5d3l": {"DSU_3Lto5L_UK.csv.gz", "eq5d3l_dsu_eepru_2022_to_5l", 2430},
	} {
		d, err := r.lookup(id, "")
		if err != nil {
			t.Fatal(err)
		}
		at, out := scoreAt(t, d, want.column), make([]Scored, len(d.Scores))
		s, rows := d.Scores[at], 0
		if r.byColumn[want.column] != s || s.Mapping() == nil || !s.Measured() {
			t.Errorf("%s has no column though its table is loaded", want.column)
		}
		for _, row := range readTable(t, want.file)[1:] {
			rows++
			index, err := strconv.ParseFloat(row[4], 64)
			if err != nil {
				t.Fatal(err)
			}
			codes := make([]int16, 5)
			for i := range codes {
				codes[i] = int16(row[0][i] - '0')
			}
			for _, age := range bandEnds(t, row[1]) {
				a := Administration{Codes: codes, Age: age, Sex: row[2]}
				if err := d.Score(&a, out); err != nil || out[at].Status != Complete || out[at].Value != index {
					t.Fatalf("%s %v at %d = %+v, %v, want %v", want.column, row, age, out[at], err, index)
				}
			}
		}
		listed := 0
		s.Mapping().Rows(func(profile int32, ages AgeBand, sex string, index float64) {
			listed++
			for _, age := range []int{ages.From, ages.To} {
				if got, ok := s.Mapping().Lookup(profile, age, sex); !ok || got != index || index < s.Min || index > s.Max {
					t.Fatalf("%d at %d, %s: Lookup %v, Rows %v", profile, age, sex, got, index)
				}
			}
		})
		if rows != want.rows || listed != want.rows {
			t.Errorf("%s: %d rows, %d listed, want %d", want.file, rows, listed, want.rows)
		}
	}
}

// readTable reads a table, its header first.
func readTable(t *testing.T, name string) [][]string {
	t.Helper()
	file, err := os.Open(sharedPath(t, "data", "eq5d", name))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var in io.Reader = file
	if strings.HasSuffix(name, ".gz") {
		if in, err = gzip.NewReader(file); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := csv.NewReader(in).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// The crosswalk that is built in is the published table, profile for profile.
func TestCrosswalkIsTheTable(t *testing.T) {
	rows := readTable(t, "CW.csv")
	uk := slices.Index(rows[0], "UK")
	d := mustLookup(t, "eq5d5l")
	for _, row := range rows[1:] {
		index, err := strconv.ParseFloat(row[uk], 64)
		if err != nil {
			t.Fatal(err)
		}
		a, err := d.ParseAdministration([]byte(`"` + row[0] + `"`))
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Result(a).Indices["xw_vanhout2012_uk3l"]; got == nil || math.Abs(*got-index) > 1e-12 {
			t.Errorf("%s = %v, want %v", row[0], got, index)
		}
	}
	if len(rows) != 3126 {
		t.Errorf("%d profiles, want 3125", len(rows)-1)
	}
}
