package wire_test

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/wire"
	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/record"
)

// whole is a response with every field of the wire.
const whole = `{"id": {"system": "urn:forms", "value": "r-1"}, "source_version": 3, "programme": "back-pain", "patient": {"pseudonym": "000102030405060708090a0b0c0d0e0f"}, "episode": "e-1",
 "updated_at": null, "instrument": "odi", "instrument_version": "2.1a", "admin_mode": null, "mode": "web", "language": "en", "status": "completed", "answered_at": "2026-03-31T23:30:00Z",
 "reported_by": "proxy", "provider": "RTR", "timepoint": null, "answers": [1,0,2,null,1,1,0,3,2,1], "missing": {"odi.4": "declined"}, "supplied_score": 24.4, "predicted": 20.5}`

// small is the least that a response needs, without an identifier.
const small = `{"patient":{"pseudonym":"000102030405060708090a0b0c0d0e0f"},"instrument":"nrs_back","answered_at":"2026-04-01","answers":[7]}`

func setting() ingest.Setting {
	return ingest.Setting{
		Programmes: programme.All(), Key: []byte("a key for tests only"), TestNumbers: true,
		Now: func() time.Time { return time.Date(2026, 5, 1, 9, 0, 0, 0, time.UTC) },
	}
}

const all = wire.KindResponse | wire.KindEpisode | wire.KindEvent | wire.KindPatient

