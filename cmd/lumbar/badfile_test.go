package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/lumbar-health/lumbar/ingest"
)

// refused holds that a command ends with the code and one line that has the
// words, among them what to do.
func refused(t *testing.T, r result, code int, words ...string) {
	t.Helper()
	if r.code != code || strings.Count(r.err, "\n") != 1 || !strings.HasPrefix(r.err, "lumbar: ") {
		t.Errorf("exit %d, want %d, and one line: %q", r.code, code, r.err)
	}
	for _, w := range words {
		if !strings.Contains(r.err, w) {
			t.Errorf("%q does not say %q", r.err, w)
		}
	}
}

// TestFilesThatCanNotBeRead holds that a file that is broken or something else
// is refused as a whole: one line that says what to do, and nothing stored. The
// owner of the data directory and a command beside it say the same.
func TestFilesThatCanNotBeRead(t *testing.T) {
	in, dir := newInstallation(t), simulatedFiles(t, 60, 5)
	h := in.hold(t)
	at := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		save(t, path, text)
		return path
	}
	hip, err := os.ReadFile(filepath.Join(dir, "hip-provider-simulated.csv"))
	if err != nil {
		t.Fatal(err)
	}
	responses, err := os.ReadFile(filepath.Join(dir, "responses.arrow"))
	if err != nil {
		t.Fatal(err)
	}
	zipped := gzipped(t, hip)
	for _, c := range []struct {
		args  []string
		words []string
	}{
		{[]string{at("cut.csv.gz", zipped[:len(zipped)/2])}, []string{"cut.csv.gz", "cut short or damaged", "nothing of it was stored"}},
		{[]string{at("cut.zst", zstandard(t, hip)[:200])}, []string{"cut.zst", "cut short or damaged"}},
		{[]string{at("cut.arrow", responses[:len(responses)/2])}, []string{"cut.arrow", "cut short or damaged"}},
		{[]string{at("lacking.csv", []byte(strings.ReplaceAll(string(hip), "Arthritis", "Arthrosis")))}, []string{"lacking.csv", "arthritis", "give the record-level file"}},
		{[]string{"--format", "nhs-proms", at("table.csv", []byte("Organisation Code,Measure\nRTR,EQ VAS\n"))}, []string{"table.csv", "give the record-level"}},
		{[]string{at("other.csv", []byte("a,b\n1,2\n"))}, []string{"other.csv", "nhs-proms, arrow, fhir, ndjson, parquet, csv"}},
		{[]string{at("letter.docx", []byte("PK\x03\x04 this is no table"))}, []string{"letter.docx", "name the format"}},
		{[]string{"--format", "nhs-proms", at("noise", []byte{0xff, 0xfe, 0, 1, 2})}, []string{"noise", "is not a CSV file"}},
		{[]string{at("cut.json", []byte("["+oneAnswer+","+oneAnswer[:60]))}, []string{"cut.json", "cut short", "nothing of it was stored"}},
		{[]string{at("empty.csv", nil)}, []string{"empty.csv", "empty"}},
		{[]string{filepath.Join(dir, "nowhere.csv")}, []string{"nowhere.csv", "check the path"}},
		{[]string{t.TempDir()}, []string{"no file to import"}},
	} {
		args := append([]string{"import"}, c.args...)
		refused(t, in.run(t, args...), 1, c.words...)
		cmd := newImportCommand(func(*cobra.Command) (importTarget, func() error, error) {
			return localImporter{h.pipeline}, func() error { return nil }, nil
		})
		cmd.SetArgs(c.args)
		cmd.SetOut(io.Discard)
		cmd.SetErr(io.Discard)
		cmd.SilenceErrors, cmd.SilenceUsage = true, true
		err := cmd.ExecuteContext(t.Context())
		if err == nil || in.run(t, args...).err != "lumbar: "+oneLine(err)+"\n" {
			t.Errorf("import %v: the owner says %v", c.args, err)
		}
	}
	// A format that there is none of is a mistake in the call, told before any file
	// or data directory is opened.
	refused(t, in.run(t, "import", "--format", "xlsx", at("whole.csv", hip)), 2, "xlsx", "nhs-proms, arrow, fhir, ndjson, parquet, csv")
	if v, err := h.desk.DataVersion(t.Context()); v != 0 || err != nil {
		t.Errorf("something was stored: data version %d, %v", v, err)
	}
}

// TestRowsThatCanNotBeRead holds that a row that breaks a rule is told by line,
// field and rule, without its value, and that the others are stored.
func TestRowsThatCanNotBeRead(t *testing.T) {
	in, dir := newInstallation(t), simulatedFiles(t, 60, 5)
	in.hold(t)
	text, err := os.ReadFile(filepath.Join(dir, "hip-provider-simulated.csv"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\r\n")
	lines[1] = changed(t, lines[0], lines[1], "Pre-Op Q Mobility", "4321")
	lines[2] = changed(t, lines[0], lines[2], "Post-Op Q EQ VAS", "101")
	lines[3] += ",further"
	path := filepath.Join(dir, "hip-changed.csv")
	save(t, path, []byte(strings.Join(lines, "\r\n")+"\r\n"))
	got := in.imported(t, 0, path)
	if got.Rejected != 3 || got.Stored != len(lines)-4 {
		t.Errorf("%d rejected and %d stored of %d", got.Rejected, got.Stored, len(lines)-1)
	}
	want := []ingest.RowError{
		{Source: "hip-changed.csv", Line: 2, Field: "Pre-Op Q Mobility", Rule: ingest.RuleOutOfRange},
		{Source: "hip-changed.csv", Line: 3, Field: "Post-Op Q EQ VAS", Rule: ingest.RuleOutOfRange},
		{Source: "hip-changed.csv", Line: 4, Field: "line", Rule: ingest.RuleColumns},
	}
	if len(got.Rejections) != len(want) {
		t.Fatalf("rejections %+v, want %+v", got.Rejections, want)
	}
	for i, r := range got.Rejections {
		if r != want[i] {
			t.Errorf("rejection %+v, want %+v", r, want[i])
		}
	}
	r := in.run(t, "import", "--strict", path)
	for _, w := range want {
		if !strings.Contains(r.out, w.Error()) {
			t.Errorf("the report does not say %q:\n%s", w.Error(), r.out)
		}
	}
	if r.code != 1 || strings.Contains(r.out+r.err, "4321") {
		t.Errorf("--strict: exit %d, %s%s", r.code, r.out, r.err)
	}
}

// changed returns a CSV row with another value in the column.
func changed(t *testing.T, header, row, column, value string) string {
	t.Helper()
	names, cells := strings.Split(header, ","), strings.Split(row, ",")
	for i, n := range names {
		if n == column {
			cells[i] = value
			return strings.Join(cells, ",")
		}
	}
	t.Fatalf("no column %s", column)
	return ""
}
