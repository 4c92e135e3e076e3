package methods

import (
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"sort"
	"strconv"
	"strings"

	"github.com/lumbar-health/lumbar/analytics/design"
)

// Levels gives the order of a column's levels, the first being the reference.
type Levels map[string][]string

// ReadTable reads a CSV file, gzip by its name's ending, as ParseTable does.
func ReadTable(path string, levels Levels) (*design.Table, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		z, err := gzip.NewReader(f)
		if err != nil {
			return nil, fmt.Errorf("table: not a gzip file: %w", err)
		}
		defer z.Close()
		r = z
	}
	return ParseTable(r, levels)
}

// ParseTable reads CSV with a header; an empty field is missing. A column is
// numeric when every field is a number and no levels were given for it, else a
// factor, its levels bytewise in order where none were given.
func ParseTable(r io.Reader, levels Levels) (*design.Table, error) {
	reader := csv.NewReader(r)
	reader.ReuseRecord = true
	header, err := reader.Read()
	if err != nil {
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("table: empty file: %w", ErrRequest)
		}
		return nil, fmt.Errorf("table: not CSV with a header: %v: %w", err, ErrRequest)
	}
	names := append([]string(nil), header...)
	names[0] = strings.TrimPrefix(names[0], "\ufeff")
	cells := make([][]string, len(names))
	for {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			var parse *csv.ParseError
			if errors.As(err, &parse) {
				return nil, fmt.Errorf("table: line %d: %v: %w", parse.Line, parse.Err, ErrRequest)
			}
			return nil, fmt.Errorf("table: %w", err)
		}
		for j, cell := range record {
			cells[j] = append(cells[j], strings.Clone(cell))
		}
	}
	columns := make([]design.Column, len(names))
	for j, name := range names {
		if columns[j], err = column(name, cells[j], levels[name]); err != nil {
			return nil, err
		}
	}
	return newTable(columns, levels)
}

// newTable also refuses levels for columns that are not there.
func newTable(columns []design.Column, levels Levels) (*design.Table, error) {
	t, err := design.NewTable(columns...)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", err, ErrRequest)
	}
	for name := range levels {
		if _, ok := t.Column(name); !ok {
			return nil, fmt.Errorf("levels: there is no column %q: %w", name, ErrRequest)
		}
	}
	return t, nil
}

// column makes a column of cells.
func column(name string, cells []string, levels []string) (design.Column, error) {
	if levels == nil {
		if values, ok := numbers(cells); ok {
			return design.Column{Name: name, Values: values}, nil
		}
		levels = distinct(cells)
	}
	place := make(map[string]int, len(levels))
	for k, l := range levels {
		if _, twice := place[l]; twice || l == "" {
			return design.Column{}, fmt.Errorf("levels of %q: empty or twice: %w", name, ErrRequest)
		}
		place[l] = k
	}
	codes := make([]int, len(cells))
	for i, cell := range cells {
		k, known := place[cell]
		switch {
		case cell == "":
			k = -1
		case !known:
			return design.Column{}, fmt.Errorf("column %q row %d: not one of its levels: %w", name, i+1, ErrRequest)
		}
		codes[i] = k
	}
	return design.Column{Name: name, Codes: codes, Levels: levels}, nil
}

// numbers reads every cell as a finite number, empty ones as missing.
func numbers(cells []string) ([]float64, bool) {
	out := make([]float64, len(cells))
	for i, cell := range cells {
		if cell == "" {
			out[i] = math.NaN()
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(cell), 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, false
		}
		out[i] = v + 0 // -0 is 0: a level of it is written 0
	}
	return out, true
}

// distinct lists the texts in bytewise order.
func distinct(cells []string) []string {
	seen := map[string]bool{}
	out := []string{}
	for _, cell := range cells {
		if cell != "" && !seen[cell] {
			seen[cell] = true
			out = append(out, cell)
		}
	}
	sort.Strings(out)
	return out
}
