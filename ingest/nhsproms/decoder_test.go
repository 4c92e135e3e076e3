package nhsproms_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/lumbar-health/lumbar/ingest"
)

func TestRecord(t *testing.T) {
	w, report, err := load(t, fileOf(hipHeader, hipRow))
	if err != nil || report.Stored != 1 || report.ScoreMismatch != 0 {
		t.Fatalf("report = %+v, %v; want one stored, no mismatch", report, err)
	}
	b := w.batches[0]
	for _, want := range []struct {
		name  string
		value string
	}{
		{"status", "1"}, {"source", "nhs-proms"}, {"source_id", ""}, {"programme", "nhs-proms"},
		{"referred_on", "2016-04-01"}, {"first_contact_on", "(null)"}, {"procedure", "hip_primary"}, {"provider", "RTR"},
		{"sex", "1"}, {"age", "0"}, {"age_band", "70 to 79"},
		{"assisted", "0"}, {"symptom_period", "2"}, {"previous_surgery", "1"}, {"living", "1"}, {"disability", "(null)"},
		{"heart_disease", "1"}, {"high_bp", "0"}, {"arthritis", "1"}, {"received_at", "2026-05-01 09:00:00Z"},
	} {
		if got := cells(b.Episode, want.name); len(got) != 1 || got[0] != want.value {
			t.Errorf("episode.%s = %v, want %s", want.name, got, want.value)
		}
	}
	for _, want := range []struct {
		name  string
		value []string
	}{
		{"instrument", []string{"eq5d3l", "eqvas", "ohs", "eq5d3l", "eqvas", "ohs"}},
		{"timepoint", []string{"baseline", "baseline", "baseline", "6m", "6m", "6m"}},
		{"answered_on", []string{"2016-04-01", "2016-04-01", "2016-04-01", "2016-10-01", "2016-10-01", "2016-10-01"}},
		{"answered_precision", slices.Repeat([]string{"4"}, 6)},
		{"status", slices.Repeat([]string{"3"}, 6)},
		{"reported_by", slices.Repeat([]string{"1"}, 6)},
		// pain, washing, transport, dressing, shopping, walking, stairs,
		// standing, limping, sudden pain, work, night pain
		{"codes", []string{"[2,1,2,3,1]", "[30]", "[0,3,4,0,1,2,4,0,3,1,1,2]", "[1,1,2,1,1]", "[80]", "[4,4,3,3,4,4,4,4,4,4,4,4]"}},
		{"supplied_score", []string{"0.159", "(null)", "21", "0.883", "(null)", "46"}},
		{"predicted", []string{"(null)", "(null)", "(null)", "0.71", "65.5", "35.25"}},
		{"ticks", slices.Repeat([]string{"[]"}, 6)},
	} {
		if got := cells(b.Response, want.name); !slices.Equal(got, want.value) {
			t.Errorf("response.%s = %v, want %v", want.name, got, want.value)
		}
	}
	for _, want := range []struct {
		name  string
		value []string
	}{
		{"score", []string{"eq5d3l", "eqvas", "ohs", "eq5d3l", "eqvas", "ohs"}},
		{"value_set", []string{"uk3l_mvh_a1", "", "", "uk3l_mvh_a1", "", ""}},
		{"units", []string{"159", "30", "1155", "883", "80", "2530"}},
		{"unit", []string{"1000", "1", "55", "1000", "1", "55"}},
		{"value", slices.Repeat([]string{"(null)"}, 6)},
		{"predicted", []string{"(null)", "(null)", "(null)", "0.71", "65.5", "35.25"}},
		{"status", slices.Repeat([]string{"1"}, 6)},
		{"flags", slices.Repeat([]string{"[]"}, 6)},
	} {
		if got := cells(b.Score, want.name); !slices.Equal(got, want.value) {
			t.Errorf("score.%s = %v, want %v", want.name, got, want.value)
		}
	}
	if len(b.Touched) != 1 {
		t.Errorf("%d patients touched, want 1", len(b.Touched))
	}
}

