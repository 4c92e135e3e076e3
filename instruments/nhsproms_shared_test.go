//go:build shared

package instruments

import (
	"compress/gzip"
	"encoding/csv"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
)

// Where the record files keep what this package scores: first column of the
// five dimensions, their profile and index, and of the twelve Oxford items and
// their score.
var nhsColumns = []struct{ dimensions, profile, index, oxford, oxfordScore int }{
	{24, 29, 30, 54, 66}, // before
	{35, 48, 49, 67, 79}, // after
}

// Every EQ-5D index and every Oxford score of the published record files
// follows from its own answers, 9 being missing; where the file has none, we
// have none.
func TestScoresOfNHSRecords(t *testing.T) {
	for file, want := range map[string]struct {
		oxford  ID
		records int
	}{
		"hip-provider-2016-17.csv.gz":  {"ohs", 44241},
		"knee-provider-2016-17.csv.gz": {"oks", 47604},
	} {
		eq, oxford := mustLookup(t, "eq5d3l"), mustLookup(t, want.oxford)
		records, indices, scores := 0, 0, 0
		var placed []int // the oxford item behind each of the file's columns
		eachRecord(t, file, func(header, record []string) {
			if records++; records == 1 {
				placed = append(placed, oxfordItems(t, oxford, header[54:66])...)
				placed = append(placed, oxfordItems(t, oxford, header[67:79])...)
			}
			for half, at := range nhsColumns {
				answers := codesOf(12, Missing)
				for i, item := range placed[12*half : 12*half+12] {
					answers[item] = nhsCode(t, record[at.oxford+i])
				}
				r := eq.Result(&Administration{Codes: nhsCodes(t, record[at.dimensions:at.dimensions+5])})
				if got := number(r.Score); got != record[at.index] || *r.Profile != record[at.profile] {
					t.Fatalf("%s record %d: profile %s index %q, the file has %s %q", file, records, *r.Profile, got, record[at.profile], record[at.index])
				}
				s := oxford.Result(&Administration{Codes: answers})
				if got := number(s.Score); got != record[at.oxfordScore] {
					t.Fatalf("%s record %d: Oxford score %q, the file has %q", file, records, got, record[at.oxfordScore])
				}
				if r.Score != nil {
					indices++
				}
				if s.Score != nil {
					scores++
				}
			}
		})
		if records != want.records || indices < 80_000 || scores < 80_000 {
			t.Errorf("%s: %d records, %d indices, %d scores compared", file, records, indices, scores)
		}
	}
}

// oxfordItems finds each item column by the topic at its header's end.
func oxfordItems(t *testing.T, d *Definition, header []string) []int {
	t.Helper()
	items, seen := make([]int, len(header)), map[int]bool{}
	for i, name := range header {
		_, topic, _ := strings.Cut(name, "-Op Q ")
		at, ok := d.ItemLabelled(strings.ToLower(topic))
		if !ok || seen[at] {
			t.Fatalf("%s: no item of its own for column %q", d.ID, name)
		}
		items[i], seen[at] = at, true
	}
	return items
}

func eachRecord(t *testing.T, file string, f func(header, record []string)) {
	t.Helper()
	compressed, err := os.Open(sharedPath(t, "data", "nhs-proms", file))
	if err != nil {
		t.Fatal(err)
	}
	defer compressed.Close()
	plain, err := gzip.NewReader(compressed)
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(plain)
	header, err := r.Read()
	if err != nil {
		t.Fatal(err)
	}
	r.ReuseRecord = true
	for header = append([]string(nil), header...); ; {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		f(header, record)
	}
}

func nhsCodes(t *testing.T, fields []string) []int16 {
	t.Helper()
	codes := make([]int16, len(fields))
	for i, field := range fields {
		codes[i] = nhsCode(t, field)
	}
	return codes
}

func nhsCode(t *testing.T, field string) int16 {
	t.Helper()
	code, err := strconv.ParseInt(field, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	if code == 9 {
		return Missing
	}
	return int16(code)
}

// number writes a score as the files do, empty where there is none.
func number(x *float64) string {
	if x == nil {
		return ""
	}
	return strconv.FormatFloat(*x, 'f', -1, 64)
}
