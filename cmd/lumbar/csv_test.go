package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestImportWithMapping: the mapping that docs/csv.md shows reads a clinic's
// file through the program; a dry run says line by line what would be refused
// and stores nothing.
func TestImportWithMapping(t *testing.T) {
	in := newInstallation(t)
	dir := t.TempDir()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "csv.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, mapping, _ := strings.Cut(string(page), "```yaml\n")
	mapping, _, _ = strings.Cut(mapping, "```")
	key, m, file := filepath.Join(dir, "key"), filepath.Join(dir, "clinic.yaml"), filepath.Join(dir, "clinic.csv")
	save(t, key, []byte(strings.Repeat("k", 64)))
	save(t, m, []byte(mapping))
	none := strings.Repeat(",", 10)
	save(t, file, []byte("NHS no,surname,referral id,referred,gender,base date,b_odi_1,b_odi_2,b_odi_3,b_odi_4,b_odi_5,b_odi_6,b_odi_7,b_odi_8,b_odi_9,b_odi_10,"+
		"fu date,f_odi_1,f_odi_2,f_odi_3,f_odi_4,f_odi_5,f_odi_6,f_odi_7,f_odi_8,f_odi_9,f_odi_10,free text\n"+
		"943 476 5919,M\xfcller,e-1,02/04/2025,F,03/04/2025,3,3,3,9,3,3,3,3,3,3,01/04/2026,1,1,1,1,1,1,1,1,1,98,\n"+
		"9449304130,Smith,e-2,02/04/2025,M,03/04/2025,3,3,3,3,3,3,3,3,3,7,NULL"+none+",\n"+
		"9449305552,Jones,e-3,02.04.2025,M,03/04/2025,3,3,3,3,3,3,3,3,3,3,"+none+",\n"))
	t.Setenv("LUMBAR_PSEUDONYM_KEY_FILE", key)
	for i, want := range []struct {
		args                                  []string
		read, stored, duplicate, rejectedRows int
	}{{[]string{"--dry-run"}, 3, 1, 0, 2}, {nil, 3, 1, 0, 2}, {nil, 3, 0, 1, 2}} {
		r := in.imported(t, 0, append(want.args, "--mapping", m, file)...)
		if r.Read != want.read || r.Stored != want.stored || r.Duplicate != want.duplicate || r.Rejected != want.rejectedRows || r.Files[0].Format != "csv" {
			t.Fatalf("import %d: %+v", i+1, r.Report)
		}
		for line, field := range map[int]string{3: "odi.10", 4: "episode.referred_on"} {
			if got := r.Rejections[line-3]; got.Line != line || got.Field != field {
				t.Errorf("import %d: rejection %+v, want line %d, %s", i+1, got, line, field)
			}
		}
	}
	in.holdsODI(t, 1, 40, 0)

	save(t, m, []byte(strings.Replace(mapping, "instrument:", "instrumnt:", 1)))
	refused(t, in.run(t, "import", "--mapping", m, file), 1, "clinic.yaml", `row "baseline"`, "did you mean instrument?")
	refused(t, in.run(t, "import", "--mapping", filepath.Join(dir, "none.yaml"), file), 1, "none.yaml", "check the path")
	save(t, m, []byte(mapping))
	refused(t, in.run(t, "import", "--mapping", m, "--format", "ndjson", file), 1, "format csv only", "--mapping")
	save(t, file, []byte("patient_nhs_numbr,instrument,answered_at,item_1\n"))
	refused(t, in.run(t, "import", file), 1, "clinic.csv", `"patient_nhs_numbr" (did you mean patient_nhs_number?)`)
}
