package statistics

import (
	"flag"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/lumbar-health/lumbar/internal/bench/nation"
	"github.com/lumbar-health/lumbar/internal/chtest"
)

// episodes may be fewer while one works on the code; the promises are of all.
var episodes = flag.Int("episodes", 10_000_000, "episodes of the simulated nation, a multiple of ten; a peer that takes people takes a tenth")

// rounds is how often a job of ours runs, as often as DuckDB's.
const rounds = 7

// Names and the width of what must agree, relative: a peer solves in another
// order of sums.
var (
	ancovaAgrees     = map[string]float64{"": 1e-8}
	propensityAgrees = map[string]float64{"": 1e-7}
	meansAgree       = map[string]float64{"": 1e-10}
	curveAgrees      = map[string]float64{"": 1e-9}
	coxAgrees        = map[string]float64{"": 1e-7}
)

func TestMain(m *testing.M) { chtest.Main(m) }

// asked is the nation with the benchmark that asks it.
type asked struct {
	*nation.Nation
	b *testing.B
}

// columns are what the peers read: a row an episode.
const columns = `SELECT odi_12m / 18 AS y, intervention = '` + nation.Treated + `' AS treated, odi_baseline / 18 AS baseline, age, sex = 'male' AS male,
intDiv(imd_decile + 1, 2) AS imd, toString(startback_risk) AS risk, comorbidity_count AS comorbidity, nrs_back_baseline AS back, nrs_leg_baseline AS leg,
prior_surgery AS prior, ifNull(wait_days, 365) AS time, toUInt8(wait_days IS NOT NULL) AS event, toString(region) AS region, toYYYYMM(referred_on) AS month
FROM outcome FINAL`

// BenchmarkStatistics asks what the project promises of statistics at national
// scale, holds every number against the peers', and prints a line a promise. It
// fails where a number is wrong or a peer is not there.
func BenchmarkStatistics(b *testing.B) {
	r := &report{b: b}
	for _, p := range []peer{inR, inPython, duckDB} {
		if !p.there(b) {
			b.Error("a peer is not there: scripts/bench.sh installs them where it can")
			return
		}
	}
	n := asked{nation.Open(b, *episodes), b}
	dir := b.TempDir()
	file := func(name, format, where string) string {
		path := filepath.Join(dir, name)
		n.Export(b, columns+where, format, path)
		return path
	}
	few := file("year.csv", "CSVWithNames", " WHERE fy = 2015")
	n.descriptive(r, file("all.parquet", "Parquet", ""))
	n.modelled(r, few)
	small(r, file("small.csv", "CSVWithNames", " WHERE fy = 2015 ORDER BY episode_id LIMIT 3600"))
	n.everybody(r, file("all.csv", "CSVWithNames", ""))
	// Of this process alone: the engine and the peers are others.
	memory := resident(b)
	r.line(memory <= 1024, "memory of our process throughout: %.0f MB (promise: at most 1024)", memory)
	fmt.Printf("%d promises lost\n", r.lost)
}

// descriptive are the jobs that DuckDB can do too.
func (n asked) descriptive(r *report, parquet string) {
	n.b.Helper()
	theirs, err := duckDB.ask(n.b, parquet, 0)
	if err != nil {
		n.b.Fatal(err)
	}
	ours := timed(n.b, true, n.groupedMeans)
	if job := "means by region, arm and month"; r.same(job, duckDB.name, ours.values, theirs["grouped_means"].values, meansAgree) {
		r.within(job, ours, 0.5)
		r.atMost(job, ours, duckDB.name, theirs["grouped_means"].seconds, 2)
	}
}

// modelled are the jobs of a year's people beside R and statsmodels.
func (n asked) modelled(r *report, csv string) {
	n.b.Helper()
	people := *episodes / nation.Years
	inYear := func(job string) string { return fmt.Sprintf("%s, %d episodes", job, people) }
	ancova := timed(n.b, false, func() values { return n.ancova(oneYear) })
	causal := timed(n.b, false, func() values { return n.causal(oneYear) })
	curve := timed(n.b, false, func() values { return n.kaplanMeier(oneYear) })
	cox := timed(n.b, false, n.cox)
	for _, p := range []peer{inR, inPython} {
		theirs, err := p.ask(n.b, csv, 0)
		if err != nil {
			n.b.Fatal(err)
		}
		if job := inYear("ANCOVA, 15 coefficients, HC1"); r.same(job, p.name, ancova.values, theirs["ancova"].values, ancovaAgrees) {
			if p.name == inR.name {
				r.faster(job, ancova, p.name, theirs["ancova"], 30)
			} else {
				r.beside(job, ancova, p.name, theirs["ancova"])
			}
		}
		if job := inYear("logistic propensity, IPW and AIPW"); r.same(job, p.name, causal.values, theirs["propensity"].values, propensityAgrees) {
			r.beside(job, causal, p.name, theirs["propensity"])
		}
		if p.name != inR.name {
			continue
		}
		if job := inYear("Kaplan–Meier by arm"); r.same(job, p.name, curve.values, theirs["kaplan_meier"].values, curveAgrees) {
			r.beside(job, curve, p.name, theirs["kaplan_meier"])
		}
		if job := inYear("Cox, 5 covariates"); r.same(job, p.name, cox.values, theirs["cox"].values, coxAgrees) {
			r.within(job, cox, 3)
			r.beside(job, cox, p.name, theirs["cox"])
		}
	}
}

// everybody are the jobs over all episodes. Peers that do not fit in memory have
// shown on a year's people that the numbers are theirs.
func (n asked) everybody(r *report, csv string) {
	n.b.Helper()
	ancova := timed(n.b, false, func() values { return n.ancova(nil) })
	scan := timed(n.b, false, func() values { return values{"n": float64(n.moments(nil).N)} })
	causal := timed(n.b, false, func() values { return n.causal(nil) })
	curve := timed(n.b, false, func() values { return n.kaplanMeier(nil) })
	right := true
	for _, p := range []peer{inR, inPython} {
		theirs, err := p.ask(n.b, csv, free(n.b)*9/10)
		if err != nil {
			fmt.Printf("on all episodes not measured in full, for want of memory or time: %v\n", err)
		}
		for _, job := range []struct {
			name, key string
			ours      answer
			agrees    map[string]float64
		}{
			{"ANCOVA", "ancova", ancova, ancovaAgrees}, {"IPW and AIPW", "propensity", causal, propensityAgrees}, {"Kaplan–Meier", "kaplan_meier", curve, curveAgrees},
		} {
			answered, ok := theirs[job.key]
			if !ok {
				continue
			}
			if !r.same(job.name, p.name, job.ours.values, answered.values, job.agrees) {
				right = false
				continue
			}
			if p.name == inR.name && job.key == "ancova" {
				r.faster("ANCOVA, all episodes", ancova, p.name, answered, 30)
			} else {
				r.beside(job.name+", all episodes", job.ours, p.name, answered)
			}
		}
	}
	if !right {
		return
	}
	r.atMost("ANCOVA, all episodes", ancova, "the scan for its moments", scan.seconds, 2.5)
	r.within("ANCOVA, all episodes (an aim)", ancova, 1.5)
	r.within("logistic propensity, IPW and AIPW, all episodes", causal, 6)
	r.within("Kaplan–Meier by arm, all episodes", curve, 1)
}
