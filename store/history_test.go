package store_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/record"
	"github.com/lumbar-health/lumbar/store"
	"github.com/lumbar-health/lumbar/store/schema"
	"github.com/lumbar-health/lumbar/store/write"
)

// history makes up what could happen to a few patients: late, duplicate, out of
// order, retracted and amended answers, responses that become one to another
// instrument, moved episodes and years, stated and derived timepoints, unknown
// episodes, proxies, episodes entered in error.
type history struct {
	random *rand.Rand
	steps  []facts
	last   uint64
}

const historyPatients = 5

func newHistory(seed uint64, steps int) *history {
	h := &history{random: rand.New(rand.NewPCG(seed, 3))}
	for range steps {
		switch n := h.random.IntN(10); {
		case n < 3:
			h.steps = append(h.steps, facts{episodes: []record.Episode{h.episode()}})
		case n < 9 || len(h.steps) == 0:
			h.steps = append(h.steps, facts{scores: h.scores()})
		default: // the same again
			h.steps = append(h.steps, h.steps[h.random.IntN(len(h.steps))])
		}
	}
	return h
}

// version is a new one, mostly later than those before.
func (h *history) version() uint64 {
	h.last += 2
	if h.last > 60 && h.random.IntN(3) == 0 {
		return h.last - 51 // odd: no other row has it
	}
	return h.last
}

func (h *history) patient() record.PatientID {
	return record.PatientID{byte(h.random.IntN(historyPatients)) * 50, 1}
}

func (h *history) day(from, days int) record.Date {
	return record.NewDate(2024, time.January, 1) + record.Date(from+h.random.IntN(days))
}

func (h *history) sometimes(d record.Date) record.Date {
	if h.random.IntN(2) == 0 {
		return 0
	}
	return d
}

func (h *history) episode() record.Episode {
	referred := h.day(0, 700)
	e := record.Episode{
		PatientID: h.patient(), ID: uint64(1 + h.random.IntN(3)), Version: h.version(), Status: record.EpisodeActive,
		Programme: "back-pain", ReferredOn: referred, FirstContactOn: h.sometimes(referred + record.Date(h.random.IntN(60))),
		TreatmentStart: h.sometimes(referred + record.Date(h.random.IntN(200))), DischargedOn: h.sometimes(referred + record.Date(h.random.IntN(400))),
		Age: uint8(h.random.IntN(95)), ReceivedAt: received,
	}
	if h.random.IntN(4) == 0 {
		e.Programme, e.AgeBand = "nhs-proms", "60 to 69"
	}
	if h.random.IntN(8) == 0 {
		e.Status = record.EpisodeEnteredInError
	}
	return e
}

// scores are those of one version of a response, of any instrument: a further
// version of the same response mostly names another.
func (h *history) scores() []record.Score {
	s := record.Score{
		PatientID: h.patient(), ResponseID: uint64(1 + h.random.IntN(12)), Version: h.version(), Status: record.ScoreComplete,
		Programme: "back-pain", AnsweredOn: h.day(0, 1100), ReceivedAt: received, ReportedBy: record.ByPatient,
		Units: int32(h.random.IntN(100)), HasUnits: true,
	}
	s.AnsweredAt = s.AnsweredOn.Time().Add(time.Duration(h.random.IntN(3)) * time.Hour)
	if h.random.IntN(2) == 0 {
		s.EpisodeID = uint64(1 + h.random.IntN(4)) // 4 does not exist
	}
	if h.random.IntN(3) == 0 {
		s.Timepoint = []string{"baseline", "6m", "12m", "discharge", "never"}[h.random.IntN(5)]
	}
	switch h.random.IntN(8) {
	case 0:
		s.HasUnits, s.Status = false, record.ScoreRetracted
	case 1:
		s.ReportedBy = record.ByProxy
	case 2:
		predicted := float64(h.random.IntN(100)) / 4
		s.Predicted = &predicted
	}
	old := h.random.IntN(8) == 0
	var all []record.Score
	for _, id := range [][]instruments.ID{{"odi"}, {"eqvas"}, {"nrs_back"}, {"eq5d5l", "eqvas"}, {"eq5d3l", "eqvas"}}[h.random.IntN(5)] {
		kind := instruments.ScoresOf(id)[0]
		s.Name, s.Algorithm, s.ValueSet = kind.Name, kind.Algorithm, kind.ValueSet
		if old {
			s.Algorithm = "odi-0" // not the current one
		}
		all = append(all, s)
	}
	return all
}

// all joins the facts of the steps.
func all(steps []facts) facts {
	var f facts
	for _, s := range steps {
		f.episodes = append(f.episodes, s.episodes...)
		f.scores = append(f.scores, s.scores...)
	}
	return f
}

// play writes the steps in random batches of one to six.
func play(t *testing.T, s *store.Store, steps []facts, random *rand.Rand) {
	t.Helper()
	for len(steps) > 0 {
		n := min(1+random.IntN(6), len(steps))
		put(t, s, all(steps[:n]))
		steps = steps[n:]
	}
}

