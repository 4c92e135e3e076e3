package wire_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/wire"
	"github.com/lumbar-health/lumbar/record"
)

// answered is a response to a questionnaire; further holds more fields.
func answered(instrument, answers, further string) string {
	return fmt.Sprintf(`{"patient":{"pseudonym":"000102030405060708090a0b0c0d0e0f"},"instrument":%q,"answered_at":"2026-04-01","answers":%s%s}`, instrument, answers, further)
}

// TestSafetyFlags: answers to safety questions are flagged whatever else is
// wrong with the row, and a row that can not be read says so.
func TestSafetyFlags(t *testing.T) {
	const positive = "[0,0,0,0,0,0,0,0,2]"
	const long = `,"provider":"`
	for name, c := range map[string]struct {
		text   string
		flags  string
		stored bool
	}{
		"accepted":           {answered("phq9", positive, ""), "item9_positive", true},
		"negative":           {answered("phq9", "[0,0,0,0,0,0,0,0,0]", ""), "", true},
		"blank":              {answered("phq9", "[1,0,0,0,0,0,0,0,null]", ""), "item9_missing", true},
		"no safety items":    {answered("nrs_back", "[10]", ""), "", true},
		"in progress":        {answered("phq9", positive, `,"status":"in-progress"`), "item9_positive", true},
		"stopped":            {answered("phq9", `{"phq9.9":1}`, `,"status":"stopped"`), "item9_positive", true},
		"withdrawn":          {answered("phq9", positive, `,"id":{"system":"s","value":"1"},"status":"entered-in-error"`), "", true},
		"withdrawn badly":    {answered("phq9", positive, `,"status":"entered-in-error"`), "", false},
		"another item wrong": {answered("phq9", "[7,0,0,0,0,0,0,0,2]", ""), "item9_positive", false},
		"itself wrong":       {answered("phq9", "[1,0,0,0,0,0,0,0,4]", ""), "item9_missing", false},
		"too few":            {answered("phq9", "[0,0,3]", ""), "item9_missing", false},
		"one of two ticks":   {answered("phq9", "[7,0,0,0,0,0,0,0,[0,3]]", ""), "item9_positive", false},
		"unknown version":    {answered("phq9", positive, `,"instrument_version":"99"`), "item9_positive", false},
		"unknown programme":  {answered("phq9", positive, `,"programme":"feet"`), "item9_positive", false},
		"unknown timepoint":  {answered("phq9", positive, `,"timepoint":"5m"`), "item9_positive", false},
		"in the future":      {strings.Replace(answered("phq9", positive, ""), "2026-04-01", "2027-04-01", 1), "item9_positive", false},
		"no date":            {strings.Replace(answered("phq9", positive, ""), "2026-04-01", "soon", 1), "item9_positive", false},
		"no such patient":    {strings.Replace(answered("phq9", positive, ""), "000102", "x", 1), "item9_positive", false},
		"wrong check digit":  {strings.Replace(answered("phq9", positive, ""), `"pseudonym":"000102030405060708090a0b0c0d0e0f"`, `"nhs_number":"9990000019"`, 1), "item9_positive", false},
		"unknown field":      {answered("phq9", positive, `,"shoe_size":9`), "item9_positive", false},
		"too long a field":   {answered("phq9", positive, long+strings.Repeat("x", 501)+`"`), "item9_positive", false},
		"another kind":       {answered("phq9", positive, `,"kind":"episode"`), "item9_positive", false},
		"no kind":            {answered("phq9", positive, `,"kind":"letter"`), "item9_positive", false},
		"another spelling":   {answered("PHQ-9", positive, ""), "item9_positive", false},
		"not a list":         {answered("phq9", "7", ""), "safety_unreadable", false},
		"a profile":          {answered("phq9", `"000000002"`, ""), "safety_unreadable", false},
		"unknown item":       {answered("phq9", `{"phq.9":2}`, ""), "safety_unreadable", false},
		"no answers":         {strings.Replace(answered("phq9", positive, ""), `,"answers":`+positive, "", 1), "safety_unreadable", false},
		"answers twice":      {answered("phq9", positive, `,"answers":[0,0,0,0,0,0,0,0,0]`), "safety_unreadable", false},
		"cut short":          {`{"instrument":"phq9","answers":[0,0,0,0`, "safety_unreadable", false},
		"cut, no safety":     {`{"instrument":"nrs_back","answers":[0`, "", false},
		"not UTF-8":          {answered("phq9", positive, ",\"provider\":\"\xff\""), "item9_positive", false},
		"longer than a row":  {answered("phq9", positive, long+strings.Repeat("x", 1<<20)+`"`), "safety_unreadable", false},
		"emergency":          {answered("ces", "[0,1,0,0,0,0,0,2]", ""), "ces_p0", true},
		"emergency, refused": {answered("ces", "[0,1,0,0,0,0,7,2]", ""), "ces_p0", false},
		"by name":            {answered("ces", `{"ces5":true,"ces5_onset":30}`, `,"programme":"feet"`), "ces_p1", false},
		"left blank":         {answered("ces", "[null,0,0,0,0,0,0]", ""), "ces_p2", true},
		"never shown":        {answered("ces", "[null,0,0,0,0,0,0]", `,"missing":{"ces1":"not_asked"}`), "", true},
		"not shown, refused": {answered("ces", "[null,0,0,0,0,0,0]", `,"missing":{"ces1":"not_asked"},"programme":"feet"`), "", false},
	} {
		list, err := decodeAll(t, c.text+"\n", all)
		if err != nil || len(list) != 1 {
			t.Fatalf("%s: %d records, %v", name, len(list), err)
		}
		if got := strings.Join(list[0].Flags, " "); got != c.flags {
			t.Errorf("%s: flags %q, want %q", name, got, c.flags)
		}
		if stored := len(list[0].Reasons) == 0; stored != c.stored {
			t.Errorf("%s: reasons %v, want stored = %v", name, list[0].Reasons, c.stored)
		}
	}
}

