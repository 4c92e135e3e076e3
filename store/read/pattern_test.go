package read

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/lumbar-health/lumbar/internal/chtest"
	"github.com/lumbar-health/lumbar/store/schema"
)

func TestMain(m *testing.M) { chtest.Main(m) }

// TestLevelsThatCameMeanwhile: a category gets a value between the reading of its
// levels and the question.
func TestLevelsThatCameMeanwhile(t *testing.T) {
	db := chtest.New(t)
	conn := db.Conn(t)
	ctx := context.Background()
	for _, statement := range []string{"CREATE TABLE f (arm LowCardinality(String)) ENGINE = MergeTree ORDER BY tuple()", "INSERT INTO f VALUES ('b'), ('d')"} {
		if err := conn.Exec(ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
	r, err := NewFrame(conn, HTTP{}, "f", []schema.Column{{Name: "arm", Kind: schema.Text}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ask := func(insert func(round int) string) ([]string, int, error) {
		written := 0
		p, out, err := r.patterns(ctx, "cells", func() (*patterns, error) {
			p, err := r.cells(ctx, CellQuestion{Columns: []string{"arm"}})
			written++
			if value := insert(written); value != "" {
				if err := conn.Exec(ctx, "INSERT INTO f VALUES ('"+value+"')"); err != nil {
					return nil, err
				}
			}
			return p, err
		})
		if err != nil {
			return nil, written, err
		}
		return p.columns(out)[0].Levels, written, nil
	}
	levels, written, err := ask(func(round int) string { return []string{"", "a", "", ""}[round] })
	if err != nil || written != 2 || !slices.Equal(levels, []string{"a", "b", "d"}) {
		t.Errorf("%q after %d rounds, %v", levels, written, err)
	}
	if _, written, err := ask(func(round int) string { return fmt.Sprint("new", round) }); !errors.Is(err, errOutOfRange) || written != rounds {
		t.Errorf("ever new levels: %v after %d rounds", err, written)
	}
}

// TestCodesKeepTheOrder: numbers come back as they went, and codes are in their
// order.
func TestCodesKeepTheOrder(t *testing.T) {
	db := chtest.New(t)
	conn := db.Conn(t)
	values := []float64{math.Inf(-1), -math.MaxFloat64, -1.5, -math.SmallestNonzeroFloat64, 0, math.SmallestNonzeroFloat64, 1, math.Pi, math.MaxFloat64}
	if err := conn.Exec(context.Background(), "CREATE TABLE f (x Float64, y Int64) ENGINE = MergeTree ORDER BY tuple()"); err != nil {
		t.Fatal(err)
	}
	for i, x := range slices.Backward(values) {
		if err := conn.Exec(context.Background(), "INSERT INTO f VALUES (?, ?)", x, int64(i-4)<<57); err != nil {
			t.Fatal(err)
		}
	}
	r, err := NewFrame(conn, HTTP{}, "f", []schema.Column{{Name: "x", Kind: schema.Float}, {Name: "y", Kind: schema.Integer, Unit: 1, Bound: 1 << 60}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	c, err := r.Cells(context.Background(), CellQuestion{Columns: []string{"x", "y"}})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(c.Columns[0].Numbers, values) {
		t.Errorf("%v, want %v", c.Columns[0].Numbers, values)
	}
	for i, y := range c.Columns[1].Numbers {
		if y != float64(int64(i-4)<<57) {
			t.Errorf("y[%d] = %v", i, y)
		}
	}
}

func TestPack(t *testing.T) {
	all := []coding{{most: 3}, {most: 1<<40 - 1}, {most: 1<<22 - 1}, {most: math.MaxUint64}, {most: 1}, {most: 0}}
	words := pack(all)
	var got []string
	for _, w := range words {
		got = append(got, fmt.Sprint(w.first, w.last, w.shifts, w.text()))
	}
	want := []string{
		"0 3 [62 22 0]bitOr(bitOr(bitShiftLeft(_c0, 62), bitShiftLeft(_c1, 22)), _c2)",
		"3 4 [0]_c3",
		"4 6 [0 0]bitOr(_c4, _c5)",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	codes := make([][]uint64, len(all))
	words[0].unpack(2<<62|5<<22|7, all, codes)
	words[1].unpack(math.MaxUint64, all, codes)
	words[2].unpack(1, all, codes)
	if fmt.Sprint(codes) != "[[2] [5] [7] [18446744073709551615] [1] [0]]" {
		t.Errorf("codes = %v", codes)
	}
}

// TestManyLevels: more levels than an address holds are streamed all the same.
func TestManyLevels(t *testing.T) {
	db := chtest.New(t)
	conn := db.Conn(t)
	ctx := context.Background()
	const n = 30_000
	for _, statement := range []string{
		"CREATE TABLE f (id Int64, practice String, few String) ENGINE = MergeTree ORDER BY tuple()",
		fmt.Sprintf("INSERT INTO f SELECT number, if(number = 7, '', concat('practice', leftPad(toString(number), 6, '0'))), toString(number %% 3) FROM numbers(%d)", n),
	} {
		if err := conn.Exec(ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
	r, err := NewFrame(conn, HTTP{Addr: db.HTTPAddr, Database: db.Database, User: db.User, Password: db.Password}, "f",
		[]schema.Column{{Name: "id", Kind: schema.Integer, Unit: 1, Bound: n}, {Name: "practice", Kind: schema.Text}, {Name: "few", Kind: schema.Text}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p, err := r.People(ctx, PeopleQuestion{Columns: []string{"practice", "id", "few"}, SortBy: []string{"id"}, Missing: true})
	if err != nil || p.N != n {
		t.Fatalf("%+v, %v", p, err)
	}
	c := p.Columns[0]
	if len(c.Levels) != n-1 || c.Codes[7] != -1 || !c.Missing[7] || c.Levels[c.Codes[n-1]] != fmt.Sprintf("practice%06d", n-1) || p.Columns[1].Numbers[n-1] != n-1 {
		t.Errorf("%d levels; row 8 has code %d, the last %q", len(c.Levels), c.Codes[7], c.Levels[c.Codes[n-1]])
	}
	cells, err := r.Cells(ctx, CellQuestion{Columns: []string{"practice"}})
	if err != nil || cells.Len() != n-1 || !slices.Equal(cells.Columns[0].Levels, c.Levels) {
		t.Errorf("%v", err)
	}
}