// stored reads the live rows of outcome with every column as text.
func stored(t testing.TB, conn clickhouse.Conn) map[episodeKey]map[string]string {
	t.Helper()
	catalogue := catalogueOf(t)
	var names, texts []string
	for _, c := range catalogue.Columns() {
		names = append(names, c.Name)
		texts = append(texts, fmt.Sprintf("ifNull(toString(`%s`), '')", c.Name))
	}
	rows, err := conn.Query(context.Background(), "SELECT reinterpret(patient_id, 'FixedString(16)'), episode_id, ["+strings.Join(texts, ", ")+
		"] FROM outcome FINAL WHERE live = 1 SETTINGS do_not_merge_across_partitions_select_final = 1")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	found := map[episodeKey]map[string]string{}
	for rows.Next() {
		var wire string
		var key episodeKey
		var values []string
		if err := rows.Scan(&wire, &key.id, &values); err != nil {
			t.Fatal(err)
		}
		copy(key.patient[:], wire)
		key.patient = write.Wire(key.patient)
		if _, twice := found[key]; twice {
			t.Errorf("episode %d is live in two years", key.id)
		}
		row := map[string]string{}
		for i, v := range values {
			row[names[i]] = v
		}
		found[key] = row
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}

// compare fails unless outcome holds exactly the reference's rows.
func compare(t *testing.T, got, want map[episodeKey]map[string]string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("outcome has %d live episodes, want %d", len(got), len(want))
	}
	for key, row := range want {
		derived, ok := got[key]
		if !ok {
			t.Errorf("episode %d of %x is missing", key.id, key.patient[:1])
		}
		for column, value := range derived {
			missing := map[string]string{"sex": "unknown", "startback_risk": "unknown", "imd_decile": "0"}[column]
			if w, ok := row[column]; ok && value != w || !ok && value != missing {
				t.Errorf("episode %d of %x: %s = %q, want %q", key.id, key.patient[:1], column, value, w)
			}
		}
	}
}

// TestIncrementalEqualsRebuild plays random histories in two orders: outcome
// must equal a rebuild at every step, be the same for both orders, and equal
// the rules in plain Go.
func TestIncrementalEqualsRebuild(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			h := newHistory(seed, 70)
			want := reference(all(h.steps))
			var first map[episodeKey]map[string]string
			for order := range 2 {
				s, conn := open(t)
				steps := slices.Clone(h.steps)
				if order == 1 {
					h.random.Shuffle(len(steps), func(i, j int) { steps[i], steps[j] = steps[j], steps[i] })
				}
				half := len(steps) / 2
				play(t, s, steps[:half], h.random)
				check(t, s)
				play(t, s, steps[half:], h.random)
				check(t, s)
				got := stored(t, conn)
				compare(t, got, want)
				if order == 0 {
					first = got
					continue
				}
				if !maps.EqualFunc(first, got, maps.Equal) {
					t.Error("the other order gives another outcome")
				}
				if err := s.Writer().Rebuild(context.Background()); err != nil {
					t.Fatal(err)
				}
				if rebuilt := stored(t, conn); !maps.EqualFunc(got, rebuilt, maps.Equal) {
					t.Error("a rebuild gives another outcome")
				}
			}
		})
	}
}

func check(t *testing.T, s *store.Store) {
	t.Helper()
	if n, err := s.Writer().RebuildCheck(context.Background()); n != 0 || err != nil {
		t.Errorf("rebuild check: %d differences, %v", n, err)
	}
}

// TestRebuildCheckFindsCorruption plants differences by hand and expects each
// to be named, and a rebuild to remove them.
func TestRebuildCheckFindsCorruption(t *testing.T) {
	s, conn := open(t)
	ctx := context.Background()
	odi := instruments.ScoresOf("odi")[0]
	f := facts{}
	for i := range 20 {
		id := record.PatientID{byte(i), 7}
		f.episodes = append(f.episodes, record.Episode{PatientID: id, ID: uint64(i + 1), Version: 1, Status: record.EpisodeActive, Programme: "back-pain",
			ReferredOn: record.NewDate(2024, 5, 1), ReceivedAt: received})
		f.scores = append(f.scores, record.Score{PatientID: id, ResponseID: 1, Version: 1, Status: record.ScoreComplete, Name: odi.Name, Algorithm: odi.Algorithm,
			Programme: "back-pain", Timepoint: "12m", AnsweredOn: record.NewDate(2025, 5, 1), AnsweredAt: received, ReceivedAt: received, ReportedBy: record.ByPatient, Units: 18, HasUnits: true})
	}
	put(t, s, f)
	check(t, s)
	for _, statement := range []string{
		"INSERT INTO outcome SELECT * REPLACE (19 AS odi_12m) FROM outcome FINAL WHERE episode_id = 3",
		"INSERT INTO outcome SELECT * REPLACE (NULL AS odi_12m_at) FROM outcome FINAL WHERE episode_id = 4",
		"INSERT INTO outcome SELECT * REPLACE (0 AS live) FROM outcome FINAL WHERE episode_id = 5",
		"INSERT INTO outcome SELECT * REPLACE (99 AS episode_id) FROM (SELECT * FROM outcome FINAL WHERE episode_id = 6)",
	} {
		if err := conn.Exec(ctx, statement+" SETTINGS async_insert = 0"); err != nil {
			t.Fatal(err)
		}
	}
	n, err := s.Writer().RebuildCheck(ctx)
	if n != 4 || !errors.Is(err, write.ErrDiffers) || !strings.Contains(err.Error(), "odi_12m 1, odi_12m_at 1, whole rows 2") {
		t.Errorf("rebuild check = %d, %v", n, err)
	}
	found, err := s.Writer().Differences(ctx)
	want := []write.Difference{{EpisodeID: 3, Column: "odi_12m"}, {EpisodeID: 4, Column: "odi_12m_at"}, {EpisodeID: 5}, {EpisodeID: 99}}
	if err != nil || !slices.Equal(found, want) {
		t.Errorf("differences = %v, %v, want %v", found, err, want)
	}
	if err := s.Writer().Rebuild(ctx); err != nil {
		t.Fatal(err)
	}
	check(t, s)
	if got := stored(t, conn); len(got) != 20 {
		t.Errorf("%d live episodes after the rebuild, want 20", len(got))
	}
}

func catalogueOf(t testing.TB) *schema.Catalogue {
	t.Helper()
	c, err := schema.NewCatalogue(fewer())
	if err != nil {
		t.Fatal(err)
	}
	return c
}
