package store_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/analytics/moments"
	"github.com/lumbar-health/lumbar/internal/chtest"
	"github.com/lumbar-health/lumbar/store/read"
	"github.com/lumbar-health/lumbar/store/schema"
)

// measured is a row of a table that is not ours, in plain Go.
type measured struct {
	id     int
	arm    string
	weight float64
	known  bool // the weight is
	score  int  // hundredths
	week   int
	status int
}

var frameColumns = []schema.Column{
	{Name: "id", Kind: schema.Integer, Unit: 1, Bound: 1 << 31},
	{Name: "arm", Kind: schema.Text},
	{Name: "weight", Kind: schema.Float, Nullable: true},
	{Name: "score", Kind: schema.Integer, Unit: 100, Bound: 5000},
	{Name: "week", Kind: schema.Integer, Unit: 1, Bound: 200, Nullable: true},
	{Name: "status", Kind: schema.Integer, Unit: 1, Bound: 9, Nullable: true},
	{Name: "heavy", Kind: schema.Integer, Unit: 1, Bound: 1, Nullable: true, Expression: "toNullable(weight > 1)"},
}

// frame stores the rows in the order of the places given.
func frame(t *testing.T, db *chtest.DB, table string, rows []measured, order []int) *read.Reader {
	t.Helper()
	conn := db.Conn(t)
	ctx := context.Background()
	if err := conn.Exec(ctx, "CREATE TABLE "+table+" (id Int32, arm String, weight Nullable(Float64), score Int32, week Nullable(Int32), status Nullable(Int8)) ENGINE = MergeTree ORDER BY tuple()"); err != nil {
		t.Fatal(err)
	}
	for some := range slices.Chunk(order, 150) {
		batch, err := conn.PrepareBatch(ctx, "INSERT INTO "+table)
		if err != nil {
			t.Fatal(err)
		}
		defer batch.Close()
		for _, i := range some {
			r := rows[i]
			var weight *float64
			if r.known {
				weight = &r.weight
			}
			week, status := int32(r.week), int8(r.status)
			if err := batch.Append(int32(r.id), r.arm, weight, int32(r.score), &week, &status); err != nil {
				t.Fatal(err)
			}
		}
		if err := batch.Send(); err != nil {
			t.Fatal(err)
		}
	}
	r, err := read.NewFrame(conn, read.HTTP{Addr: db.HTTPAddr, Database: db.Database, User: db.User, Password: db.Password}, table, frameColumns)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// sharded reads a table through two shards, each of which has every other row.
func sharded(t *testing.T, db *chtest.DB, table string) *read.Reader {
	t.Helper()
	conn := db.Conn(t)
	_, port, found := strings.Cut(db.Addr, ":")
	if !found {
		t.Fatalf("no port in %s", db.Addr)
	}
	for _, statement := range []string{
		"CREATE VIEW half AS SELECT * FROM " + table + " WHERE id % 2 = shardNum() - 1",
		fmt.Sprintf("CREATE TABLE shards AS remote('127.0.0.1:%s,localhost:%s', '%s', 'half', '%s', '%s')", port, port, db.Database, db.User, db.Password),
	} {
		if err := conn.Exec(context.Background(), statement); err != nil {
			t.Fatal("the shards can not be made") // the statement holds a password
		}
	}
	r, err := read.NewFrame(conn, read.HTTP{Addr: db.HTTPAddr, Database: db.Database, User: db.User, Password: db.Password}, "shards", frameColumns)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func measurements(random *rand.Rand, n int) []measured {
	weights := []float64{0, math.Copysign(0, -1), -1.5, 1e-300, -1e300, math.Pi, 1.25}
	rows := make([]measured, n)
	for i := range rows {
		rows[i] = measured{i, pick(random, "a", "b's", "", "é\\"), weights[random.IntN(len(weights))], random.IntN(5) > 0, random.IntN(7)*100 - 300, random.IntN(30), random.IntN(3)}
	}
	return rows
}

// TestFrameEqualsGo asks every reader about another table, whose rows came in two
// orders, and of which two shards have a half each.
func TestFrameEqualsGo(t *testing.T) {
	db := chtest.New(t)
	random := rand.New(rand.NewPCG(21, 21))
	rows := measurements(random, 700)
	shuffled := random.Perm(len(rows))
	first, second := frame(t, db, "first", rows, random.Perm(len(rows))), frame(t, db, "second", rows, shuffled)
	shards := sharded(t, db, "first")
	for _, r := range []*read.Reader{first, second, shards} {
		frameCells(t, r, rows)
		frameRisk(t, r, rows)
		framePeople(t, r, rows)
	}
	for name, ask := range map[string]func(r *read.Reader, threads int) (any, error){
		"cells": func(r *read.Reader, n int) (any, error) {
			return r.Cells(threads(n), read.CellQuestion{Columns: []string{"arm", "weight", "week"}, Response: "score", Missing: true})
		},
		"histogram": func(r *read.Reader, n int) (any, error) {
			return r.Histogram(threads(n), read.HistogramQuestion{Selection: read.Selection{By: []string{"arm"}}, Column: "weight"})
		},
		"risk": func(r *read.Reader, n int) (any, error) {
			return r.Risk(threads(n), read.RiskQuestion{Columns: []string{"arm"}, Time: "week", Status: "status"})
		},
		"moments": func(r *read.Reader, n int) (any, error) {
			return r.Moments(threads(n), read.Question{Selection: read.Selection{By: []string{"arm"}}, Terms: []moments.Term{moments.Column("score"), moments.Column("week"), moments.Indicator("arm", "b's")}})
		},
		"people": func(r *read.Reader, n int) (any, error) {
			return r.People(threads(n), read.PeopleQuestion{Columns: []string{"arm", "weight", "score"}, Missing: true, SortBy: []string{"id"}})
		},
	} {
		want, err := ask(first, 1)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, r := range []*read.Reader{first, second, shards} {
			if got, err := ask(r, 2); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s depends on the order of rows, on threads or on shards (%v)", name, err)
			}
		}
	}
}

func frameCells(t *testing.T, r *read.Reader, rows []measured) {
	t.Helper()
	want := map[string][3]float64{}
	for _, m := range rows {
		if m.week < 5 || !m.known {
			continue
		}
		k := fmt.Sprintf("%s|%v|%v", m.arm, m.weight+0, m.weight > 1)
		y := float64(m.score)
		c := want[k]
		want[k] = [3]float64{c[0] + 1, c[1] + y, c[2] + y*y}
	}
	got, err := r.Cells(context.Background(), read.CellQuestion{
		Selection: read.Selection{By: []string{"arm"}, Where: read.Compare{Column: "week", Op: read.Ge, Values: []read.Value{{Number: 5}}}},
		Columns:   []string{"weight", "heavy"}, Response: "score"})
	if err != nil {
		t.Fatal(err)
	}
	if got.Len() != len(want) || !got.Exact {
		t.Errorf("%d cells, want %d", got.Len(), len(want))
	}
	for _, g := range got.Groups {
		for i := g.From; i < g.To; i++ {
			k := fmt.Sprintf("%s|%v|%v", g.Key[0], got.Columns[0].Numbers[i], got.Columns[1].Numbers[i] == 1)
			if w := want[k]; float64(got.Count[i]) != w[0] || got.Sum[i] != w[1]/100 || got.SumSq[i] != w[2]/10000 {
				t.Errorf("%q = %v %v %v, want %v", k, got.Count[i], got.Sum[i], got.SumSq[i], w)
			}
		}
	}
	floats, err := r.Cells(context.Background(), read.CellQuestion{Columns: []string{"arm"}, Response: "weight", Unanswered: true})
	if err != nil || floats.Exact || !slices.Equal(floats.Columns[0].Levels, []string{"a", "b's", "é\\"}) {
		t.Errorf("cells of a float = %+v, %v", floats, err)
	}
}

func frameRisk(t *testing.T, r *read.Reader, rows []measured) {
	t.Helper()
	counts := map[string][3]int{}
	for _, m := range rows {
		k := fmt.Sprintf("%s@%d", m.arm, m.week)
		c := counts[k]
		c[m.status]++
		counts[k] = c
	}
	want := map[string]string{}
	for k, c := range counts {
		want[k] = fmt.Sprint([]int{c[1], c[2]}, c[0])
	}
	got, err := r.Risk(context.Background(), read.RiskQuestion{Selection: read.Selection{By: []string{"arm"}}, Time: "week", Status: "status"})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.Causes, []string{"1", "2"}) {
		t.Errorf("causes = %q", got.Causes)
	}
	sameRisk(t, "frame", got, want)
	one, err := r.Risk(context.Background(), read.RiskQuestion{Time: "week", Status: "status", Censored: "2"})
	if err != nil || !slices.Equal(one.Causes, []string{"0", "1"}) || len(one.Groups) != 1 {
		t.Errorf("another status of the censored: %+v, %v", one, err)
	}
}

