package arrowfile_test

import (
	"bufio"
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/arrowfile"
)

// person is the columns that every response here has, but the instrument.
const person = `"patient_pseudonym":"000102030405060708090a0b0c0d0e0f","answered_at":"2026-04-01"`

// forms is a table of item columns of several types: numbers, fractions, words
// and truth values.
func forms(t testing.TB) arrow.Record {
	return table(t, `[
	 {`+person+`,"instrument":"nrs_back","item_1":"7","item_2":null,"item_3":null,"item_4":null},
	 {`+person+`,"instrument":"work_status","item_1":"sick_1to6m","item_2":3.0,"item_3":true,"item_4":null},
	 {`+person+`,"instrument":"work_status","item_1":"carer","item_2":null,"item_3":null,"item_4":null},
	 {`+person+`,"instrument":"work_status","item_1":"idle","item_2":null,"item_3":null,"item_4":null},
	 {`+person+`,"instrument":"work_status","item_1":"carer","item_2":2.5,"item_3":null,"item_4":null},
	 {`+person+`,"instrument":"work_status","item_1":"","item_2":null,"item_3":false,"item_4":1}]`,
		field("patient_pseudonym", text), field("answered_at", text), field("instrument", words),
		field("item_1", words), field("item_2", arrow.PrimitiveTypes.Float64), field("item_3", arrow.FixedWidthTypes.Boolean), field("item_4", arrow.PrimitiveTypes.Int8))
}

// lists is a table with a list of fractions in a row.
func lists(t testing.TB) arrow.Record {
	return table(t, `[
	 {`+person+`,"instrument":"wpai_shp","answers":[1,7.5,0,32,5,6]},
	 {`+person+`,"instrument":"wpai_shp","answers":[1,8,0,32,5,6]},
	 {`+person+`,"instrument":"wpai_shp","answers":[1,0.125,null,32.004,5,6]},
	 {`+person+`,"instrument":"nrs_back","answers":[7]},
	 {`+person+`,"instrument":"nrs_back","answers":[6.5]},
	 {`+person+`,"instrument":"phq9","answers":[0,0,0,0,0,0,0,0.5,2]},
	 {`+person+`,"instrument":"nrs_back","answers":[1e300]}]`,
		field("patient_pseudonym", text), field("answered_at", text), field("instrument", text), field("answers", arrow.ListOf(arrow.PrimitiveTypes.Float64)))
}

func fate(r *ingest.Record) string {
	if len(r.Reasons) > 0 {
		return strings.TrimSpace(fmt.Sprint(r.Reasons[0].Field, " ", r.Reasons[0].Rule, " ", strings.Join(r.Flags, " ")))
	}
	return fmt.Sprint(r.Responses[0].Codes)
}

