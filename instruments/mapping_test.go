package instruments

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// mappingTable writes a table of mapped indices in which every state, age band
// and sex has a value of its own.
func mappingTable(levels int) string {
	var text strings.Builder
	text.WriteString("\"State\",\"Age\",\"Sex\",\"UK\",\"UKCopula\"\n")
	n := 0
	var step func(state string)
	step = func(state string) {
		if len(state) < 5 {
			for l := 1; l <= levels; l++ {
				step(state + string('0'+rune(l)))
			}
			return
		}
		for _, age := range []string{"18-34", "35-44", "45-54", "55-64", "65+"} {
			for _, sex := range []string{"male", "female"} {
				fmt.Fprintf(&text, "%s,%q,%q,9,0.%06d\n", state, age, sex, n)
				n++
			}
		}
	}
	step("")
	return text.String()
}

var mappingTables = sync.OnceValue(func() map[string]string {
	return map[string]string{"DSU_5Lto3L_UK.csv": mappingTable(5), "DSU_3Lto5L_UK.csv": mappingTable(3)}
})

// mappingFolder writes a folder with both tables, edited.
func mappingFolder(t *testing.T, edit func(name, text string) (newName, newText string)) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range mappingTables() {
		name, text := edit(name, text)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func unchanged(name, text string) (string, string) { return name, text }

func packed(name, text string) (string, string) {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return name + ".gz", out.String()
}

// A mapped index is the table's, by profile, age band and sex; without an
// adult's age or a sex there is none, and the other indices stand.
func TestMappedIndex(t *testing.T) {
	var versions []string
	for _, edit := range []func(string, string) (string, string){unchanged, packed} {
		r, err := newRegistry(mappingFolder(t, edit), definitionFiles)
		if err != nil {
			t.Fatal(err)
		}
		versions = append(versions, r.version)
		d, err := r.lookup("eq5d3l", "")
		if err != nil {
			t.Fatal(err)
		}
		for person, want := range map[string]any{
			`"age":18,"sex":"male"`: 0.001210, `"age":34,"sex":"female"`: 0.001211, `"age":35,"sex":"male"`: 0.001212, `"age":44,"sex":"male"`: 0.001212,
			`"age":54,"sex":"female"`: 0.001215, `"age":64,"sex":"male"`: 0.001216, `"age":65,"sex":"male"`: 0.001218, `"age":130,"sex":"female"`: 0.001219,
			`"age":17,"sex":"male"`: nil, `"age":0,"sex":"male"`: nil, `"age":null,"sex":"male"`: nil, `"age":40`: nil, `"age":40,"sex":"indeterminate"`: nil,
		} {
			// 22222 is the 122nd state of 3L: rows 1210 to 1219.
			got := d.Result(parse(t, d, `{"answers":"22222",`+person+`}`))
			index, there := got.Indices["dsu_eepru_2022_to_5l"]
			if !there || numberOrNull(index) != want || (got.Reason == ReasonNeedsAgeSex) != (want == nil) || *got.Score != 0.516 || len(got.Flags) != 0 || got.Status != Complete {
				t.Errorf("22222, %s = %v, %+v, want %v", person, index, got, want)
			}
		}
		for _, column := range []string{"eq5d3l_dsu_eepru_2022_to_5l", "eq5d3l_profile"} {
			if s := r.byColumn[column]; s == nil || s.Absent() {
				t.Errorf("no column %s beside the table", column)
			}
		}
		out, a := make([]Scored, len(d.Scores)), Administration{Codes: codesOf(5, 2), Age: 40, Sex: "male"}
		if n := testing.AllocsPerRun(100, func() { _ = d.Score(&a, out) }); n != 0 {
			t.Errorf("%v allocations a mapped score, want 0", n)
		}
		incomplete := d.Result(parse(t, d, `{"answers":"22922","age":40,"sex":"male"}`))
		if index, there := incomplete.Indices["dsu_eepru_2022_to_5l"]; !there || index != nil || incomplete.Reason != ReasonTooFewAnswers {
			t.Errorf("22922 = %v, %v, %q", there, index, incomplete.Reason)
		}
		for _, column := range []string{"eq5d3l_dsu_eepru_2022_to_5l", "eq5d5l_dsu_eepru_2022_to_3l"} {
			if s := r.byColumn[column]; s == nil || !s.NeedsPerson || s.Mapping() == nil || s.Unit != 0 || s.ProfileScore != column[:6]+"_profile" {
				t.Errorf("column %s = %+v", column, s)
			}
		}
	}
	if versions[0] != versions[1] || versions[0] == RegistryVersion() {
		t.Errorf("registry versions %v with tables, %s without", versions, RegistryVersion())
	}
}

// Without the tables the mapped indices are absent and results say so.
func TestMappedIndexWithoutTable(t *testing.T) {
	d := mustLookup(t, "eq5d5l")
	r := d.Result(parse(t, d, `{"answers":"21232","age":40,"sex":"male"}`))
	if _, there := r.Indices["dsu_eepru_2022_to_3l"]; there || len(r.Flags) != 1 || r.Flags[0] != FlagDSUNotLoaded {
		t.Errorf("indices %v, flags %v", r.Indices, r.Flags)
	}
	if _, ok := ScoreByColumn("eq5d5l_dsu_eepru_2022_to_3l"); ok {
		t.Error("an index without its table has a column")
	}
}

// A folder that is not there, or that lacks or damages a table, changes nothing.
func TestBrokenMappingsAreRefused(t *testing.T) {
	before := RegistryVersion()
	line := func(n int, with string) func(string, string) (string, string) {
		return func(name, text string) (string, string) {
			lines := strings.SplitAfter(text, "\n")
			lines[n] = with
			return name, strings.Join(lines, "")
		}
	}
	for _, c := range []struct {
		edit func(string, string) (string, string)
		want string
	}{
		{func(name, text string) (string, string) { return "other.csv", text }, "NAME.csv"},
		{func(name, text string) (string, string) { return name + ".gz", text }, "unpack"},
		{line(0, "State,Age,Sex,UK\n"), "no column UKCopula"},
		{line(3, ""), "every state"},
		{line(3, "11111,\"18-34\",\"male\",1,0.5\n"), "line 4 repeats"},
		{line(3, "11911,\"18-34\",\"male\",1,0.5\n"), "line 4"},
		{line(3, "11111,\"16-34\",\"male\",1,0.5\n"), "line 4"},
		{line(3, "11111,\"35-44\",\"any\",1,0.5\n"), "line 4"},
		{line(3, "11111,\"35-44\",\"male\",1,1.5\n"), "line 4"},
		{line(3, "11111,\"35-44\",\"male\",1,NaN\n"), "every state"},
		{line(3, "11111,\"35-44\",\"male\"\n"), "read"},
	} {
		err := UseMappings(mappingFolder(t, c.edit))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("UseMappings: %v, want an error with %q", err, c.want)
		}
	}
	if err := UseMappings(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a folder that is not there is accepted")
	}
	if RegistryVersion() != before {
		t.Error("a folder that was refused changed the registry")
	}
}
