package queries_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/queries"
	"github.com/lumbar-health/lumbar/store/schema"
)

var update = flag.Bool("update", false, "rewrite testdata/*.spec")

// TestSpecs runs testdata/*.spec. A file loads rows, asks questions and states
// what is answered:
//
//	load
//	n programme fy sex odi_baseline odi_12m
//	10 back-pain 2024 female 40 30
//	----
//	10 rows
//
//	ask outcomes instrument=odi by=sex
//	----
//	sex    female
//	…
//
// and an answer is written with a line a column.
//
// n is how many people are alike; "-" is no value; ask! asks undisclosed.
func TestSpecs(t *testing.T) {
	files, err := filepath.Glob("testdata/*.spec")
	if err != nil || len(files) == 0 {
		t.Fatalf("no specs: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".spec"), func(t *testing.T) { runSpec(t, file) })
	}
}

// step is one command of a spec with what it is to say.
type step struct {
	comment, command string
	input, want      []string
}

func runSpec(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var d *desk
	var out strings.Builder
	for _, s := range parseSpec(string(text)) {
		var got string
		switch verb := strings.Fields(s.command)[0]; verb {
		case "load":
			rows := specRows(t, s.input)
			d = open(t, rows)
			got = fmt.Sprintf("%d rows\n", len(rows))
		case "ask", "ask!":
			got = specAsk(d, strings.Fields(s.command)[1:], verb == "ask!")
		default:
			t.Fatalf("%s: unknown command %q", file, s.command)
		}
		if want := strings.Join(s.want, "\n") + "\n"; got != want && !*update {
			t.Errorf("%s: %s\ngot\n%swant\n%s", file, s.command, got, want)
		}
		out.WriteString(s.comment + s.command + "\n")
		for _, line := range s.input {
			out.WriteString(line + "\n")
		}
		out.WriteString("----\n" + got + "\n")
	}
	if *update {
		if err := os.WriteFile(file, []byte(strings.TrimRight(out.String(), "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func parseSpec(text string) (steps []step) {
	var s step
	after := false
	for sc := bufio.NewScanner(strings.NewReader(text + "\n\n")); sc.Scan(); {
		line := sc.Text()
		switch {
		case s.command == "" && (line == "" || strings.HasPrefix(line, "#")):
			if line != "" {
				s.comment += line + "\n"
			}
		case s.command == "":
			s.command = line
		case line == "----":
			after = true
		case line == "":
			steps = append(steps, s)
			s, after = step{}, false
		case after:
			s.want = append(s.want, line)
		default:
			s.input = append(s.input, line)
		}
	}
	return steps
}

func specRows(t *testing.T, lines []string) (rows []episode) {
	t.Helper()
	catalogue, err := schema.NewCatalogue(programme.All())
	if err != nil {
		t.Fatal(err)
	}
	names := strings.Fields(lines[0])
	for _, line := range lines[1:] {
		values := strings.Fields(line)
		if len(values) != len(names) {
			t.Fatalf("%d values for %d names: %s", len(values), len(names), line)
		}
		e, n := episode{}, 1
		for i, name := range names {
			number, err := strconv.ParseFloat(values[i], 64)
			c, _ := catalogue.Column(name)
			switch {
			case values[i] == "-":
			case name == "n":
				n = int(number)
			case name == "fy":
				e[name] = int(number)
			case name == "referred_on":
				day, err := time.Parse(time.DateOnly, values[i])
				if err != nil {
					t.Fatal(err)
				}
				e.referred(day)
			case err == nil && c.Numeric():
				e[name] = number
			default:
				e[name] = values[i]
			}
		}
		for range n {
			rows = append(rows, e)
		}
	}
	return rows
}

// specAsk writes an answer, a line a column.
func specAsk(d *desk, words []string, undisclosed bool) string {
	q := queries.Question{Name: words[0], Params: map[string][]string{}, Undisclosed: undisclosed}
	for _, w := range words[1:] {
		name, value, _ := strings.Cut(w, "=")
		q.Params[name] = queries.SplitList(value)
	}
	a, err := d.Ask(context.Background(), q)
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	var b strings.Builder
	for i, c := range a.Columns {
		line := fmt.Sprintf("%-18s", c.Name)
		for _, row := range a.Rows {
			text := "-"
			switch v := row.Values[i].(type) {
			case nil:
				if slices.Contains(row.Suppressed, c.Name) {
					text = "*"
				}
			case float64:
				text = strconv.FormatFloat(v, 'g', 9, 64)
			default:
				text = fmt.Sprint(v)
			}
			line += fmt.Sprintf(" %-13s", text)
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	for _, note := range a.Notes {
		b.WriteString("note: " + note + "\n")
	}
	return b.String()
}
