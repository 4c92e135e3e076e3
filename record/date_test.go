package record

import (
	"testing"
	"time"
)

// TestFinancialYear: the specification's days, and both ends of each quarter.
func TestFinancialYear(t *testing.T) {
	for day, want := range map[string]struct {
		year    int
		text    string
		quarter int
	}{
		"2026-03-31": {2025, "2025/26", 4}, "2026-04-01": {2026, "2026/27", 1},
		"2026-06-30": {2026, "2026/27", 1}, "2026-07-01": {2026, "2026/27", 2},
		"2026-09-30": {2026, "2026/27", 2}, "2026-10-01": {2026, "2026/27", 3},
		"2026-12-31": {2026, "2026/27", 3}, "2027-01-01": {2026, "2026/27", 4},
		"2099-04-01": {2099, "2099/00", 1}, "1931-02-03": {1930, "1930/31", 4},
	} {
		d, err := ParseDate(day)
		if err != nil {
			t.Fatal(err)
		}
		if d.FinancialYear() != want.year || d.FinancialYearText() != want.text || d.FinancialQuarter() != want.quarter {
			t.Errorf("%s is in %d, %s, quarter %d, want %+v", day, d.FinancialYear(), d.FinancialYearText(), d.FinancialQuarter(), want)
		}
	}
}

// TestDayIsLondons: the day of a moment is that of the clock on the wall in
// London, on both sides of both changes of the clocks.
func TestDayIsLondons(t *testing.T) {
	for moment, want := range map[string]string{
		"2026-03-31T23:30:00Z":      "2026-04-01", // summer time: the financial year changes with it
		"2026-03-31T22:59:59Z":      "2026-03-31",
		"2026-03-29T00:59:59Z":      "2026-03-29", // an hour before the clocks go forward
		"2026-03-28T23:30:00Z":      "2026-03-28", // winter time
		"2026-03-29T23:30:00Z":      "2026-03-30",
		"2026-10-24T23:30:00Z":      "2026-10-25",
		"2026-10-25T23:30:00Z":      "2026-10-25", // winter time again
		"2026-12-31T23:59:59Z":      "2026-12-31",
		"2026-07-01T00:30:00+02:00": "2026-06-30",
		"1969-12-31T23:30:00Z":      "1970-01-01", // London kept summer time that winter
	} {
		at, err := time.Parse(time.RFC3339, moment)
		if err != nil {
			t.Fatal(err)
		}
		if got := DateOf(at).String(); got != want {
			t.Errorf("%s was %s in London, want %s", moment, got, want)
		}
	}
}

func TestParseDate(t *testing.T) {
	for _, text := range []string{"", "2026-4-1", "01/04/2026", "2026-02-30", "2026-04-01T00:00:00Z"} {
		if d, err := ParseDate(text); err == nil {
			t.Errorf("%q is read as %s", text, d)
		}
	}
}
