package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/record"
	"github.com/lumbar-health/lumbar/store"
)

// person is one episode as plain Go sees it: the row of outcome in points. A
// missing number or text is absent.
type person struct {
	numbers map[string]float64
	texts   map[string]string
}

var questionCovariates = []covariate{{name: "symptom_duration", text: true}, {name: "bmi"}, {name: "prior_surgery"}}

// people makes n random episodes with scores, stores them, and returns what
// outcome must hold of them.
func people(t testing.TB, s *store.Store, n int, seed uint64) []person {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 11))
	f := facts{covariates: questionCovariates}
	rows := make([]person, n)
	for i := range n {
		e := randomEpisode(random, i)
		rows[i] = describe(e)
		f.episodes = append(f.episodes, e)
		addScores(random, &f, e, rows[i])
	}
	put(t, s, f)
	return rows
}

func pick(random *rand.Rand, of ...string) string { return of[random.IntN(len(of))] }

func randomEpisode(random *rand.Rand, i int) record.Episode {
	e := record.Episode{
		PatientID: record.PatientID{byte(i), byte(i >> 8), 1}, ID: uint64(i + 1), Version: 1, Status: record.EpisodeActive, Programme: "back-pain",
		ReferredOn: record.NewDate(2023, time.Month(1+random.IntN(30)), 1+random.IntN(28)), ReceivedAt: received,
		Region: pick(random, "", "Y63", "Y56", "Y60's\\"), Provider: pick(random, "RTR", "RVW", "RXP"), Intervention: pick(random, "core_therapy", "cppp", ""),
		Sex: record.Sex(random.IntN(4)), Age: uint8(random.IntN(100)), IMDDecile: uint8(random.IntN(11)), StarTBackRisk: record.Risk(random.IntN(4)),
		Covariates: []record.Covariate{{Text: pick(random, "", "lt_6w", "gt_12m")}, {Int: int32(18 + random.IntN(30))}, {Int: int32(random.IntN(2))}},
	}
	e.Covariates[1].Absent = random.IntN(4) == 0
	e.Covariates[2].Absent = random.IntN(6) == 0
	if random.IntN(3) > 0 {
		e.FirstContactOn = e.ReferredOn + record.Date(random.IntN(90))
	}
	return e
}

// describe writes the episode's own columns and dimensions.
func describe(e record.Episode) person {
	p := person{numbers: map[string]float64{}, texts: map[string]string{}}
	text := func(name, value string) {
		if value != "" {
			p.texts[name] = value
		}
	}
	number := func(name string, value int, known bool) {
		if known {
			p.numbers[name], p.texts[name] = float64(value), fmt.Sprint(value)
		}
	}
	text("region", e.Region)
	text("provider", e.Provider)
	text("intervention", e.Intervention)
	text("sex", []string{"", "female", "male", "other"}[e.Sex])
	text("startback_risk", []string{"", "low", "medium", "high"}[e.StarTBackRisk])
	text("symptom_duration", e.Covariates[0].Text)
	text("age_band", ageBand(int(e.Age)))
	text("month", e.ReferredOn.Time().Format("2006-01")+"-01")
	month := (int(e.ReferredOn.Time().Month())-1)/3*3 + 1
	text("quarter", fmt.Sprintf("%d-%02d-01", e.ReferredOn.Time().Year(), month))
	text("referred_on", e.ReferredOn.String())
	number("age", int(e.Age), e.Age > 0)
	number("imd_quintile", int(e.IMDDecile+1)/2, e.IMDDecile > 0)
	number("year", e.ReferredOn.FinancialYear(), true)
	number("bmi", int(e.Covariates[1].Int), !e.Covariates[1].Absent)
	number("prior_surgery", int(e.Covariates[2].Int), !e.Covariates[2].Absent)
	number("wait_days", int(e.FirstContactOn-e.ReferredOn), e.FirstContactOn != 0)
	return p
}

// ageBand is domain 4.6, written again.
func ageBand(age int) string {
	switch {
	case age < 16:
		return ""
	case age < 25:
		return "16-24"
	case age >= 85:
		return "85+"
	}
	low := age - (age-25)%10
	return fmt.Sprintf("%d-%d", low, low+9)
}

func addScores(random *rand.Rand, f *facts, e record.Episode, p person) {
	response := uint64(0)
	for _, id := range []instruments.ID{"odi", "nrs_back", "eq5d5l", "eqvas"} {
		scores := instruments.ScoresOf(id)
		score := scores[min(1, len(scores)-1)] // of EQ-5D the one that the questions name
		for _, timepoint := range []string{"baseline", "12m"} {
			if random.IntN(4) == 0 {
				continue
			}
			response++
			low, high := int(score.Min*float64(score.Unit)), int(score.Max*float64(score.Unit))
			units := low + random.IntN(high-low+1)
			if random.IntN(5) == 0 {
				units = 0
			}
			p.numbers[score.Column()+"_"+timepoint] = float64(units) / float64(score.Unit)
			f.scores = append(f.scores, record.Score{
				PatientID: e.PatientID, ResponseID: response, Version: 1, Status: record.ScoreComplete, Name: score.Name, Algorithm: score.Algorithm,
				ValueSet: score.ValueSet, Programme: e.Programme, EpisodeID: e.ID, Timepoint: timepoint, AnsweredOn: e.ReferredOn, AnsweredAt: e.ReferredOn.Time(),
				ReceivedAt: received, ReportedBy: record.ByPatient, Units: int32(units), HasUnits: true, Unit: uint32(score.Unit),
			})
		}
	}
}

// threads runs a question on that many threads and in small blocks.
func threads(n int) context.Context {
	return clickhouse.Context(context.Background(), clickhouse.WithSettings(clickhouse.Settings{"max_threads": n, "max_block_size": 61 * n}))
}