// TestNoAnswersNoResponse: a questionnaire without one answer was not given.
func TestNoAnswersNoResponse(t *testing.T) {
	w, report, err := load(t, fileOf(kneeHeader, kneeRow))
	if err != nil || report.Stored != 1 {
		t.Fatalf("report = %+v, %v; want one stored", report, err)
	}
	b := w.batches[0]
	if got, want := cells(b.Response, "instrument"), []string{"eq5d3l", "eqvas", "oks"}; !slices.Equal(got, want) {
		t.Errorf("instruments = %v, want %v, all after", got, want)
	}
	if got := cells(b.Episode, "procedure")[0]; got != "knee_revision" {
		t.Errorf("procedure = %s, want knee_revision", got)
	}
	for _, name := range []string{"age_band"} {
		if got := cells(b.Episode, name)[0]; got != "" {
			t.Errorf("%s = %q, want none: it is withheld", name, got)
		}
	}
	for _, name := range []string{"assisted", "symptom_period", "living"} {
		if got := cells(b.Episode, name)[0]; got != "(null)" {
			t.Errorf("%s = %s, want null: 9 is missing", name, got)
		}
	}
}

// TestMissingItems: no published record lacks one or two Oxford items, so the
// rule is tested here.
func TestMissingItems(t *testing.T) {
	const pain, work, stairs = "Hip Replacement Post-Op Q Pain", "Hip Replacement Post-Op Q Work", "Hip Replacement Post-Op Q Stairs"
	for _, c := range []struct {
		change []string
		units  string // of 55 a point
		status string
	}{
		{nil, "2530", "1"},
		{[]string{pain, "9"}, "2520", "2"},            // 42·12/11
		{[]string{pain, "9", work, "9"}, "2508", "2"}, // 38·12/10
		{[]string{pain, "9", work, "9", stairs, "9"}, "(null)", "4"},
	} {
		row := edit(hipHeader, hipRow, append(c.change, "Hip Replacement Post-Op Q Score", "")...)
		w, _, err := load(t, fileOf(hipHeader, row))
		if err != nil {
			t.Fatal(err)
		}
		b := w.batches[0]
		if got, status := cells(b.Score, "units")[5], cells(b.Score, "status")[5]; got != c.units || status != c.status {
			t.Errorf("%v missing: units %s status %s, want %s and %s", c.change, got, status, c.units, c.status)
		}
	}
}

func TestScoreMismatchIsCounted(t *testing.T) {
	row := edit(hipHeader, hipRow, "Hip Replacement Post-Op Q Score", "45")
	w, report, err := load(t, fileOf(hipHeader, row))
	if err != nil || report.ScoreMismatch != 1 {
		t.Errorf("report = %+v, %v; want one mismatch", report, err)
	}
	if got := cells(w.batches[0].Score, "units")[5]; got != "2530" {
		t.Errorf("units = %s, want ours, 2530", got)
	}
	if got := cells(w.batches[0].Score, "flags"); got[5] != `["supplied_score_differs"]` || got[3] != "[]" {
		t.Errorf("flags = %s, want the mismatch on its own score", got)
	}
}

func TestRejections(t *testing.T) {
	for _, c := range []struct{ column, value, rule string }{
		{"Provider Code", "", "not_allowed"},
		{"Provider Code", "rtr", "not_allowed"},
		{"Provider Code", "TOOLONG", "not_allowed"},
		{"Procedure", "Knee Replacement", "not_allowed"},
		{"Procedure", "", "not_allowed"},
		{"Revision Flag", "2", "out_of_range"},
		{"Year", "2016", "not_allowed"},
		{"Year", "2016/18", "not_allowed"},
		{"Year", "1916/17", "not_allowed"},
		{"Gender", "3", "out_of_range"},
		{"Pre-Op Q Assisted", "3", "out_of_range"},
		{"Pre-Op Q Symptom Period", "5", "out_of_range"},
		{"Heart Disease", "2", "out_of_range"},
		{"Pre-Op Q Mobility", "4", "out_of_range"},
		{"Pre-Op Q Mobility", "0", "out_of_range"},
		{"Pre-Op Q Mobility", "", "out_of_range"},
		{"Pre-Op Q Mobility", "2.0", "out_of_range"},
		{"Post-Op Q EQ VAS", "101", "out_of_range"},
		{"Post-Op Q EQ VAS", "-1", "out_of_range"},
		{"Hip Replacement Pre-Op Q Pain", "5", "out_of_range"},
		{"Hip Replacement Pre-Op Q Score", "x", "type"},
		{"Hip Replacement OHS Post-Op Q Predicted", "NaN", "out_of_range"},
		{"Hip Replacement OHS Post-Op Q Predicted", "x", "type"},
	} {
		rows := []string{hipHeader, hipRow, edit(hipHeader, hipRow, c.column, c.value), edit(hipHeader, hipRow, "Gender", "1")}
		_, report, err := load(t, fileOf(rows...))
		if err != nil || report.Read != 3 || report.Stored != 2 || report.Rejected != 1 {
			t.Errorf("%s: report = %+v, %v; want 3 read, 2 stored, 1 rejected", c.column, report, err)
			continue
		}
		got := report.Rejections[0]
		if got.Line != 3 || got.Rule != c.rule || got.Source != "file.csv" || got.Field != c.column && c.value != "NaN" {
			t.Errorf("rejection = %+v, want line 3, %s, %s", got, c.column, c.rule)
		}
		if strings.Contains(got.Error(), c.value) && len(c.value) > 2 {
			t.Errorf("%v holds the value", got)
		}
	}
}

