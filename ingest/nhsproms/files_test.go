package nhsproms_test

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/nhsproms"
	"github.com/lumbar-health/lumbar/programme"
)

// Headers as published.
const (
	hipHeader  = "Provider Code,Procedure,Revision Flag,Year,Age Band,Gender,Pre-Op Q Assisted,Pre-Op Q Assisted By,Pre-Op Q Symptom Period,Pre-Op Q Previous Surgery,Pre-Op Q Living Arrangements,Pre-Op Q Disability,Heart Disease,High Bp,Stroke,Circulation,Lung Disease,Diabetes,Kidney Disease,Nervous System,Liver Disease,Cancer,Depression,Arthritis,Pre-Op Q Mobility,Pre-Op Q Self-Care,Pre-Op Q Activity,Pre-Op Q Discomfort,Pre-Op Q Anxiety,Pre-Op Q EQ5D Index Profile,Pre-Op Q EQ5D Index,Post-Op Q Assisted,Post-Op Q Assisted By,Post-Op Q Living Arrangements,Post-Op Q Disability,Post-Op Q Mobility,Post-Op Q Self-Care,Post-Op Q Activity,Post-Op Q Discomfort,Post-Op Q Anxiety,Post-Op Q Satisfaction,Post-Op Q Sucess,Post-Op Q Allergy,Post-Op Q Bleeding,Post-Op Q Wound,Post-Op Q Urine,Post-Op Q Further Surgery,Post-Op Q Readmitted,Post-Op Q EQ5D Index Profile,Post-Op Q EQ5D Index,Hip Replacement EQ5D Index Post-Op Q Predicted,Pre-Op Q EQ VAS,Post-Op Q EQ VAS,Hip Replacement EQ VAS Post-Op Q Predicted,Hip Replacement Pre-Op Q Pain,Hip Replacement Pre-Op Q Sudden Pain,Hip Replacement Pre-Op Q Night Pain,Hip Replacement Pre-Op Q Washing,Hip Replacement Pre-Op Q Transport,Hip Replacement Pre-Op Q Dressing,Hip Replacement Pre-Op Q Shopping,Hip Replacement Pre-Op Q Walking,Hip Replacement Pre-Op Q Limping,Hip Replacement Pre-Op Q Stairs,Hip Replacement Pre-Op Q Standing,Hip Replacement Pre-Op Q Work,Hip Replacement Pre-Op Q Score,Hip Replacement Post-Op Q Pain,Hip Replacement Post-Op Q Sudden Pain,Hip Replacement Post-Op Q Night Pain,Hip Replacement Post-Op Q Washing,Hip Replacement Post-Op Q Transport,Hip Replacement Post-Op Q Dressing,Hip Replacement Post-Op Q Shopping,Hip Replacement Post-Op Q Walking,Hip Replacement Post-Op Q Limping,Hip Replacement Post-Op Q Stairs,Hip Replacement Post-Op Q Standing,Hip Replacement Post-Op Q Work,Hip Replacement Post-Op Q Score,Hip Replacement OHS Post-Op Q Predicted"
	kneeHeader = "Provider Code,Procedure,Revision Flag,Year,Age Band,Gender,Pre-Op Q Assisted,Pre-Op Q Assisted By,Pre-Op Q Symptom Period,Pre-Op Q Previous Surgery,Pre-Op Q Living Arrangements,Pre-Op Q Disability,Heart Disease,High Bp,Stroke,Circulation,Lung Disease,Diabetes,Kidney Disease,Nervous System,Liver Disease,Cancer,Depression,Arthritis,Pre-Op Q Mobility,Pre-Op Q Self-Care,Pre-Op Q Activity,Pre-Op Q Discomfort,Pre-Op Q Anxiety,Pre-Op Q EQ5D Index Profile,Pre-Op Q EQ5D Index,Post-Op Q Assisted,Post-Op Q Assisted By,Post-Op Q Living Arrangements,Post-Op Q Disability,Post-Op Q Mobility,Post-Op Q Self-Care,Post-Op Q Activity,Post-Op Q Discomfort,Post-Op Q Anxiety,Post-Op Q Satisfaction,Post-Op Q Sucess,Post-Op Q Allergy,Post-Op Q Bleeding,Post-Op Q Wound,Post-Op Q Urine,Post-Op Q Further Surgery,Post-Op Q Readmitted,Post-Op Q EQ5D Index Profile,Post-Op Q EQ5D Index,Knee Replacement EQ 5D Index Post-Op Q Predicted,Pre-Op Q EQ VAS,Post-Op Q EQ VAS,Knee Replacement EQ VAS_Post-Op Q Predicted,Knee Replacement Pre-Op Q Pain,Knee Replacement Pre-Op Q Night Pain,Knee Replacement Pre-Op Q Washing,Knee Replacement Pre-Op Q Transport,Knee Replacement Pre-Op Q Walking,Knee Replacement Pre-Op Q Standing,Knee Replacement Pre-Op Q Limping,Knee Replacement Pre-Op Q Kneeling,Knee Replacement Pre-Op Q Work,Knee Replacement Pre-Op Q Confidence,Knee Replacement Pre-Op Q Shopping,Knee Replacement Pre-Op Q Stairs,Knee Replacement Pre-Op Q Score,Knee Replacement Post-Op Q Pain,Knee Replacement Post-Op Q Night Pain,Knee Replacement Post-Op Q Washing,Knee Replacement Post-Op Q Transport,Knee Replacement Post-Op Q Walking,Knee Replacement Post-Op Q Standing,Knee Replacement Post-Op Q Limping,Knee Replacement Post-Op Q Kneeling,Knee Replacement Post-Op Q Work,Knee Replacement Post-Op Q Confidence,Knee Replacement Post-Op Q Shopping,Knee Replacement Post-Op Q Stairs,Knee Replacement Post-Op Q Score,Knee Replacement OKS Post-Op Q Predicted"
)

