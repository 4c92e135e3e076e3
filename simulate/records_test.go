package simulate

import (
	"bytes"
	"context"
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/instruments"
)

// readRecords writes a programme and reads one of its record files.
func readRecords(t *testing.T, j *joint, patients int) [][]string {
	t.Helper()
	dir := t.TempDir()
	if _, err := Write(context.Background(), dir, Options{Patients: patients, Seed: 9}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, j.file))
	if err != nil {
		t.Fatal(err)
	}
	if lines := bytes.Count(text, []byte("\n")); bytes.Count(text, []byte("\r\n")) != lines {
		t.Errorf("%s: not every line ends in CRLF", j.file)
	}
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// columns of the format by number, as its code book counts them.
const (
	colProvider, colRevision, colAge, colGender = 0, 2, 4, 5
	colHealthBefore, colHealthAfter             = 24, 35
	colProfileBefore, colProfileAfter           = 29, 48
	colPredictedIndex, colScale, colPredScale   = 50, 51, 53
	colOxfordBefore, colOxfordAfter, colPredOx  = 54, 67, 80
)

func TestRecords(t *testing.T) {
	eq5d, err := instruments.Lookup("eq5d3l", "")
	if err != nil {
		t.Fatal(err)
	}
	for i := range joints {
		j := &joints[i]
		rows := readRecords(t, j, 4000)
		if len(rows) != 2001 {
			t.Fatalf("%s: %d lines, want 2001", j.file, len(rows))
		}
		hidden, cells := 0, map[string]int{}
		for _, row := range rows[1:] {
			if len(row) != 81 || row[1] != j.procedure || row[7] != "0" {
				t.Fatalf("%s: %v", j.file, row)
			}
			if (row[colAge] == "*") != (row[colGender] == "*") {
				t.Fatalf("%s: age %s, gender %s", j.file, row[colAge], row[colGender])
			}
			if row[colAge] == "*" {
				hidden++
			} else {
				cells[strings.Join([]string{row[colProvider], row[colRevision], row[colAge], row[colGender]}, "|")]++
			}
			for k, at := range []int{colHealthBefore, colHealthAfter} {
				profile := [2]int{colProfileBefore, colProfileAfter}[k]
				checkHealth(t, eq5d, row[at:at+5], row[profile], row[profile+1])
			}
			checkOxford(t, row[colOxfordBefore:colOxfordBefore+13])
			checkOxford(t, row[colOxfordAfter:colOxfordAfter+13])
			for _, scale := range row[colScale : colScale+2] {
				if n, err := strconv.Atoi(scale); err != nil || n < 0 || n > 100 && n != 999 {
					t.Fatalf("scale %q", scale)
				}
			}
		}
		if hidden == 0 || hidden == 2000 {
			t.Errorf("%s: %d records have a suppressed age", j.file, hidden)
		}
		for cell, n := range cells {
			if n < 6 {
				t.Errorf("%s: cell %s shows %d records", j.file, cell, n)
			}
		}
		checkPredictions(t, rows[1:])
	}
}

// checkHealth holds profile and index to the five levels.
func checkHealth(t *testing.T, d *instruments.Definition, levels []string, profile, index string) {
	t.Helper()
	if strings.Join(levels, "") != profile {
		t.Fatalf("levels %v, profile %s", levels, profile)
	}
	codes := make([]int16, len(levels))
	for i, level := range levels {
		n, err := strconv.Atoi(level)
		if err != nil {
			t.Fatal(err)
		}
		if codes[i] = int16(n); n == 9 {
			codes[i] = instruments.Missing
		}
	}
	want := ""
	if score := d.Result(&instruments.Administration{Codes: codes}).Score; score != nil {
		want = strconv.FormatFloat(*score, 'f', -1, 64)
	}
	if index != want {
		t.Fatalf("index of %s is %q, want %q", profile, index, want)
	}
}

// checkOxford holds the score to its twelve items; as in the real files, one or
// two missing items do not occur.
func checkOxford(t *testing.T, cells []string) {
	t.Helper()
	sum, missing := 0, 0
	for _, c := range cells[:12] {
		n, err := strconv.Atoi(c)
		if err != nil || n < 0 || n > 4 && n != 9 {
			t.Fatalf("Oxford item %q", c)
		}
		if n == 9 {
			missing++
		} else {
			sum += n
		}
	}
	want := strconv.Itoa(sum)
	if missing > 2 {
		want = ""
	}
	if missing == 1 || missing == 2 || cells[12] != want {
		t.Fatalf("Oxford items %v, score %q, want %q", cells[:12], cells[12], want)
	}
}

// checkPredictions holds that over all modelled records of primary and of
// revision operations the mean follow-up is the mean prediction.
func checkPredictions(t *testing.T, rows [][]string) {
	t.Helper()
	type triple struct{ before, after, predicted int }
	for _, c := range []triple{
		{colProfileBefore + 1, colProfileAfter + 1, colPredictedIndex}, {colScale, colScale + 1, colPredScale},
		{colOxfordBefore + 12, colOxfordAfter + 12, colPredOx},
	} {
		for _, revision := range []string{"0", "1"} {
			n, sum := 0, 0.0
			for _, row := range rows {
				y, before, predicted := number64(row[c.after]), number64(row[c.before]), number64(row[c.predicted])
				if row[colRevision] == revision && !math.IsNaN(y+before+predicted) && y != 999 && before != 999 {
					n++
					sum += y - predicted
				}
			}
			if n < 30 || math.Abs(sum/float64(n)) > 1e-6 {
				t.Errorf("column %d, revision %s: mean difference of %d records from prediction %v", c.after, revision, n, sum/float64(n))
			}
		}
	}
}

func number64(cell string) float64 {
	x, err := strconv.ParseFloat(cell, 64)
	if err != nil {
		return math.NaN()
	}
	return x
}

func TestFewRecords(t *testing.T) {
	for i := range joints {
		rows := readRecords(t, &joints[i], 1)
		if want := 2 - i; len(rows) != want { // one patient: a hip and no knee
			t.Errorf("%s: %d lines, want %d", joints[i].file, len(rows), want)
		}
	}
}
