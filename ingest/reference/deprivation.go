package reference

import (
	"errors"
	"io"
	"strconv"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/record"
)

// Version is an edition of the English Indices of Deprivation: its areas and
// deciles are its own.
type Version struct {
	Name  string
	Areas int // it ranks so many
	// column is how its files name the areas: by the census that drew them.
	column string
}

// versions are the editions that are read.
var versions = []Version{{"2019", 32_844, "lsoa11_code"}, {"2025", 33_755, "lsoa21_code"}}

// Decile returns the decile of a rank in an edition, ⌈10·rank/areas⌉; rank 1 is
// the most deprived area. The published deciles of 2019 and 2025 are these. ok
// is false where the rank is none.
func (v Version) Decile(rank int) (decile uint8, ok bool) {
	if rank < 1 || rank > v.Areas {
		return 0, false
	}
	return uint8((10*rank + v.Areas - 1) / v.Areas), true
}

// Quintile returns the fifth that a decile is in, ⌈decile/2⌉.
func Quintile(decile uint8) uint8 { return (decile + 1) / 2 }

// VersionNamed returns the edition of that name, 2019 or 2025.
func VersionNamed(name string) (Version, bool) {
	for _, v := range versions {
		if v.Name == name {
			return v, true
		}
	}
	return Version{}, false
}

// IMD reads the deprivation of England's areas: columns lsoa11_code or
// lsoa21_code, imd_decile and imd_rank. It must be the whole list, for an area
// that is absent would be a person without a decile. The error is a Problems or
// a ingest.FileError; no list is returned then.
func IMD(source string, in io.Reader) (Version, []record.Deprivation, error) {
	t, err := openTable(source, in, must("lsoa11_code|lsoa21_code", "imd_decile", "imd_rank"), []string{"lsoa21_code"})
	if err != nil {
		return Version{}, nil, err
	}
	v := versions[0]
	if t.columns["lsoa21_code"] >= 0 {
		v = versions[1]
	}
	list := make([]record.Deprivation, 0, v.Areas)
	seen := make(map[string]bool, v.Areas)
	for {
		if err := t.next(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return v, nil, err
		}
		d := readDeprivation(t, v)
		if seen[d.LSOA] {
			t.wrong(v.column, ingest.RuleRepeated)
		}
		seen[d.LSOA] = true
		list = append(list, d)
	}
	if err := t.end(); err != nil {
		return v, nil, err
	}
	if len(list) != v.Areas {
		return v, nil, &ingest.FileError{
			Source: source, Wrong: "has " + strconv.Itoa(len(list)) + " areas, but the edition of " + v.Name + " has " + strconv.Itoa(v.Areas),
			Advice: "give the whole list",
		}
	}
	return v, list, nil
}

func readDeprivation(t *table, v Version) record.Deprivation {
	d := record.Deprivation{LSOA: t.get("lsoa11_code")}
	if !isArea(d.LSOA) {
		t.wrong(v.column, ingest.RuleMalformed)
	}
	decile, err1 := strconv.Atoi(t.get("imd_decile"))
	rank, err2 := strconv.Atoi(t.get("imd_rank"))
	ours, ok := v.Decile(rank)
	switch {
	case err1 != nil:
		t.wrong("imd_decile", ingest.RuleType)
	case err2 != nil:
		t.wrong("imd_rank", ingest.RuleType)
	case decile < 1 || decile > 10:
		t.wrong("imd_decile", ingest.RuleOutOfRange)
	case !ok:
		t.wrong("imd_rank", ingest.RuleOutOfRange)
	case decile != int(ours):
		t.wrong("imd_decile", ingest.RuleContradiction)
	}
	d.Decile = uint8(decile)
	return d
}

// isArea reports whether the text is the code of an English area.
func isArea(text string) bool {
	if len(text) != 9 || text[:3] != "E01" {
		return false
	}
	_, err := strconv.ParseUint(text[3:], 10, 32)
	return err == nil
}
