package bulk_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// BenchmarkImport imports files of answers into new data directories with the
// built program, after the file of their episodes: ten million answers of two
// and a half million episodes, or as many episodes as LUMBAR_BULK_EPISODES says.
// What is timed is the whole command that imports the answers: the engine's
// start, reading, checking, scoring, storing, deriving outcome. Beside it, in the
// same run:
//
//	prepared  the engine takes Arrow files with the same rows of response, score
//	          and outcome into empty tables, all three at once
//	copy      PostgreSQL copies the same CSV file into a table as it is
//	copy-key  … into one with the sender's identifiers as its primary key, which
//	          is what finds a repetition
//
// Each store is compared with what is known of the answers before it counts.
func BenchmarkImport(b *testing.B) {
	p := episodesOf(b, "LUMBAR_BULK_EPISODES", 2_500_000)
	dir := folder(b)
	file(b, filepath.Join(dir, "episodes.csv"), p.episodeLines)
	size := file(b, filepath.Join(dir, "answers.csv"), p.responseLines(true))
	rates := map[string]float64{}
	b.Run("csv", func(b *testing.B) {
		for b.Loop() {
			rates["csv"] = importAnswers(b, p, dir, "answers.csv", rates)
		}
		b.ReportMetric(float64(size)/1e6, "MB-file")
	})
	b.Run("copy", func(b *testing.B) { copyAnswers(b, p, filepath.Join(dir, "answers.csv"), rates["csv"]) })
	if err := os.Remove(filepath.Join(dir, "answers.csv")); err != nil {
		b.Fatal(err)
	}
	size = file(b, filepath.Join(dir, "answers.arrow"), p.responseTable)
	b.Run("arrow", func(b *testing.B) {
		for b.Loop() {
			importAnswers(b, p, dir, "answers.arrow", rates)
		}
		b.ReportMetric(float64(size)/1e6, "MB-file")
	})
}

// importAnswers imports episodes and answers, checks what is stored and reports
// the rate, which it returns. The first one also measures the prepared files.
func importAnswers(b *testing.B, p population, dir, name string, rates map[string]float64) float64 {
	b.Helper()
	data := filepath.Join(dir, "data-"+name)
	before := load(b, data, filepath.Join(dir, "episodes.csv"))
	before.all(b, p.episodes)
	run := load(b, data, filepath.Join(dir, name))
	run.all(b, p.responses())
	b.ReportMetric(run.rate(), "responses/s")
	b.ReportMetric(before.rate(), "episodes/s")
	b.ReportMetric(float64(max(run.memory, before.memory)), "MB-resident")
	b.ReportMetric(0, "ns/op")
	s := open(b, data)
	s.check(b, p)
	if rates["prepared"] == 0 {
		rates["prepared"] = float64(p.responses()) / s.prepared(b, dir).Seconds()
	}
	b.ReportMetric(rates["prepared"], "prepared/s")
	b.ReportMetric(100*run.rate()/rates["prepared"], "%-of-prepared")
	return run.rate()
}

func copyAnswers(b *testing.B, p population, path string, ours float64) {
	server, ok := startPostgres(b)
	if !ok {
		b.Fatal("not measured: PostgreSQL's COPY, there is no initdb: apt-get install postgresql")
	}
	for b.Loop() {
		plain := float64(p.responses()) / server.copy(b, path, p.responses(), false).Seconds()
		keyed := float64(p.responses()) / server.copy(b, path, p.responses(), true).Seconds()
		b.ReportMetric(plain, "copy-rows/s")
		b.ReportMetric(keyed, "copy-key-rows/s")
		b.ReportMetric(100*ours/plain, "%-of-copy")
		b.ReportMetric(100*ours/keyed, "%-of-copy-key")
		b.ReportMetric(0, "ns/op")
	}
}

// BenchmarkSmallImport imports the same in small and compares outcome with a
// rebuild from the facts, cell by cell.
func BenchmarkSmallImport(b *testing.B) {
	p := population{20_000}
	dir := folder(b)
	data := filepath.Join(dir, "data")
	file(b, filepath.Join(dir, "episodes.csv"), p.episodeLines)
	file(b, filepath.Join(dir, "answers.csv"), p.responseLines(false))
	for b.Loop() {
		load(b, data, filepath.Join(dir, "episodes.csv")).all(b, p.episodes)
		load(b, data, filepath.Join(dir, "answers.csv")).all(b, p.responses())
		if again := load(b, data, filepath.Join(dir, "answers.csv")); again.Duplicate != p.responses() {
			b.Fatalf("%d of %d are duplicates the second time", again.Duplicate, p.responses())
		}
		out, err := exec.CommandContext(b.Context(), program(b), "doctor", "--rebuild-check", "--data", data).CombinedOutput()
		if err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		open(b, data).check(b, p)
		b.ReportMetric(0, "ns/op")
	}
}

// BenchmarkDuplicates imports a file that holds fifty thousand answers and a
// million repetitions of them, and the same file again.
func BenchmarkDuplicates(b *testing.B) {
	p := population{12_500}
	dir := folder(b)
	path, data := filepath.Join(dir, "answers.csv"), filepath.Join(dir, "data")
	file(b, filepath.Join(dir, "episodes.csv"), p.episodeLines)
	file(b, path, p.repeated(1+1_000_000/p.responses()))
	for b.Loop() {
		load(b, data, filepath.Join(dir, "episodes.csv")).all(b, p.episodes)
		first, again := load(b, data, path), load(b, data, path)
		if first.Stored != p.responses() || first.Duplicate != 1_000_000 || again.Duplicate != p.responses()+1_000_000 {
			b.Fatalf("%d stored and %d duplicate, then %d duplicate", first.Stored, first.Duplicate, again.Duplicate)
		}
		b.ReportMetric(first.rate(), "records/s")
		b.ReportMetric(again.rate(), "records/s-again")
		b.ReportMetric(float64(max(first.memory, again.memory)), "MB-resident")
		b.ReportMetric(0, "ns/op")
	}
}

// BenchmarkFHIR imports a file of QuestionnaireResponses of two gigabytes, or of
// as many episodes as LUMBAR_FHIR_EPISODES says, and a tenth of it: what the
// memory of our process does not do is grow with the file.
func BenchmarkFHIR(b *testing.B) {
	p := episodesOf(b, "LUMBAR_FHIR_EPISODES", 500_000)
	dir := folder(b)
	for b.Loop() {
		for _, part := range []struct {
			population
			memory string
		}{{population{max(p.episodes/10, 1)}, "MB-resident-tenth"}, {p, "MB-resident"}} {
			size := file(b, filepath.Join(dir, "answers.ndjson"), part.fhirLines)
			file(b, filepath.Join(dir, "episodes.csv"), part.episodeLines)
			data := filepath.Join(dir, "data")
			load(b, data, filepath.Join(dir, "episodes.csv")).all(b, part.episodes)
			run := load(b, data, filepath.Join(dir, "answers.ndjson"))
			run.all(b, part.responses())
			b.ReportMetric(float64(run.memory), part.memory)
			b.ReportMetric(run.rate(), "responses/s")
			b.ReportMetric(float64(size)/1e6, "MB-file")
			if part.memory == "MB-resident" {
				open(b, data).check(b, part.population)
			} else if err := os.RemoveAll(data); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(0, "ns/op")
	}
}