func TestRejectedLines(t *testing.T) {
	for name, c := range map[string]struct{ line, rule string }{
		"short":    {"RTR,Hip Replacement,0", "columns"},
		"long":     {hipRow + ",1", "columns"},
		"quote":    {`"` + hipRow, "malformed"},
		"encoding": {strings.Replace(hipRow, "70 to 79", "70\xff79", 1), "encoding"},
		"enormous": {strings.Repeat("x", 1<<20), "malformed"},
	} {
		w, report, err := load(t, fileOf(hipHeader, c.line, hipRow))
		if err != nil || report.Stored != 1 || report.Rules[c.rule] != 1 {
			t.Errorf("%s: report = %+v, %v; want one stored and one %s", name, report, err, c.rule)
		}
		if len(w.refused) != 1 || w.refused[0].Line != 2 || w.refused[0].Reasons[0].Rule != c.rule {
			t.Errorf("%s: %+v is held, want the line", name, w.refused)
			continue
		}
		if name == "enormous" {
			if kept := w.refused[0]; len(kept.Sealed) > 0 || !slices.Contains(kept.Flags, ingest.FlagBodyNotKept) {
				t.Errorf("%s: %d bytes are held, flags %v; want none", name, len(kept.Sealed), kept.Flags)
			}
			continue
		}
		body, err := ingest.OpenBody(testKey, w.refused[0].ID, w.refused[0].Sealed)
		if err != nil || string(body) != hipHeader+"\n"+c.line+"\n" {
			t.Errorf("%s: %.200s is held, %v; want header and line", name, body, err)
		}
	}
}

func TestRefusedFiles(t *testing.T) {
	whole := packed(t, fileOf(hipHeader, hipRow, hipRow))
	damaged := slices.Clone(whole)
	damaged[len(damaged)/2] ^= 0x40
	for name, c := range map[string]struct {
		text []byte
		want string
	}{
		"empty":          {nil, "is empty"},
		"binary":         {bytes.Repeat([]byte{0, 1, 2, 0xff}, 9000), "has none of the known formats"},
		"prose":          {[]byte("to whom it may concern\n"), "has none of the known formats"},
		"results table":  {fileOf("Organisation Code,Measure,Adjusted Average Health Gain", "RTR,OHS,21.2"), "has none of the known formats"},
		"column lost":    {fileOf(strings.Replace(hipHeader, "Heart Disease,", "", 1), hipRow), "lacks the column"},
		"column twice":   {fileOf(strings.Replace(hipHeader, "High Bp", "Heart Disease", 1), hipRow), "twice"},
		"cut gzip":       {whole[:len(whole)-9], "is cut short or damaged (gzip)"},
		"cut gzip early": {whole[:40], "is cut short or damaged (gzip)"},
		"damaged gzip":   {damaged, "is cut short or damaged (gzip)"},
	} {
		w, report, err := load(t, c.text)
		var refused *ingest.FileError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error = %v, want one line with %q", name, err, c.want)
		}
		if len(w.batches) > 0 || report.Stored > 0 {
			t.Errorf("%s: something was stored", name)
		}
	}
}

