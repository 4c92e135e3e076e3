package http_test

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/ingest"
	ihttp "github.com/lumbar-health/lumbar/ingest/http"
	"github.com/lumbar-health/lumbar/simulate"
)

// TestSimulatedParquet: the simulator's Parquet files are stored as the same
// rows as its Arrow files, and each is a duplicate of the other.
func TestSimulatedParquet(t *testing.T) {
	in := install(t)
	reports := map[simulate.Format]map[string]ingest.Report{}
	for _, format := range []simulate.Format{simulate.Parquet, simulate.Arrow} {
		dir := t.TempDir()
		if _, err := simulate.Write(context.Background(), dir, simulate.Options{Patients: 200, Seed: 11, Format: format}); err != nil {
			t.Fatal(err)
		}
		reports[format] = map[string]ingest.Report{}
		for _, table := range []string{"episodes", "responses"} {
			src, err := ingest.File(filepath.Join(dir, table+"."+string(format)))
			if err != nil {
				t.Fatal(err)
			}
			if format == simulate.Parquet && table == "responses" {
				src = gzipped(t, src)
			}
			reports[format][table] = in.load(src, ingest.ImportOptions{})
		}
	}
	for _, table := range []string{"episodes", "responses"} {
		first, second := reports[simulate.Parquet][table], reports[simulate.Arrow][table]
		if first.Format != "parquet" || first.Stored == 0 || first.Rejected > 0 || second.Read != first.Read || second.Duplicate != second.Read {
			t.Errorf("%s: as Parquet %+v, then as Arrow %+v; want all stored, then all duplicate", table, first, second)
		}
	}
	stored := reports[simulate.Parquet]["responses"].Rows[ingest.Responses]
	if got := in.count("SELECT count() FROM response"); got != uint64(stored) {
		t.Errorf("%d responses in the table, %d in the report", got, stored)
	}
}

const clinicMapping = `mapping: clinic
dates: [DD/MM/YYYY]
rows:
  - name: episode
    kind: episode
    fields: {patient_nhs_number: nhs, episode: ref, referred_on: referred}
  - name: before
    only_if: [d0]
    fields: {patient_nhs_number: nhs, episode: ref, instrument: {value: odi}, answered_at: d0, id_system: {value: "urn:clinic"}, id_value: {column: ref, suffix: /0}}
    items: [{columns: ["a{1..10}"], codes: {1: 0, 2: 1, 3: 2, 4: 3, 5: 4, 6: 5}, missing: [9]}]
  - name: after
    only_if: [d1]
    fields: {patient_nhs_number: nhs, episode: ref, instrument: {value: odi}, timepoint: {value: 12m}, answered_at: d1, id_system: {value: "urn:clinic"}, id_value: {column: ref, suffix: /1}}
    items: [{columns: ["b{1..10}"], codes: {1: 0, 2: 1, 3: 2, 4: 3, 5: 4, 6: 5}, missing: [9]}]
`

// clinicHead is the header that clinicMapping is for.
func clinicHead() string {
	head := "nhs,ref,referred,d0"
	for _, prefix := range []string{"a", "b"} {
		if prefix == "b" {
			head += ",d1"
		}
		for i := range 10 {
			head += fmt.Sprint(",", prefix, i+1)
		}
	}
	return head + "\n"
}

