//go:build shared

package pushdown

import (
	"context"
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/internal/chtest"
	"github.com/lumbar-health/lumbar/store/read"
	"github.com/lumbar-health/lumbar/store/schema"
)

func TestMain(m *testing.M) { chtest.Main(m) }

// rowNumber is the column by which people are put back into the file's order.
const rowNumber = "row number"

// vector is a column of a file.
type vector struct {
	schema.Column
	numbers []float64 // NaN where missing
	texts   []string
}

// dataset is a golden file twice: as rows in Go and as a table of the engine.
type dataset struct {
	n       int
	columns []*vector
	reader  *read.Reader
}

func (d *dataset) column(name string) *vector {
	for _, v := range d.columns {
		if v.Name == name {
			return v
		}
	}
	panic("no column " + name)
}

func golden(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("LUMBAR_SHARED"); dir != "" {
		return filepath.Join(dir, "golden")
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "..", "shared", "golden")
		}
		if filepath.Dir(dir) == dir {
			t.Fatal("no go.mod above the test: set LUMBAR_SHARED")
		}
		dir = filepath.Dir(dir)
	}
}

// files are the golden files with rows of people or of months.
var files = []string{"cohort", "cohort20k", "did_panel", "eight_schools", "items", "iv", "longitudinal", "mi_long", "monthly", "numacc", "regions", "survival"}

// datasets loads every file, once for a test.
func datasets(t *testing.T) map[string]*dataset {
	t.Helper()
	db := chtest.New(t)
	conn := db.Conn(t)
	all := map[string]*dataset{}
	for _, name := range append(slices.Clone(files), "wide") {
		d := &dataset{}
		if name == "wide" {
			d.widen(all["longitudinal"])
		} else {
			d.parse(t, filepath.Join(golden(t), name+".csv"))
		}
		ctx := context.Background()
		if err := conn.Exec(ctx, "CREATE TABLE "+name+" ("+d.types()+") ENGINE = MergeTree ORDER BY tuple()"); err != nil {
			t.Fatal(err)
		}
		batch, err := conn.PrepareBatch(ctx, "INSERT INTO "+name)
		if err != nil {
			t.Fatal(err)
		}
		defer batch.Close()
		for i := range d.n {
			if err := batch.Append(d.row(i)...); err != nil {
				t.Fatal(err)
			}
		}
		if err := batch.Send(); err != nil {
			t.Fatal(err)
		}
		var columns []schema.Column
		for _, v := range d.columns {
			columns = append(columns, v.Column)
		}
		d.reader, err = read.NewFrame(conn, read.HTTP{Addr: db.HTTPAddr, Database: db.Database, User: db.User, Password: db.Password}, name, columns)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(d.reader.Close)
		all[name] = d
	}
	return all
}

func (d *dataset) parse(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	d.fill(records)
}

// fill takes a header and the rows below it.
func (d *dataset) fill(records [][]string) {
	d.n = len(records) - 1
	for c, name := range records[0] {
		v := &vector{Column: schema.Column{Name: name}}
		for _, record := range records[1:] {
			v.texts = append(v.texts, record[c])
		}
		v.classify()
		d.columns = append(d.columns, v)
	}
	order := &vector{Column: schema.Column{Name: rowNumber}}
	for i := range d.n {
		order.texts = append(order.texts, strconv.Itoa(i))
	}
	order.classify()
	d.columns = append(d.columns, order)
}

// widen makes the rows of visits one a person, as the store keeps outcomes: a
// column for each visit, and in seen those that the person has.
func (d *dataset) widen(long *dataset) {
	visits, codes := levelsOf(long.column("visit"), long.rows(nil))
	records := [][]string{append([]string{"id", "arm", "odi_0", "seen"}, visits...)}
	at := map[string][]string{}
	for i := range long.n {
		id := long.column("id").texts[i]
		if at[id] == nil {
			at[id] = append([]string{id, long.column("arm").texts[i], long.column("odi_0").texts[i], ""}, make([]string, len(visits))...)
			records = append(records, at[id])
		}
		if y := long.column("odi").texts[i]; y != "" {
			at[id][3] += visits[codes[i]] + " "
			at[id][4+codes[i]] = y
		}
	}
	d.fill(records)
}