// Invented people. The hip's Oxford codes before are 0 1 2 3 4 0 1 2 3 4 0 1 in
// the file's order of items.
const (
	hipRow  = "RTR,Hip Replacement,0,2016/17,70 to 79,2,2,0,2,1,1,9,1,9,9,9,9,9,9,9,9,9,9,1,2,1,2,3,1,21231,0.159,2,9,1,2,1,1,2,1,1,2,1,2,2,2,2,2,2,11211,0.883,0.71,30,80,65.5,0,1,2,3,4,0,1,2,3,4,0,1,21,4,4,4,4,3,3,4,4,4,4,4,4,46,35.25"
	kneeRow = "ADP02,Knee Replacement,1,2016/17,*,*,9,0,9,9,9,9,9,9,9,9,9,9,9,9,9,9,9,9,9,9,9,9,9,99999,,2,9,2,2,1,1,2,1,1,2,1,2,2,2,2,2,2,11211,0.883,,999,80,,9,9,9,9,9,9,9,9,9,9,9,9,,3,4,2,4,3,2,4,4,3,2,2,3,36,37.7"
)

func fileOf(lines ...string) []byte { return []byte(strings.Join(lines, "\r\n") + "\r\n") }

// edit returns the row with cells replaced, by the header's names.
func edit(header, row string, changes ...string) string {
	names, cells := strings.Split(header, ","), strings.Split(row, ",")
	for i := 0; i < len(changes); i += 2 {
		done := false
		for j, n := range names {
			if n == changes[i] {
				cells[j], done = changes[i+1], true
			}
		}
		if !done {
			panic("no column " + changes[i])
		}
	}
	return strings.Join(cells, ",")
}

func source(name string, text []byte) ingest.Source {
	return ingest.Source{Name: name, Size: int64(len(text)), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(text)), nil
	}}
}

// testKey makes pseudonyms and seals refused lines.
var testKey = []byte("a key for tests only, 32 bytes ..")

func pipeline(w ingest.Writer) *ingest.Pipeline {
	return ingest.New(w, ingest.Options{
		Setting: ingest.Setting{Programmes: programme.All(), Key: testKey, Now: func() time.Time { return time.Date(2026, 5, 1, 9, 0, 0, 0, time.UTC) }},
		Formats: []ingest.Format{nhsproms.Format()},
	})
}

// load imports a file into a recorder.
func load(t testing.TB, text []byte) (*recorder, ingest.Report, error) {
	t.Helper()
	w := &recorder{}
	t.Cleanup(w.release)
	report, err := pipeline(w).Import(context.Background(), source("file.csv", text), ingest.ImportOptions{}, nil)
	if !report.Reconciles() {
		t.Errorf("%d read is not %d stored + %d duplicate + %d rejected", report.Read, report.Stored, report.Duplicate, report.Rejected)
	}
	return w, report, err
}

// cells returns a column as text, a row each.
func cells(r arrow.Record, name string) []string {
	col := column(r, name)
	out := make([]string, r.NumRows())
	for i := range out {
		out[i] = col.ValueStr(i)
		if d, ok := col.(*array.Dictionary); ok {
			out[i] = d.Dictionary().ValueStr(d.GetValueIndex(i))
		}
	}
	return out
}
