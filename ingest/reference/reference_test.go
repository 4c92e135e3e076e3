package reference_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/reference"
	"github.com/lumbar-health/lumbar/record"
)

func problems(err error) string {
	var p *reference.Problems
	if !errors.As(err, &p) {
		return fmt.Sprint(err)
	}
	var b []string
	for _, l := range p.Lines {
		b = append(b, fmt.Sprintf("%d %s %s", l.Line, l.Field, l.Rule))
	}
	return strings.Join(b, ", ")
}

const head = "Code,Kind,Name,Parent,Successor,valid_from,valid_to\n"

func TestOrganisations(t *testing.T) {
	list, err := reference.Organisations("test", strings.NewReader("\xef\xbb\xbf"+head+
		"Y63,region,North East and Yorkshire,,,,\n"+
		"QAA,icb,Old board,Y63,QBB,2022-07-01,20260331\n"+
		"QBB,icb,\"New, larger board\",Y63,,2026-04-01,\n"+
		"RTR,trust,A trust,QAA,,2013-04-01,2026-03-31\n"+
		"RTR,trust,A trust,QBB,,2026-04-01,\n"+
		"RTRAT,site,A site,RTR,,,\n"+
		"A12345,practice,A practice,QBB,,,\n"))
	if err != nil || len(list) != 7 {
		t.Fatal(len(list), problems(err))
	}
	day := func(s string) record.Date {
		d, err := record.ParseDate(s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	got := list[1]
	if got.Code != "QAA" || got.Kind != record.KindICB || got.Parent != "Y63" || got.Successor != "QBB" || got.ValidFrom != day("2022-07-01") || got.ValidTo != day("2026-03-31") {
		t.Errorf("%+v", got)
	}
	if list[2].Name != "New, larger board" || list[2].ValidTo != 0 || list[6].Kind != record.KindPractice {
		t.Errorf("%+v", list)
	}
}

func TestRefusedOrganisations(t *testing.T) {
	for lines, want := range map[string]string{
		"RTR,trust,A,,,,\nRTR,trust,B,,,,\n":                               "3 valid_from repeated",
		"RTR,trust,A,,,2020-01-01,2021-01-01\nRTR,trust,B,,,2021-01-01,\n": "3 valid_from repeated",
		"rtr,trust,A,,,,\n":                     "2 code malformed",
		"RTR,hospital,A,,,,\n":                  "2 kind not_allowed",
		"RTR,trust,,,,,\n":                      "2 name required",
		"RTR,trust,A,RTR,,,\n":                  "2 parent contradiction",
		"RTR,trust,A,,,2021-01-01,2020-01-01\n": "2 valid_to date_order",
		"RTR,trust,A,,,01/04/2021,\n":           "2 valid_from malformed",
		"RTR,trust,A,,RAA,,\n":                  "2 valid_to required",
		"RAA,trust,A,,RBB,,2020-01-01\nRBB,trust,A,,RCC,,2021-01-01\nRCC,trust,A,,RAA,,2022-01-01\n": "2 successor contradiction",
		"00C,ccg,A,,,,2022-07-01\n":       "2 valid_to out_of_range",
		"RTR,trust\nRAA,trust,\xff,,,,\n": "2 line columns, 3 name encoding, 3 name required",
		"RTR,trust,\"A,,,,\n":             "2 line malformed",
	} {
		if list, err := reference.Organisations("test", strings.NewReader(head+lines)); list != nil || problems(err) != want {
			t.Errorf("%q: %s, want %s", lines, problems(err), want)
		}
	}
	for text, want := range map[string]string{"": "is not a CSV file", "code,name\n": "lacks the column kind or type", "code,CODE,kind,name\n": "column 2"} {
		var refused *ingest.FileError
		if _, err := reference.Organisations("test", strings.NewReader(text)); !errors.As(err, &refused) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// TestOrganisationsOfOtherLists: a provider is a trust, what has no type is of no
// known kind, commissioning groups ended with the last of them, and lists by the
// codes of the Office for National Statistics say their kind in the header.
func TestOrganisationsOfOtherLists(t *testing.T) {
	list, err := reference.Organisations("test", strings.NewReader("code,type,name\n00C,CCG of GP Practice,A group\nRTR,Provider,A trust\nDX1,,A hospital\n16C,sub_icb,A place\n"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range list {
		got = append(got, fmt.Sprint(o.Code, " ", o.CodeSystem, " ", o.Kind, " ", o.ValidTo))
	}
	if want := "00C ods ccg 2022-06-30, RTR ods trust 1970-01-01, DX1 ods unknown 1970-01-01, 16C ods sub_icb 1970-01-01"; strings.Join(got, ", ") != want {
		t.Errorf("%s\nwant %s", strings.Join(got, ", "), want)
	}
	for header, kind := range map[string]record.OrganisationKind{
		"icb24_code,icb24_name": record.KindICB, "ICB24CD,ICB24NM": record.KindICB, "SICBL24CD,SICBL24NM": record.KindSubICB, "NHSER24CD,NHSER24NM": record.KindRegion,
	} {
		list, err := reference.Organisations("test", strings.NewReader(header+",imd\nE54000050,A board,1.5\n"))
		if err != nil || len(list) != 1 || list[0].Kind != kind || list[0].CodeSystem != record.CodeONS || list[0].Name != "A board" {
			t.Errorf("%s: %+v, %v", header, list, err)
		}
	}
	if list, err := reference.Organisations("test", strings.NewReader("icb24_code,icb24_name\nQHM,A board\n")); list != nil || problems(err) != "2 code malformed" {
		t.Errorf("another code than the header says: %s", problems(err))
	}
}

// TestDecile: the specification's figures of 2025, and of every rank of both
// editions that the deciles rise and are as even as they can be.
func TestDecile(t *testing.T) {
	v, _ := reference.VersionNamed("2025")
	for rank, want := range map[int]uint8{1: 1, 3375: 1, 3376: 2, 33755: 10} {
		if got, ok := v.Decile(rank); !ok || got != want {
			t.Errorf("Decile(%d) = %d, %t, want %d", rank, got, ok, want)
		}
	}
	for _, name := range []string{"2019", "2025"} {
		v, ok := reference.VersionNamed(name)
		if !ok {
			t.Fatal(name)
		}
		counts, last := [11]int{}, uint8(1)
		for rank := 1; rank <= v.Areas; rank++ {
			d, ok := v.Decile(rank)
			if !ok || d < last || d > 10 {
				t.Fatalf("%s: decile %d of rank %d after %d", name, d, rank, last)
			}
			counts[d]++
			last = d
		}
		for d := 1; d <= 10; d++ {
			if n := counts[d] - v.Areas/10; n < 0 || n > 1 {
				t.Errorf("%s: decile %d has %d areas", name, d, counts[d])
			}
		}
		for _, rank := range []int{0, -1, v.Areas + 1} {
			if _, ok := v.Decile(rank); ok {
				t.Errorf("%s: rank %d has a decile", name, rank)
			}
		}
	}
	if _, ok := reference.VersionNamed("2015"); ok {
		t.Error("2015 is not read")
	}
	for decile, want := range map[uint8]uint8{1: 1, 2: 1, 3: 2, 9: 5, 10: 5} {
		if got := reference.Quintile(decile); got != want {
			t.Errorf("Quintile(%d) = %d, want %d", decile, got, want)
		}
	}
}

// imd is a list of all areas of an edition.
func imd(column string, v reference.Version) []string {
	lines := []string{`"` + column + `","IMD_decile","IMD_rank"`}
	for rank := 1; rank <= v.Areas; rank++ {
		d, _ := v.Decile(rank)
		lines = append(lines, fmt.Sprintf(`"E01%06d",%d,%d`, rank, d, rank))
	}
	return lines
}

func TestIMD(t *testing.T) {
	for _, c := range []struct{ column, version string }{{"lsoa11_code", "2019"}, {"lsoa21_code", "2025"}} {
		want, _ := reference.VersionNamed(c.version)
		lines := imd(c.column, want)
		v, list, err := reference.IMD("test", strings.NewReader(strings.Join(lines, "\n")))
		if err != nil || v != want || len(list) != want.Areas || list[0] != (record.Deprivation{LSOA: "E01000001", Decile: 1}) {
			t.Fatalf("%s: %v, %d areas, %v", c.version, v, len(list), err)
		}
		for line, want := range map[string]string{
			`E01000001,1,1`: "2 " + c.column + " repeated", `W01000001,1,1`: c.column + " malformed", `E01000002,2,1`: "imd_decile contradiction",
			`E01000002,11,1`: "imd_decile out_of_range", `E01000002,1,40000`: "imd_rank out_of_range", `E01000002,x,1`: "imd_decile type", `E01000002,1,`: "imd_rank type",
		} {
			spoilt := append([]string{}, lines...)
			spoilt[2] = line
			if line == `E01000001,1,1` {
				want = "3 " + c.column + " repeated"
			}
			if _, _, err := reference.IMD("test", strings.NewReader(strings.Join(spoilt, "\n"))); !strings.Contains(problems(err), want) {
				t.Errorf("%s: %s, want %s", line, problems(err), want)
			}
		}
		if _, _, err := reference.IMD("test", strings.NewReader(strings.Join(lines[:100], "\n"))); err == nil || !strings.Contains(err.Error(), "has 99 areas") {
			t.Errorf("half a list: %v", err)
		}
	}
}

func TestOptOuts(t *testing.T) {
	s := ingest.Setting{Key: []byte("a key for tests only, 32 bytes .."), TestNumbers: true}
	for _, text := range []string{
		"9990000018\n999 000 0026\n\n9990000018\n",
		"\xef\xbb\xbfNHS number,date\r\n\"9990000018\",2020\r\n999-000-0026,2021",
	} {
		list, err := reference.OptOuts("test", strings.NewReader(text), &s)
		if err != nil || len(list) != 2 || bytes.Compare(list[0][:], list[1][:]) >= 0 {
			t.Errorf("%q: %d people, %v", text, len(list), problems(err))
		}
		first, second := record.Pseudonym(s.Key, "9990000018"), record.Pseudonym(s.Key, "9990000026")
		for _, p := range list {
			if p != first && p != second {
				t.Errorf("%q: a person who is none of them", text)
			}
		}
	}
	if list, err := reference.OptOuts("test", strings.NewReader("9990000018\n9990000019\n9434765919\n"), &s); list != nil || problems(err) != "2 nhs_number nhs_number, 3 nhs_number nhs_number_test" {
		t.Errorf("wrong numbers: %s", problems(err))
	}
	if _, err := reference.OptOuts("test", strings.NewReader(strings.Repeat("9", 1<<17)), &s); err == nil || strings.Contains(err.Error(), "999") {
		t.Errorf("no list: %v", err)
	}
	if _, err := reference.OptOuts("test", strings.NewReader(""), &s); err == nil || !strings.Contains(err.Error(), "is empty") {
		t.Errorf("an empty file: %v", err)
	}
	if list, err := reference.OptOuts("test", strings.NewReader("nhs_number\n"), &s); err != nil || len(list) != 0 {
		t.Errorf("a list of nobody: %d people, %v", len(list), err)
	}
	if _, err := reference.OptOuts("test", strings.NewReader("9990000018\n"), &ingest.Setting{}); err == nil || !strings.Contains(err.Error(), "pseudonym.key_file") {
		t.Errorf("no key: %v", err)
	}
}

// FuzzLists: no list panics, and an accepted one holds what it says.
func FuzzLists(f *testing.F) {
	f.Add([]byte(head + "RTR,trust,A,QAA,,2020-01-01,\n"))
	f.Add([]byte("lsoa11_code,imd_decile,imd_rank\nE01000001,1,1\n"))
	f.Add([]byte("nhs_number\n9990000018\n"))
	s := ingest.Setting{Key: []byte("a key for tests only, 32 bytes .."), TestNumbers: true}
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := reference.Organisations("test", bytes.NewReader(text))
		for _, o := range list {
			if err != nil || o.Code == "" || o.Name == "" || o.Kind < 0 || o.Kind > record.KindSubICB {
				t.Errorf("%+v of a list with %v", o, err)
			}
		}
		if _, areas, err := reference.IMD("test", bytes.NewReader(text)); err == nil && len(areas) < 30_000 {
			t.Error("half a list is taken")
		}
		_, _ = reference.OptOuts("test", bytes.NewReader(text), &s)
	})
}