// classify makes the column whole units where all its numbers have few decimals,
// as a score has, and a text where one value is no number.
func (v *vector) classify() {
	decimals := 0
	largest := 0.0
	for _, text := range v.texts {
		x, err := strconv.ParseFloat(text, 64)
		switch {
		case text == "":
			x = math.NaN()
		case err != nil:
			v.Kind, v.numbers = schema.Text, nil
			return
		default:
			if _, fraction, ok := strings.Cut(text, "."); ok {
				decimals = max(decimals, len(fraction))
			}
			largest = max(largest, math.Abs(x))
		}
		v.numbers = append(v.numbers, x)
	}
	v.Kind, v.Nullable = schema.Float, true
	unit := math.Pow10(decimals)
	if decimals <= 6 && largest*unit < 1<<30 {
		v.Kind, v.Unit, v.Bound = schema.Integer, int64(unit), int64(math.Round(largest*unit))+1
	}
}

func (d *dataset) types() string {
	var types []string
	for _, v := range d.columns {
		kind := map[schema.Kind]string{schema.Text: "LowCardinality(String)", schema.Integer: "Nullable(Int64)", schema.Float: "Nullable(Float64)"}[v.Kind]
		types = append(types, schema.Quote(v.Name)+" "+kind)
	}
	return strings.Join(types, ", ")
}

func (d *dataset) row(i int) []any {
	values := make([]any, len(d.columns))
	for c, v := range d.columns {
		switch {
		case v.Kind == schema.Text:
			values[c] = v.texts[i]
		case math.IsNaN(v.numbers[i]):
			values[c] = nil
		case v.Kind == schema.Integer:
			units := int64(math.Round(v.numbers[i] * float64(v.Unit)))
			values[c] = &units
		default:
			values[c] = &v.numbers[i]
		}
	}
	return values
}

// where is a condition on rows: a column has a value, or one of some.
type where struct {
	column string
	in     []string // empty: any value
}

func in(column string, values ...string) where { return where{column, values} }

// predicate is the conditions as the store takes them.
func (d *dataset) predicate(all []where) read.Predicate {
	var and read.And
	for _, w := range all {
		if len(w.in) == 0 {
			and = append(and, read.Present{Column: w.column})
			continue
		}
		c := read.Compare{Column: w.column, Op: read.In}
		for _, text := range w.in {
			v := read.Value{Text: text, IsText: true}
			if d.column(w.column).Kind != schema.Text {
				x, err := strconv.ParseFloat(text, 64)
				if err != nil {
					panic(err)
				}
				v = read.Value{Number: x}
			}
			c.Values = append(c.Values, v)
		}
		and = append(and, c)
	}
	return and
}

// rows are the places of the rows that meet the conditions and have the columns.
func (d *dataset) rows(all []where, complete ...string) []int {
	for _, name := range complete {
		all = append(slices.Clone(all), where{column: name})
	}
	var places []int
	for i := range d.n {
		if !slices.ContainsFunc(all, func(w where) bool {
			text := d.column(w.column).texts[i]
			return text == "" || len(w.in) > 0 && !slices.Contains(w.in, text)
		}) {
			places = append(places, i)
		}
	}
	return places
}

// table is the columns at the places of the file, factors in bytewise order.
func (d *dataset) table(t *testing.T, places []int, columns []string) *design.Table {
	t.Helper()
	var out []design.Column
	for _, name := range columns {
		v := d.column(name)
		c := design.Column{Name: name}
		if v.Kind == schema.Text {
			c.Levels, c.Codes = levelsOf(v, places)
		} else {
			for _, i := range places {
				c.Values = append(c.Values, v.numbers[i])
			}
		}
		out = append(out, c)
	}
	table, err := design.NewTable(out...)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func levelsOf(v *vector, places []int) (levels []string, codes []int) {
	for _, i := range places {
		if text := v.texts[i]; text != "" {
			levels = append(levels, text)
		}
	}
	slices.Sort(levels)
	levels = slices.Compact(levels)
	for _, i := range places {
		codes = append(codes, slices.Index(levels, v.texts[i]))
	}
	return levels, codes
}

// key of a row among groups.
func (d *dataset) key(i int, by []string) string {
	parts := make([]string, len(by))
	for k, name := range by {
		parts[k] = d.column(name).texts[i]
	}
	return fmt.Sprintf("%q", parts)
}