// TestAnswersInTheirOwnForms: fractions, names of codes and truth values mean
// in a table what they mean in JSON.
func TestAnswersInTheirOwnForms(t *testing.T) {
	number := arrow.PrimitiveTypes.Int16
	whole := table(t, `[
	 {`+person+`,"instrument":"wpai_shp","item_1":1,"item_2":8,"item_3":0,"item_4":32,"item_5":5,"item_6":6,"item_7":null},
	 {`+person+`,"instrument":"wpai_shp","item_1":1,"item_2":8,"item_3":0,"item_4":32,"item_5":5,"item_6":11,"item_7":null},
	 {`+person+`,"instrument":"wpai_shp","item_1":1,"item_2":8,"item_3":0,"item_4":32000,"item_5":5,"item_6":6,"item_7":null},
	 {`+person+`,"instrument":"wpai_shp","item_1":1,"item_2":8,"item_3":0,"item_4":32,"item_5":5,"item_6":6,"item_7":0}]`,
		field("patient_pseudonym", text), field("answered_at", text), field("instrument", text), field("item_1", number), field("item_2", number),
		field("item_3", number), field("item_4", number), field("item_5", number), field("item_6", number), field("item_7", number))
	names := table(t, `[{`+person+`,"instrument":"work_status","answers":["retired"]}, {`+person+`,"instrument":"work_status","answers":["5"]}]`,
		field("patient_pseudonym", text), field("answered_at", text), field("instrument", text), field("answers", arrow.ListOf(text)))
	for name, c := range map[string]struct {
		rec  arrow.Record
		want []string
	}{
		"columns": {forms(t), []string{
			"nrs_back.1 code_not_integer", "[5 3 1]", "[11 -32768 -32768]", "work_status.1 code_not_integer",
			"work_status.2 code_not_integer", "answers wrong_item_count",
		}},
		"fractions": {lists(t), []string{
			"[1 750 0 3200 5 6]", "[1 800 0 3200 5 6]", "[1 13 -32768 3200 5 6]", "[7]", "nrs_back.1 code_not_integer",
			"phq9.8 code_not_integer item9_positive", "nrs_back.1 code_out_of_range",
		}},
		"whole numbers": {whole, []string{
			"[1 800 0 3200 5 6]", "wpai_shp.6 code_out_of_range", "wpai_shp.4 code_out_of_range", "answers wrong_item_count",
		}},
		"names": {names, []string{"[9]", "work_status.1 code_not_integer"}},
	} {
		got, err := decode(asStream(t, c.rec), all)
		if err != nil || len(got) != len(c.want) {
			t.Fatalf("%s: %d records, %v", name, len(got), err)
		}
		for i, want := range c.want {
			if fate(got[i]) != want {
				t.Errorf("%s, row %d: %s, want %s", name, i+1, fate(got[i]), want)
			}
		}
	}
}

// TestRefusedRowsAreFlaggedAndQuoted: the answers of a refused row are looked
// at, and the row is quoted by its columns.
func TestRefusedRowsAreFlaggedAndQuoted(t *testing.T) {
	rec := table(t, `[
	 {"kind":null,"patient_pseudonym":"x","instrument":"phq9","answered_at":"2026-04-01 08:00:00","age":null,"answers":[0,0,0,0,0,0,0,0,1]},
	 {"kind":"episode","patient_pseudonym":null,"instrument":"phq9","answered_at":null,"age":null,"answers":[7,0,0,0,0,0,0,0,1]},
	 {"kind":null,"patient_pseudonym":"x","instrument":"PHQ_9","answered_at":null,"age":47,"answers":[2]},
	 {"kind":null,"patient_pseudonym":"x","instrument":"ces","answered_at":null,"age":null,"answers":null},
	 {"kind":null,"patient_pseudonym":"x","instrument":"odi","answered_at":null,"age":null,"answers":[null,6]}]`,
		field("kind", text), field("patient_pseudonym", words), field("instrument", text), field("answered_at", instant),
		field("age", arrow.PrimitiveTypes.Int8), field("answers", arrow.ListOf(arrow.PrimitiveTypes.Int8)))
	d, err := arrowfile.NewDecoder(ingest.Input{Name: "test", Reader: bufio.NewReader(bytes.NewReader(asFile(t, rec))), Setting: setting()}, all)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for i, want := range []struct{ flags, body string }{
		{"item9_positive", `{"answered_at":"2026-04-01T08:00:00Z","answers":[0,0,0,0,0,0,0,0,1],"instrument":"phq9","patient_pseudonym":"x"}`},
		{"item9_positive", `{"answers":[7,0,0,0,0,0,0,0,1],"instrument":"phq9","kind":"episode"}`},
		{"item9_missing", `{"age":47,"answers":[2],"instrument":"PHQ_9","patient_pseudonym":"x"}`},
		{"safety_unreadable", `{"instrument":"ces","patient_pseudonym":"x"}`},
		{"", `{"answers":[null,6],"instrument":"odi","patient_pseudonym":"x"}`},
	} {
		var r ingest.Record
		if err := d.Next(&r); err != nil || len(r.Reasons) == 0 {
			t.Fatalf("row %d: %v %v", i+1, r.Reasons, err)
		}
		body, whole := d.Quote()
		if got := strings.Join(r.Flags, " "); got != want.flags || string(body) != want.body || !whole {
			t.Errorf("row %d: flags %q, %s; want %q, %s", i+1, got, body, want.flags, want.body)
		}
	}
}