func framePeople(t *testing.T, r *read.Reader, rows []measured) {
	t.Helper()
	got, err := r.People(context.Background(), read.PeopleQuestion{Columns: []string{"arm", "weight", "score", "id"}, Missing: true, SortBy: []string{"id"}})
	if err != nil || got.N != len(rows) {
		t.Fatalf("%d people, %v", got.N, err)
	}
	for i, m := range rows {
		arm := ""
		if code := got.Columns[0].Codes[i]; code >= 0 {
			arm = got.Columns[0].Levels[code]
		}
		if weight := got.Columns[1]; weight.Missing[i] == m.known || m.known && weight.Numbers[i] != m.weight || arm != m.arm ||
			got.Columns[2].Numbers[i] != float64(m.score)/100 || got.Columns[3].Numbers[i] != float64(m.id) {
			t.Fatalf("row %d: %+v differs", i, m)
		}
	}
	if _, err := r.People(context.Background(), read.PeopleQuestion{Columns: []string{"arm"}}); err == nil || !strings.Contains(err.Error(), "sorted") {
		t.Errorf("people of a frame without an order: %v", err)
	}
}

func TestFrameErrors(t *testing.T) {
	db := chtest.New(t)
	conn := db.Conn(t)
	for _, c := range []struct {
		table   string
		columns []schema.Column
		want    string
	}{
		{"a; DROP TABLE b", nil, "a name is"},
		{"a", []schema.Column{{Name: "_x", Kind: schema.Float}}, "does not begin"},
		{"a", []schema.Column{{Name: "x", Kind: schema.Float}, {Name: "x", Kind: schema.Text}}, "twice"},
		{"a", []schema.Column{{Name: "x", Kind: schema.Integer, Unit: 1}}, "the largest"},
	} {
		if _, err := read.NewFrame(conn, read.HTTP{}, c.table, c.columns); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q %+v = %v, want an error with %q", c.table, c.columns, err, c.want)
		}
	}
	r := frame(t, db, "third", nil, nil)
	for want, q := range map[string]read.CellQuestion{
		"no programmes":     {Selection: read.Selection{Programme: "x"}},
		"no column":         {Columns: []string{"region"}},
		"is no number":      {Response: "arm"},
		"is a measurement:": {Selection: read.Selection{By: []string{"score"}}},
	} {
		if _, err := r.Cells(context.Background(), q); want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%+v = %v, want an error with %q", q, err, want)
		}
	}
}

// TestNumbersBeyondTheirBound are refused: their codes would run into others.
func TestNumbersBeyondTheirBound(t *testing.T) {
	db := chtest.New(t)
	r := frame(t, db, "wide", []measured{{week: 201, score: 5}, {week: 3, score: -5001}}, []int{0, 1})
	for _, column := range []string{"week", "score"} {
		if c, err := r.Cells(context.Background(), read.CellQuestion{Columns: []string{"arm", column}, Missing: true}); err == nil || !strings.Contains(err.Error(), "beyond") {
			t.Errorf("%s: %+v, %v", column, c, err)
		}
		if _, err := r.People(context.Background(), read.PeopleQuestion{Columns: []string{column}, Missing: true, SortBy: []string{"id"}}); err == nil || !strings.Contains(err.Error(), "beyond") {
			t.Errorf("%s of people: %v", column, err)
		}
	}
}