// TestMappedImport: a clinic's file with a mapping, through the owner: what a
// dry run says is what is stored; the follow-up that a later copy of the file
// has is added, and the episode and baseline of before are not stored anew.
func TestMappedImport(t *testing.T) {
	in := install(t)
	client, _ := in.own()
	const later = ",,,,,,,,,,"
	first := clinicHead() +
		"9990000018,e1,02/04/2025,03/04/2025,3,3,3,9,3,3,3,3,3,3," + later + "\n" +
		"9990000026,e2,02/04/2025,03/04/2025,3,3,3,3,3,3,3,3,3,7," + later + "\n" +
		"9990000019,e3,02/04/2025,03/04/2025,3,3,3,3,3,3,3,3,3,3," + later + "\n"
	second := strings.Replace(first, "3,"+later, "3,01/04/2026,1,1,1,1,1,1,1,1,1,1", 1)
	load := func(text string, dry bool) ingest.Report {
		t.Helper()
		r, err := client.Import(context.Background(), writeFile(t, "clinic.csv", text), ingest.ImportOptions{DryRun: dry, Mapping: []byte(clinicMapping)}, nil)
		if err != nil || r.Format != "csv" || !r.Reconciles() {
			t.Fatalf("%+v, %v", r, err)
		}
		return r
	}
	for i, c := range []struct {
		text                        string
		stored, duplicate, rejected int
		responses                   uint64
	}{{first, 1, 0, 2, 1}, {first, 0, 1, 2, 1}, {second, 1, 0, 2, 2}, {second, 0, 1, 2, 2}} {
		dry := load(c.text, true)
		r := load(c.text, false)
		if r.Stored != c.stored || r.Duplicate != c.duplicate || r.Rejected != c.rejected || dry.Stored != r.Stored || len(dry.Rejections) != len(r.Rejections) {
			t.Errorf("import %d: %+v, dry %+v", i+1, r, dry)
		}
		if got := in.count("SELECT uniqExact(patient_id, response_id, version) FROM response"); got != c.responses {
			t.Errorf("import %d: %d responses, want %d", i+1, got, c.responses)
		}
	}
	if got := in.count("SELECT count() FROM outcome FINAL WHERE live = 1 AND odi_baseline = 40 * 18 AND odi_12m = 0"); got != 1 {
		t.Errorf("%d episodes have ODI 40 before and 0 after, want 1", got)
	}
	want := map[string]string{"odi.10": "code_not_integer", "episode.patient.nhs_number": "nhs_number"}
	for _, rejected := range load(second, true).Rejections {
		if want[rejected.Field] != rejected.Rule {
			t.Errorf("rejection %+v", rejected)
		}
	}
	if _, err := client.Import(context.Background(), writeFile(t, "x.ndjson", "{}"), ingest.ImportOptions{Format: "ndjson", Mapping: []byte(clinicMapping)}, nil); err == nil || !strings.Contains(err.Error(), "format csv") {
		t.Errorf("a mapping for another format: %v", err)
	}
}

// TestMappingBeforeTheFile: a mapping that is too long, or cut short on its way
// to the owner, is refused and nothing of the file is read.
func TestMappingBeforeTheFile(t *testing.T) {
	in := install(t)
	client, _ := in.own()
	for _, size := range []string{"x", "-1", fmt.Sprint(ingest.MaxMapping + 1), "100"} {
		req, err := http.NewRequest(http.MethodPost, client.URL+ihttp.ImportPath+"?mapping_bytes="+size, strings.NewReader("mapping: x"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+client.Token)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusBadRequest {
			t.Errorf("a mapping of %s bytes: %s, want 400", size, res.Status)
		}
	}
}

// TestRowsThatShareAnEpisode: lines that repeat their episode bring each its
// own answers, in whatever batches they come.
func TestRowsThatShareAnEpisode(t *testing.T) {
	mapping := `mapping: visits
rows:
  - name: episode
    kind: episode
    fields: {patient_nhs_number: nhs, episode: ref, referred_on: referred}
  - name: visit
    fields: {patient_nhs_number: nhs, episode: ref, instrument: {value: nrs_back}, answered_at: day, id_system: {value: v}, id_value: id}
    items: [{columns: [pain]}]
`
	var file strings.Builder
	file.WriteString("nhs,ref,referred,id,day,pain\n")
	for i := range 6 {
		fmt.Fprintf(&file, "9990000018,e1,2025-04-02,v%d,2025-04-%02d,%d\n", i, i+3, i)
	}
	file.WriteString("9990000018,e1,2025-04-02,v0,2025-04-03,0\n")
	for _, batch := range []int{1, 4, 0} {
		in := install(t)
		in.options.BatchRows, in.options.Metrics = batch, nil
		in.pipeline = ingest.New(in.writer, in.options)
		r := in.load(text("visits.csv", []byte(file.String())), ingest.ImportOptions{Mapping: []byte(mapping)})
		if r.Stored != 6 || r.Duplicate != 1 {
			t.Errorf("batches of %d: %+v, want 6 stored and the repeated line duplicate", batch, r)
		}
		if got := in.count("SELECT uniqExact(response_id) FROM response"); got != 6 {
			t.Errorf("batches of %d: %d responses, want 6", batch, got)
		}
	}
}

// TestItemsAsCSV: a table in the project's own names is the same records as
// its rows in JSON.
func TestItemsAsCSV(t *testing.T) {
	in := install(t)
	table := "id_system,id_value,patient_pseudonym,instrument,answered_at,item_1\nurn:t,r1," + ann + ",nrs_back,2026-04-01T09:00:00Z,7\n"
	line := `{"id":{"system":"urn:t","value":"r1"},"patient":{"pseudonym":"` + ann + `"},"instrument":"nrs_back","answered_at":"2026-04-01T09:00:00Z","answers":[7]}`
	if r := in.load(text("a.csv", []byte(table)), ingest.ImportOptions{}); r.Stored != 1 || r.Format != "csv" {
		t.Errorf("as CSV %+v", r)
	}
	if r := in.load(text("a.ndjson", []byte(line)), ingest.ImportOptions{}); r.Duplicate != 1 {
		t.Errorf("as JSON %+v, want a duplicate", r)
	}
}
