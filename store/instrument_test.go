package store_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/record"
)

// ownScore is the score that stands for an instrument.
func ownScore(id instruments.ID) *instruments.Score {
	d, err := instruments.Lookup(id, "")
	if err != nil {
		panic(err)
	}
	return d.Primary()
}

// said is what one version of a response says: the scores of some instruments,
// all of the same units, or a withdrawal that names them.
type said struct {
	instruments []instruments.ID
	units       int32
	withdrawn   bool
}

// sayings returns a person with one episode of the programme, and one baseline
// response in the versions given, the first of which is version 1.
func sayings(programme string, versions ...said) (episode facts, responses []facts) {
	id := record.PatientID{1, 11}
	episode.episodes = []record.Episode{{PatientID: id, ID: 1, Version: 1, Status: record.EpisodeActive, Programme: programme,
		ReferredOn: record.NewDate(2024, 5, 1), TreatmentStart: record.NewDate(2024, 5, 2), ReceivedAt: received}}
	for i, v := range versions {
		var f facts
		for _, instrument := range v.instruments {
			kind := ownScore(instrument)
			s := record.Score{
				PatientID: id, ResponseID: 1, Version: uint64(i + 1), Status: record.ScoreComplete, Name: kind.Name, Algorithm: kind.Algorithm, ValueSet: kind.ValueSet,
				Programme: programme, EpisodeID: 1, Timepoint: "baseline", AnsweredOn: record.NewDate(2024, 5, 2), AnsweredAt: received, ReceivedAt: received,
				ReportedBy: record.ByPatient, Units: v.units, HasUnits: !v.withdrawn,
			}
			if v.withdrawn {
				s.Status = record.ScoreRetracted
			}
			f.scores = append(f.scores, s)
		}
		responses = append(responses, f)
	}
	return episode, responses
}

// TestAnotherInstrumentReplacesTheFormer changes the instrument of a response
// under the same id. What the former version said must not count beside it,
// whichever version arrives first.
func TestAnotherInstrumentReplacesTheFormer(t *testing.T) {
	odi, back := []instruments.ID{"odi"}, []instruments.ID{"nrs_back"}
	three, five := []instruments.ID{"eq5d3l", "eqvas"}, []instruments.ID{"eq5d5l", "eqvas"}
	const threeLevels, fiveLevels = "eq5d3l_uk3l_mvh_a1_baseline", "eq5d5l_uk5l_rowen2026_baseline"
	tests := []struct {
		name, programme string
		versions        []said
		want            map[string]string // of the columns of these instruments
	}{
		{"amended", "back-pain", []said{{odi, 20, false}, {back, 7, false}}, map[string]string{"nrs_back_baseline": "7"}},
		{"amended and back", "back-pain", []said{{odi, 20, false}, {back, 7, false}, {odi, 30, false}}, map[string]string{"odi_baseline": "30"}},
		{"withdrawn by another name", "back-pain", []said{{odi, 20, false}, {back, 0, true}}, nil},
		{"withdrawn, then answered anew", "back-pain", []said{{odi, 20, false}, {back, 0, true}, {back, 6, false}}, map[string]string{"nrs_back_baseline": "6"}},
		{"3L corrected to 5L", "nhs-proms", []said{{three, 50, false}, {five, 60, false}}, map[string]string{"eqvas_baseline": "60"}},
		{"5L corrected to 3L", "back-pain", []said{{five, 50, false}, {three, 60, false}}, map[string]string{"eqvas_baseline": "60"}},
		{"3L corrected to 5L, of a programme with 5L", "back-pain", []said{{three, 50, false}, {five, 60, false}}, map[string]string{"eqvas_baseline": "60", fiveLevels: "60"}},
		{"to one that the programme lacks", "back-pain", []said{{odi, 20, false}, {[]instruments.ID{"ohs"}, 5, false}}, nil},
	}
	for _, test := range tests {
		for _, latestFirst := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, latest first %v", test.name, latestFirst), func(t *testing.T) {
				s, conn := open(t)
				episode, responses := sayings(test.programme, test.versions...)
				if latestFirst {
					slices.Reverse(responses)
				}
				put(t, s, episode)
				last := patientVersion(t, conn)
				for _, f := range responses {
					put(t, s, f)
					if v := patientVersion(t, conn); v < last {
						t.Errorf("the patient's version falls from %d to %d", last, v)
					} else {
						last = v
					}
				}
				check(t, s)
				got := stored(t, conn)
				compare(t, got, reference(all(append(responses, episode))))
				for key, row := range got {
					for _, column := range []string{"odi_baseline", "nrs_back_baseline", "eqvas_baseline", threeLevels, fiveLevels} {
						if row[column] != test.want[column] {
							t.Errorf("episode %d: %s = %q, want %q", key.id, column, row[column], test.want[column])
						}
					}
				}
			})
		}
	}
}

// patientVersion is the version of the one episode in outcome.
func patientVersion(t *testing.T, conn clickhouse.Conn) uint64 {
	t.Helper()
	var v uint64
	if err := conn.QueryRow(context.Background(), "SELECT version FROM outcome FINAL").Scan(&v); err != nil {
		t.Fatal(err)
	}
	return v
}