// decode reads all records of a source that is whole and prepares them.
func decode(t testing.TB, text string, kinds wire.Kind) []*ingest.Record {
	t.Helper()
	list, err := decodeAll(t, text, kinds)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// decodeAll reads the records of a source until it ends or breaks off.
func decodeAll(t testing.TB, text string, kinds wire.Kind) ([]*ingest.Record, error) {
	t.Helper()
	s := setting()
	d, err := wire.NewDecoder(ingest.Input{Name: "test", Reader: bufio.NewReader(strings.NewReader(text)), Setting: s}, kinds)
	if err != nil {
		t.Fatal(err)
	}
	var out []*ingest.Record
	for {
		r := new(ingest.Record)
		err := d.Next(r)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		if len(r.Reasons) == 0 {
			s.Prepare(r)
		}
		if body, whole := d.Quote(); whole && len(body) == 0 {
			t.Error("a row is quoted as nothing")
		}
		out = append(out, r)
	}
}

// oneLine makes an NDJSON line of a JSON text.
func oneLine(s string) string { return strings.ReplaceAll(s, "\n", " ") }

func TestResponse(t *testing.T) {
	list := decode(t, whole, wire.KindResponse)
	if len(list) != 1 || len(list[0].Reasons) > 0 || len(list[0].Responses) != 1 {
		t.Fatalf("decoded %+v, want one response without reasons", list)
	}
	v := &list[0].Responses[0]
	at := time.Date(2026, 3, 31, 23, 30, 0, 0, time.UTC)
	for _, c := range []struct {
		name      string
		got, want any
	}{
		{"reply id", list[0].ID, "r-1"},
		{"patient", hex.EncodeToString(v.PatientID[:]), "000102030405060708090a0b0c0d0e0f"},
		{"id", v.ID, record.RowID("urn:forms", "r-1")},
		{"episode", v.EpisodeID, record.RowID("back-pain", "e-1")},
		{"source", v.Source, "urn:forms"}, {"source id", v.SourceID, "r-1"}, {"source version", v.SourceVersion, "3"},
		{"status", v.Status, record.Completed}, {"by", v.ReportedBy, record.ByProxy},
		{"instrument", v.Instrument, instruments.ID("odi")}, {"version", v.InstrumentVersion, "2.1a"},
		{"at", v.AnsweredAt, at}, {"on", v.AnsweredOn.String(), "2026-04-01"}, // London, summer time
		{"precision", v.Precision, record.PrecisionInstant},
		{"provider", v.Provider, "RTR"}, {"mode", v.Mode, "web"}, {"language", v.Language, "en"},
		{"codes", fmt.Sprint(v.Codes), "[1 0 2 -32768 1 1 0 3 2 1]"},
		{"missing", v.MissingReasons[3], "declined"},
		{"supplied", *v.SuppliedScore, 24.4}, {"predicted", *v.Predicted, 20.5},
		{"final", v.Final, false}, {"mismatches", list[0].Mismatches(), 0},
		{"version's moment and rank", v.Version >> 9, (uint64(at.Add(3*time.Millisecond).Sub(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).Milliseconds())*4096 + 2*512) >> 9},
	} {
		if c.got != c.want {
			t.Errorf("%s = %v, want %v", c.name, c.got, c.want)
		}
	}
}

func TestPatientByNHSNumber(t *testing.T) {
	v := decode(t, strings.Replace(small, `"pseudonym":"000102030405060708090a0b0c0d0e0f"`, `"nhs_number":"999 000 0018"`, 1), all)[0]
	if len(v.Reasons) > 0 || v.Responses[0].PatientID != record.Pseudonym([]byte("a key for tests only"), "9990000018") {
		t.Errorf("%+v: want the pseudonym of the number", v)
	}
}

func TestDates(t *testing.T) {
	for _, c := range []struct {
		text, on  string
		precision record.Precision
	}{
		{"2026", "2026-01-01", record.PrecisionYear},
		{"2026-03", "2026-03-01", record.PrecisionMonth},
		{"2026-03-29", "2026-03-29", record.PrecisionDay},
		{"2026-04-01T00:30:00+01:00", "2026-04-01", record.PrecisionInstant},
		{"2026-01-01T00:30:00+01:00", "2025-12-31", record.PrecisionInstant},
	} {
		r := decode(t, strings.Replace(small, "2026-04-01", c.text, 1), all)[0]
		if len(r.Reasons) > 0 {
			t.Errorf("%s: %v", c.text, r.Reasons)
			continue
		}
		if v := r.Responses[0]; v.AnsweredOn.String() != c.on || v.Precision != c.precision {
			t.Errorf("%s: on %s, precision %d; want %s, %d", c.text, v.AnsweredOn, v.Precision, c.on, c.precision)
		}
	}
}

func TestAnswers(t *testing.T) {
	const odi = `{"patient":{"pseudonym":"000102030405060708090a0b0c0d0e0f"},"instrument":%q,"answered_at":"2026-04-01","answers":%s}`
	for _, c := range []struct{ instrument, answers, codes string }{
		{"odi", `[0,1,2,3,4,5,null,0,0,0]`, "[0 1 2 3 4 5 -32768 0 0 0]"},
		{"odi", ` [ 0 , 1,2,3,4,5,null,0,0,0.0 ] `, "[0 1 2 3 4 5 -32768 0 0 0]"},
		{"odi", `{"odi.2": 3}`, "[-32768 3 -32768 -32768 -32768 -32768 -32768 -32768 -32768 -32768]"},
		{"odi", `[[1,3],1,2,3,4,5,null,0,0,0]`, "[3 1 2 3 4 5 -32768 0 0 0]"},
		{"eq5d5l", `"21232"`, "[2 1 2 3 2]"},
		{"eq5d5l", `[2,1,2,3,2,80]`, "[2 1 2 3 2 80]"},
	} {
		r := decode(t, fmt.Sprintf(odi, c.instrument, c.answers), all)[0]
		if len(r.Reasons) > 0 {
			t.Errorf("%s %s: %v", c.instrument, c.answers, r.Reasons)
		} else if got := fmt.Sprint(r.Responses[0].Codes); got != c.codes {
			t.Errorf("%s %s: codes %s, want %s", c.instrument, c.answers, got, c.codes)
		}
	}
}

func TestStatusDecidesScores(t *testing.T) {
	for status, rank := range map[string]uint64{"in-progress": 0, "stopped": 1, "completed": 2, "amended": 3, "entered-in-error": 4} {
		r := decode(t, strings.Replace(small, `"answers"`, `"id":{"system":"s","value":"1"},"status":"`+status+`","answers"`, 1), all)[0]
		if len(r.Reasons) > 0 {
			t.Fatalf("%s: %v", status, r.Reasons)
		}
		if got := r.Responses[0].Version >> 9 & 7; got != rank {
			t.Errorf("%s: rank %d, want %d", status, got, rank)
		}
	}
	withdrawn := strings.Replace(small, `,"answers":[7]`, `,"id":{"system":"s","value":"1"},"status":"entered-in-error"`, 1)
	if r := decode(t, withdrawn, all)[0]; len(r.Reasons) > 0 {
		t.Errorf("a withdrawal without answers: %v", r.Reasons)
	}
	// Nothing that is wrong with its answers may keep the withdrawn ones alive.
	for _, answers := range []string{`[]`, `[1,2,3]`, `[99]`, `{"other":1}`, `{}`} {
		bad := strings.Replace(withdrawn, `"status"`, `"answers":`+answers+`,"status"`, 1)
		if r := decode(t, bad, all)[0]; len(r.Reasons) > 0 || r.Responses[0].Status != record.EnteredInError {
			t.Errorf("a withdrawal with answers %s: %v", answers, r.Reasons)
		}
	}
}

// Where forms are in use whose codes run the other way, the version is not
// guessed.
func TestVersionRequired(t *testing.T) {
	named := strings.NewReplacer(`"nrs_back"`, `"pgic"`)
	without := named.Replace(small)
	if !strings.Contains(without, `"pgic"`) {
		t.Fatal("the example is not of nrs_back any more")
	}
	if r := decode(t, without, all)[0]; len(r.Reasons) != 1 || r.Reasons[0] != (ingest.Reason{Field: "instrument_version", Rule: ingest.RuleRequired}) {
		t.Errorf("without a version: %v, want it to be required", r.Reasons)
	}
	with := strings.Replace(without, `"instrument":"pgic"`, `"instrument":"pgic","instrument_version":"pgic-b"`, 1)
	if r := decode(t, with, all)[0]; len(r.Reasons) > 0 || r.Responses[0].InstrumentVersion != "pgic-b" {
		t.Errorf("with a version: %v", r.Reasons)
	}
}

func TestRejections(t *testing.T) {
	change := func(old, new string) string { return strings.Replace(small, old, new, 1) }
	for _, c := range []struct{ text, field, rule string }{
		{`{"x"`, "record", "malformed"},
		{`null`, "record", "malformed"},
		{`7`, "record", "malformed"},
		{small + "x", "record", "malformed"},
		{"{\"patient\":\"\xff\"}", "record", "encoding"},
		{change(`"instrument"`, `"colour":1,"instrument"`), "colour", "unknown_field"},
		{change(`"instrument"`, `"1990-01-01":1,"instrument"`), "field", "unknown_field"},
		{change(`"instrument"`, `"id_value":"x","instrument"`), "id_value", "unknown_field"},
		{change(`"instrument"`, `"referred_on":"2026-01-01","instrument"`), "referred_on", "unknown_field"},
		{change(`"instrument"`, `"answers":[6],"instrument"`), "answers", "repeated"},
		{change(`"pseudonym":`, `"name":"x","pseudonym":`), "patient.name", "unknown_field"},
		{change(`"pseudonym":"000102030405060708090a0b0c0d0e0f"`, ``), "patient", "required"},
		{change(`"pseudonym":`, `"nhs_number":"9990000018","pseudonym":`), "patient", "one_of"},
		{change(`0e0f`, `0e0`), "patient.pseudonym", "malformed"},
		{change(`0e0f`, `0e0g`), "patient.pseudonym", "malformed"},
		{change(`"pseudonym":"000102030405060708090a0b0c0d0e0f"`, `"nhs_number":"9990000017"`), "patient.nhs_number", "nhs_number"},
		{change(`"pseudonym":"000102030405060708090a0b0c0d0e0f"`, `"nhs_number":"9434765919"`), "patient.nhs_number", "nhs_number_test"},
		{change(`{"pseudonym":"000102030405060708090a0b0c0d0e0f"}`, `"x"`), "patient", "type"},
		{change(`nrs_back`, `nrs_neck`), "instrument", "unknown_instrument"},
		{change(`"nrs_back"`, `"nrs_back","instrument_version":"99"`), "instrument_version", "unknown_version"},
		{change(`"nrs_back"`, `null`), "instrument", "required"},
		{change(`"nrs_back"`, `7`), "instrument", "type"},
		{change(`"2026-04-01"`, `null`), "answered_at", "required"},
		{change(`2026-04-01`, `01/04/2026`), "answered_at", "malformed"},
		{change(`2026-04-01`, `2026-04-01T09:00:00`), "answered_at", "malformed"},
		{change(`2026-04-01`, `2026-02-30`), "answered_at", "malformed"},
		{change(`2026-04-01`, `1066-10-14`), "answered_at", "malformed"},
		{change(`2026-04-01`, `2026-05-04`), "answered_at", "in_future"},
		{change(`"answers"`, `"status":"final","answers"`), "status", "not_allowed"},
		{change(`"answers"`, `"reported_by":"nobody","answers"`), "reported_by", "not_allowed"},
		{change(`"answers"`, `"programme":"feet","answers"`), "programme", "unknown_programme"},
		{change(`"answers"`, `"timepoint":"5m","answers"`), "timepoint", "unknown_timepoint"},
		{change(`"answers"`, `"id":{"value":"1"},"answers"`), "id", "required"},
		{change(`"answers"`, `"status":"amended","answers"`), "id", "required"},
		{change(`"answers"`, `"status":"entered-in-error","answers"`), "id", "required"},
		{change(`"answers"`, `"kind":"letter","answers"`), "kind", "not_allowed"},
		{change(`"answers"`, `"predicted":"1","answers"`), "predicted", "type"},
		{change(`"answers"`, `"predicted":1e308,"answers"`), "predicted", "out_of_range"},
		{change(`"answers"`, `"predicted":-10.5,"answers"`), "predicted", "out_of_range"},
		{change(`"answers"`, `"updated_at":"2126-01-01","answers"`), "updated_at", "in_future"},
		{change(`2026-04-01`, `1900-01-01T00:00:00+00:01`), "answered_at", "malformed"},
		{change(`"pseudonym":"000102030405060708090a0b0c0d0e0f"`, `"nhs_number":"9990000018"},"id":{"system":"s","value":"qr 999-000-0018"`), "id.value", "holds_nhs_number"},
		{change(`"pseudonym":"000102030405060708090a0b0c0d0e0f"`, `"nhs_number":"9990000018"},"language":"999 000 0018","mode":"web","id":{"system":"s","value":"1"`), "language", "holds_nhs_number"},
		{change(`"answers"`, `"provider":"`+strings.Repeat("x", 501)+`","answers"`), "provider", "too_long"},
		{change(`"answers"`, `"provider":"R\u0000","answers"`), "provider", "encoding"},
		{change(`"answers"`, `"missing":{"nrs_back.9":"na"},"answers"`), "missing", "unknown_field"},
		{change(`"answers":[7]`, `"missing":{"nrs_back.1":"lost"},"answers":[null]`), "missing.nrs_back.1", "not_allowed"},
		{change(`"answers"`, `"missing":{"nrs_back.1":"na"},"answers"`), "missing.nrs_back.1", "contradiction"},
		{change(`,"answers":[7]`, ``), "answers", "required"},
		{change(`[7]`, `[11]`), "nrs_back.1", "code_out_of_range"},
		{change(`[7]`, `[-1]`), "nrs_back.1", "code_out_of_range"},
		{change(`[7]`, `[99999]`), "nrs_back.1", "code_out_of_range"},
		{change(`[7]`, `[6.5]`), "nrs_back.1", "code_not_integer"},
		{change(`[7]`, `["7"]`), "nrs_back.1", "code_not_integer"},
		{change(`[7]`, `[7,7]`), "answers", "wrong_item_count"},
		{change(`[7]`, `{"nrs_leg.1":7}`), "answers", "not_allowed"},
		{change(`[7]`, `7`), "answers", "type"},
	} {
		list := decode(t, oneLine(c.text)+"\n"+small, all)
		if len(list) != 2 || len(list[1].Reasons) > 0 {
			t.Errorf("%.60s: the next record was not read: %+v", c.text, list)
			continue
		}
		if !slices.Contains(list[0].Reasons, ingest.Reason{Field: c.field, Rule: c.rule}) {
			t.Errorf("%.90s: reasons %v, want %s %s", c.text, list[0].Reasons, c.field, c.rule)
		}
	}
}

func TestNoKeyNoNumber(t *testing.T) {
	s := setting()
	s.Key = nil
	var r ingest.Record
	if _, ok := s.Subject(&r, "9990000018", ""); ok || r.Reasons[0].Rule != "no_key" {
		t.Errorf("reasons %v, want no_key", r.Reasons)
	}
}

func TestFraming(t *testing.T) {
	bad := `{"x":`
	for name, c := range map[string]struct {
		text  string
		fates string // s stored, r rejected, x refused as a whole from here
	}{
		"one":              {small, "s"},
		"one over lines":   {strings.ReplaceAll(small, ",", ",\n"), "s"},
		"two over lines":   {strings.ReplaceAll(small, ",", ",\n") + "\n" + strings.ReplaceAll(small, ",", ",\n"), "ss"},
		"lines":            {small + "\n" + small + "\r\n\n" + small, "sss"},
		"a bad line":       {small + "\n" + bad + "\n" + small + "\n", "srs"},
		"a bad first line": {bad + "\n" + small + "\n", "rs"},
		"a long line":      {small + "\n{\"x\":\"" + strings.Repeat("x", 1<<20) + "\"}\n" + small, "srs"},
		"array":            {" [" + small + ", " + small + "\n,\n" + small + "] ", "sss"},
		"empty array":      {"[ ]", ""},
		"scalars in array": {"[1," + small + ",\"a,]\\\"b\"," + small + "]", "rsrs"},
		"array cut":        {"[" + small + "," + small[:40], "sx"},
		"array unclosed":   {"[" + small, "sx"},
		"no comma":         {"[" + small + " " + small + "]", "sx"},
		"comma too many":   {"[" + small + ",]", "sx"},
		"a long element":   {"[" + small + ",{\"x\":\"" + strings.Repeat("x", 1<<20) + "\"}," + small + "]", "srs"},
		"after the array":  {"[" + small + "] x", "sx"},
		"cut over lines":   {strings.ReplaceAll(small, ",", ",\n")[:80], "x"},
		"byte order mark":  {"\xef\xbb\xbf" + small, "s"},
		"nothing":          {" \n ", ""},
	} {
		got := ""
		list, err := decodeAll(t, c.text, all)
		for _, r := range list {
			got += map[bool]string{true: "s", false: "r"}[len(r.Reasons) == 0]
		}
		var file *ingest.FileError
		if errors.As(err, &file) {
			got += "x"
		}
		if got != c.fates {
			t.Errorf("%s: %s, want %s", name, got, c.fates)
		}
		// What the walk before an import says is what reading would have said.
		verified := wire.Format().Verify("test", bufio.NewReader(strings.NewReader(c.text)))
		if errors.As(verified, &file) != strings.HasSuffix(c.fates, "x") {
			t.Errorf("%s: verified: %v, want fates %s", name, verified, c.fates)
		}
	}
}

// TestIdentityWithoutID: the record's own fields and its place among equals.
func TestIdentityWithoutID(t *testing.T) {
	other := strings.Replace(small, "[7]", "[6]", 1)
	respelt := `{"answers": [ 7 ], "kind":"response", "id":null, "answered_at":"2026-04-01", "patient":{"pseudonym":"000102030405060708090A0B0C0D0E0F"},"instrument":"nrs_back"}`
	list := decode(t, strings.Join([]string{small, other, small, respelt}, "\n"), all)
	id := func(i int) uint64 { return list[i].Responses[0].ID }
	again := decode(t, strings.Join([]string{respelt, small, other, small}, "\n"), all)
	first := []uint64{id(0), id(1), id(2), id(3)}
	second := []uint64{again[0].Responses[0].ID, again[2].Responses[0].ID, again[1].Responses[0].ID, again[3].Responses[0].ID}
	if !slices.Equal(first, second) {
		t.Errorf("ids %v and, in another order and spelling, %v: want the same", first, second)
	}
	slices.Sort(first)
	if len(slices.Compact(first)) != 4 {
		t.Errorf("ids %v: want four different ones", first)
	}
	if !list[0].Responses[0].Final || list[0].Responses[0].Source != wire.Source {
		t.Error("want a final response of the wire")
	}
}

// TestIdentityAsSent: what we take for a field that is absent is no part of an
// id; it may be another tomorrow.
func TestIdentityAsSent(t *testing.T) {
	stated := strings.Replace(small, `"instrument"`, `"programme":"back-pain","instrument"`, 1)
	plain := decode(t, small, all)[0].Responses[0]
	named := decode(t, stated, all)[0].Responses[0]
	if plain.Programme != named.Programme || plain.ID == named.ID {
		t.Errorf("ids %d and %d of programmes %q and %q: want two of one programme", plain.ID, named.ID, plain.Programme, named.Programme)
	}
	version := strings.Replace(small, `"instrument"`, `"instrument_version":"`+plain.InstrumentVersion+`","instrument"`, 1)
	if v := decode(t, version, all)[0].Responses[0]; v.ID == plain.ID || v.InstrumentVersion != plain.InstrumentVersion {
		t.Errorf("ids %d and %d: want the version as sent in the id", v.ID, plain.ID)
	}
	s := setting()
	for i, p := range s.Programmes {
		if p.ID != plain.Programme {
			continue
		}
		renamed := *p
		renamed.ID = "another-default"
		s.Programmes = append(append(s.Programmes[:i:i], &renamed), s.Programmes[i+1:]...)
		break
	}
	d, err := wire.NewDecoder(ingest.Input{Name: "test", Reader: bufio.NewReader(strings.NewReader(small)), Setting: s}, all)
	var r ingest.Record
	if err != nil || d.Next(&r) != nil || r.Responses[0].Programme != "another-default" || r.Responses[0].ID != plain.ID {
		t.Errorf("under another default programme: %+v, %v; want the same id", r, err)
	}
}

func FuzzDecoder(f *testing.F) {
	f.Add(oneLine(whole))
	f.Add("[" + small + ",1]")
	f.Add(episode + "\n" + small)
	f.Add(strings.ReplaceAll(small, ",", ",\n"))
	f.Add(answered("phq9", "[7,0,0,0,0,0,0,0,[0,2]]", `,"instrument_version":"9"`) + "\n" + answered("ces", `{"ces1":true,"ces_onset":-1}`, `,"missing":{"ces2":"not_asked"}`))
	f.Add(answered("wpai_shp", "[true,7.25,0,1e1,5,6]", "") + "\n" + answered("work_status", `["carer",null,false]`, "") + "\n" + answered("rmdq24", "[1]", `,"admin_mode":"ticklist"`))
	f.Add(`{"instrument":"phq9","answers":[0` + "\n" + answered("PHQ-9", "{}", "") + "\n" + answered("eq5d5l", `"21292"`, `,"supplied_score":0.5`))
	f.Fuzz(func(t *testing.T, text string) {
		list, err := decodeAll(t, text, all)
		var file *ingest.FileError
		if err != nil && !errors.As(err, &file) {
			t.Fatal(err)
		}
		for _, r := range list {
			if slices.Contains(r.Flags, "") {
				t.Error("an empty flag")
			}
			if len(r.Reasons) > 0 {
				continue
			}
			for i := range r.Responses {
				v := &r.Responses[i]
				a := instruments.Administration{Codes: v.Codes, Ticks: v.Ticks, AdminMode: v.AdminMode}
				if _, rule, ok := v.Definition.CheckCodes(&a); !ok {
					t.Errorf("accepted codes break %s", rule)
				}
			}
		}
	})
}