// TestAnswersInTheirOwnForms: fractions of hours, names of codes, truth values
// and ways of putting a questionnaire. A code of another coding is refused,
// never shifted.
func TestAnswersInTheirOwnForms(t *testing.T) {
	blanks := strings.Repeat(",null", 19)
	for name, c := range map[string]struct {
		text string
		want string // codes, or the reason
	}{
		"hours":             {answered("wpai_shp", "[1,7.5,0,32,5,6]", ""), "[1 750 0 3200 5 6]"},
		"to the hundredth":  {answered("wpai_shp", "[true,0.125,0,32.004,5,6]", ""), "[1 13 0 3200 5 6]"},
		"too many hours":    {answered("wpai_shp", "[1,100,0,69,5,6]", ""), "wpai_shp.2 sum_out_of_range"},
		"negative hours":    {answered("wpai_shp", "[1,-1,0,32,5,6]", ""), "wpai_shp.2 code_out_of_range"},
		"half a code":       {answered("wpai_shp", "[1,8,0,32,5.5,6]", ""), "wpai_shp.5 code_not_integer"},
		"a name":            {answered("work_status", `["sick_1to6m"]`, ""), "[5]"},
		"a name by key":     {answered("work_status", `{"work_status.1":"carer","work_status.3":true}`, ""), "[11 -32768 1]"},
		"its number":        {answered("work_status", `[5,28]`, ""), "[5 28]"},
		"no name":           {answered("work_status", `["idle"]`, ""), "work_status.1 code_not_integer"},
		"yes or no":         {answered("rmdq24", "["+strings.Repeat("1,", 23)+"0]", ""), "[1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 0]"},
		"a tick list":       {answered("rmdq24", "[1,1,1,1,1"+blanks+"]", `,"admin_mode":"ticklist"`), "[1 1 1 1 1" + strings.Repeat(" -32768", 19) + "]"},
		"unknown mode":      {answered("rmdq24", "[1,1,1,1,1"+blanks+"]", `,"admin_mode":"shouted"`), "admin_mode unknown_admin_mode"},
		"mode without need": {answered("nrs_back", "[7]", `,"admin_mode":"shouted"`), "[7]"},
		"below zero":        {answered("gpe", "[-5]", ""), "[-5]"},
		"1 to 6 for 0 to 5": {answered("odi", "[1,2,3,4,5,6,1,2,3,4]", ""), "odi.6 code_out_of_range"},
		"all sixes":         {answered("odi", "[6,6,6,6,6,6,6,6,6,6]", ""), "odi.1 code_out_of_range"},
	} {
		r := decode(t, c.text, all)[0]
		got := ""
		if len(r.Reasons) > 0 {
			got = r.Reasons[0].Field + " " + r.Reasons[0].Rule
		} else {
			got = fmt.Sprint(r.Responses[0].Codes)
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// TestQuote: a row is quoted in one form whatever its spelling, and as it came
// where it has no form.
func TestQuote(t *testing.T) {
	for name, c := range map[string]struct {
		text, want string
		whole      bool
	}{
		"sorted":     {` { "b" : [ 1 , 2 ],"a":{"y":1,"x":"<"} } `, `{"a":{"y":1,"x":"\u003c"},"b":[1,2]}`, true},
		"a repeated": {`{"b":1, "a":2, "b":3}`, `{"b":1,"a":2,"b":3}`, true},
		"cut short":  {`{"a": 1,`, `{"a": 1,`, true},
		"no object":  {"7", "7", true},
		"no UTF-8":   {"{\"a\": \"\xff\"}", "{\"a\": \"\xff\"}", true},
		"in a list":  {`["a, \"]", 1]`, `"a, \"]"`, true},
		"too long":   {`{"a":"` + strings.Repeat("x", 1<<20) + `"}`, "", false},
	} {
		d, err := wire.NewDecoder(ingest.Input{Name: "test", Reader: bufio.NewReader(strings.NewReader(c.text)), Setting: setting()}, all)
		if err != nil {
			t.Fatal(err)
		}
		var r ingest.Record
		if err := d.Next(&r); err != nil || len(r.Reasons) == 0 {
			t.Fatalf("%s: %v %v", name, err, r.Reasons)
		}
		got, whole := d.Quote()
		if whole != c.whole || whole && string(got) != c.want {
			t.Errorf("%s: %.100s, whole %v; want %s, %v", name, got, whole, c.want, c.whole)
		}
	}
}

// TestQuoteCanBeSentAgain: what is quoted of a refused row is the same row.
func TestQuoteCanBeSentAgain(t *testing.T) {
	again := func(text []byte) ([]byte, *ingest.Record) {
		d, err := wire.NewDecoder(ingest.Input{Name: "test", Reader: bufio.NewReader(bytes.NewReader(text)), Setting: setting()}, all)
		if err != nil {
			t.Fatal(err)
		}
		r := new(ingest.Record)
		if err := d.Next(r); err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		body, _ := d.Quote()
		return bytes.Clone(body), r
	}
	first, want := again([]byte(oneLine(strings.Replace(whole, `"RTR"`, `"\u0001"`, 1))))
	second, got := again(first)
	if !bytes.Equal(first, second) || !json.Valid(first) || !slices.Equal(got.Reasons, want.Reasons) || len(want.Reasons) == 0 {
		t.Errorf("quoted %s\nagain  %s\nreasons %v, then %v", first, second, want.Reasons, got.Reasons)
	}
	fixed := bytes.Replace(first, []byte(`"\u0001"`), []byte(`"RTR"`), 1)
	if _, r := again(fixed); len(r.Reasons) > 0 || r.Responses[0].ID != record.RowID("urn:forms", "r-1") {
		t.Errorf("the row with its fault removed: %v", r.Reasons)
	}
}