func TestFormatByName(t *testing.T) {
	w := &recorder{}
	_, err := pipeline(w).Import(context.Background(), source("file.csv", []byte("a,b\n1,2\n")), ingest.ImportOptions{Format: "nhs-proms"}, nil)
	if err == nil || !strings.Contains(err.Error(), "predicted Oxford scores") {
		t.Errorf("error = %v, want what is missing", err)
	}
	_, err = pipeline(w).Import(context.Background(), source("file.csv", nil), ingest.ImportOptions{Format: "xls"}, nil)
	if err == nil || !strings.Contains(err.Error(), "use one of nhs-proms") {
		t.Errorf("error = %v, want the known formats", err)
	}
}

// TestIdentity: neither the order of rows and columns, nor the spelling of
// headers, nor quotation, nor compression make another record; two equal lines
// are two people.
func TestIdentity(t *testing.T) {
	second := edit(hipHeader, hipRow, "Gender", "1")
	want := ids(t, fileOf(hipHeader, hipRow, second, hipRow))
	if len(want) != 18 {
		t.Fatalf("%d different responses, want 18", len(want))
	}
	spelt := strings.NewReplacer("EQ5D", "EQ 5D", "EQ VAS Post", "EQ VAS_Post", "Sucess", "Success", "Provider Code", " provider CODE").Replace(hipHeader)
	for name, text := range map[string][]byte{
		"rows":     fileOf(hipHeader, hipRow, hipRow, second),
		"headers":  fileOf("\xef\xbb\xbf"+spelt, hipRow, second, hipRow),
		"columns":  fileOf(reversed(hipHeader), reversed(second), reversed(hipRow), reversed(hipRow)),
		"quoted":   fileOf(quoted(hipHeader), quoted(hipRow), second, hipRow),
		"newlines": bytes.ReplaceAll(fileOf(hipHeader, "", hipRow, second, hipRow), []byte("\r\n"), []byte("\n")),
		"gzip":     packed(t, fileOf(hipHeader, hipRow, second, hipRow)),
		"zstd":     packedZstd(t, fileOf(hipHeader, hipRow, second, hipRow)),
	} {
		if got := ids(t, text); !slices.Equal(got, want) {
			t.Errorf("%s: other ids", name)
		}
	}
	if got := ids(t, fileOf(hipHeader, edit(hipHeader, hipRow, "Post-Op Q Satisfaction", "3"), second, hipRow)); slices.Equal(got, want) {
		t.Error("another answer in a column that is not stored made no other record")
	}
}

// ids returns the identity of every response and episode, sorted.
func ids(t *testing.T, text []byte) []string {
	t.Helper()
	w, report, err := load(t, text)
	if err != nil || report.Rejected > 0 {
		t.Fatalf("report = %+v, %v", report, err)
	}
	var out []string
	for _, b := range w.batches {
		patients, responses, versions := cells(b.Response, "patient_id"), cells(b.Response, "response_id"), cells(b.Response, "version")
		episodes := cells(b.Response, "episode_id")
		for i := range responses {
			out = append(out, fmt.Sprint(patients[i], responses[i], versions[i], episodes[i]))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func reversed(line string) string {
	cells := strings.Split(line, ",")
	slices.Reverse(cells)
	return strings.Join(cells, ",")
}

func quoted(line string) string { return `"` + strings.ReplaceAll(line, ",", `","`) + `"` }

func packed(t *testing.T, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func packedZstd(t *testing.T, text []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(text, nil)
}

func FuzzDecoder(f *testing.F) {
	f.Add(fileOf(hipHeader, hipRow))
	f.Add(fileOf(kneeHeader, kneeRow, "", `"`+kneeRow))
	f.Add(fileOf(quoted(hipHeader), hipRow, "a,b"))
	f.Add([]byte("\xef\xbb\xbfProvider Code,Hip Replacement OHS Post-Op Q Predicted\n,\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		w, report, err := load(t, text)
		if err != nil && report.Stored > 0 {
			t.Errorf("%d stored of a file refused with %v", report.Stored, err)
		}
		for _, b := range w.batches {
			if b.Response == nil {
				continue
			}
			for i, units := range cells(b.Score, "units") {
				if status := cells(b.Score, "status")[i]; (status == "1" || status == "2") == (units == "(null)") {
					t.Errorf("a score of status %s has units %s", status, units)
				}
			}
		}
	})
}
