package store_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/internal/chtest"
	"github.com/lumbar-health/lumbar/record"
	"github.com/lumbar-health/lumbar/store"
)

// useMappings loads tables that are not the published ones: their values tell
// state, age band and sex apart, and shift moves all of them.
func useMappings(t *testing.T, shift float64) {
	t.Helper()
	dir := t.TempDir()
	for name, levels := range map[string]int{"DSU_5Lto3L_UK.csv": 5, "DSU_3Lto5L_UK.csv": 3} {
		var b strings.Builder
		b.WriteString("State,Age,Sex,UKCopula\n")
		for state := range levels * levels * levels * levels * levels {
			profile := 0
			for place, rest := 1, state; place < 100_000; place, rest = place*10, rest/levels {
				profile += place * (rest%levels + 1)
			}
			for band, ages := range []string{"18-34", "35-44", "45-54", "55-64", "65+"} {
				for x, sex := range []string{"male", "female"} {
					fmt.Fprintf(&b, "%d,%s,%s,%g\n", profile, ages, sex, 0.9-float64(state)*3e-4-float64(band)*0.01-float64(x)*0.003+shift)
				}
			}
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := instruments.UseMappings(dir); err != nil {
		t.Fatal(err)
	}
}

// mappedPeople are the combinations of age and sex that decide whether there is
// an index and which, each with a profile at baseline and a year later.
func mappedPeople(f *facts) (people []record.Episode) {
	for i, age := range []uint8{0, 16, 17, 34, 44, 64, 90} {
		for sex := range 4 {
			e := record.Episode{
				PatientID: record.PatientID{byte(i), byte(sex), 9}, ID: uint64(i*4 + sex + 1), Version: 1, Status: record.EpisodeActive, Programme: "back-pain",
				ReferredOn: record.NewDate(2024, 5, 1), TreatmentStart: record.NewDate(2024, 5, 2), ReceivedAt: received, Sex: record.Sex(sex), Age: age,
			}
			people = append(people, e)
			f.episodes = append(f.episodes, e)
			f.scores = append(f.scores, profileOf(e, 1, "baseline", record.NewDate(2024, 5, 2), 21232), profileOf(e, 2, "12m", record.NewDate(2025, 5, 1), 11231))
		}
	}
	return people
}

func profileOf(e record.Episode, response uint64, timepoint string, on record.Date, profile int32) record.Score {
	score, _ := scoreOfColumn("eq5d5l", "eq5d5l_profile")
	return record.Score{
		PatientID: e.PatientID, ResponseID: response + e.ID*10, Version: response, Status: record.ScoreComplete, Name: score.Name, Algorithm: score.Algorithm,
		Programme: e.Programme, EpisodeID: e.ID, Timepoint: timepoint, AnsweredOn: on, AnsweredAt: received, ReceivedAt: received,
		ReportedBy: record.ByPatient, Units: profile, HasUnits: true,
	}
}

func scoreOfColumn(id instruments.ID, column string) (*instruments.Score, bool) {
	for _, s := range instruments.ColumnsOf(id) {
		if s.Column() == column {
			return s, true
		}
	}
	return nil, false
}

const mappedColumn = "eq5d5l_dsu_eepru_2022_to_3l"

// TestMappedIndex derives the index that depends on age and sex from the
// profile, and follows the folder of its tables: another one, and none.
func TestMappedIndex(t *testing.T) {
	t.Cleanup(func() {
		if err := instruments.UseMappings(""); err != nil {
			t.Error(err)
		}
	})
	useMappings(t, 0)
	db := chtest.New(t)
	conn := db.Conn(t)
	s := openHere(t, db)
	var f facts
	people := mappedPeople(&f)
	put(t, s, f)
	check(t, s)
	if n := compareMapped(t, conn, people, 21232); n != 2*(4+5) {
		t.Errorf("%d indices, want those of women and men of 34 and over, and of 18 a year later", n)
	}

	amended := profileOf(people[13], 1, "baseline", record.NewDate(2024, 5, 2), 55555)
	amended.Version = 9
	put(t, s, facts{scores: []record.Score{amended}})
	check(t, s)
	closeHere(t, s)

	useMappings(t, -0.05)
	s = openHere(t, db)
	check(t, s)
	people[13].Version = 55555 // its profile now
	compareMapped(t, conn, people, 21232)
	closeHere(t, s)

	if err := instruments.UseMappings(""); err != nil {
		t.Fatal(err)
	}
	s = openHere(t, db)
	defer closeHere(t, s)
	check(t, s)
	var left uint64
	if err := conn.QueryRow(context.Background(), "SELECT count("+mappedColumn+"_baseline) + count("+mappedColumn+"_12m) FROM outcome FINAL").Scan(&left); err != nil {
		t.Fatal(err)
	}
	if left != 0 {
		t.Errorf("%d indices are left after their tables are gone", left)
	}
}

func openHere(t *testing.T, db *chtest.DB) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), config(db))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closeHere(t *testing.T, s *store.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// compareMapped compares both timepoints with a look-up in Go and returns how
// many indices there are. An episode whose version is a profile had that one.
func compareMapped(t *testing.T, conn clickhouse.Conn, people []record.Episode, baseline int32) (n int) {
	t.Helper()
	score, ok := scoreOfColumn("eq5d5l", mappedColumn)
	if !ok {
		t.Fatalf("there is no column %s", mappedColumn)
	}
	for _, e := range people {
		profile := baseline
		if e.Version > 1 {
			profile = int32(e.Version)
		}
		var got [2]*float64
		row := conn.QueryRow(context.Background(), "SELECT "+mappedColumn+"_baseline, "+mappedColumn+"_12m FROM outcome FINAL WHERE live = 1 AND episode_id = ?", e.ID)
		if err := row.Scan(&got[0], &got[1]); err != nil {
			t.Fatal(err)
		}
		for i, at := range []struct {
			profile int32
			years   int
		}{{profile, 0}, {11231, 1}} {
			sex := []string{"", "female", "male", "other"}[e.Sex]
			age := int(e.Age)
			if age > 0 {
				age += at.years
			}
			want, known := score.Mapping().Lookup(at.profile, age, sex)
			if known {
				n++
			}
			if known != (got[i] != nil) || known && *got[i] != want {
				t.Errorf("index of %d at age %d of sex %q = %s, want %v, %v", at.profile, age, sex, inWords(got[i]), want, known)
			}
		}
	}
	return n
}
