package study

import (
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/lumbar-health/lumbar/analytics/design"
)

// sheet is a file as written: named columns of texts, one row a person.
type sheet struct {
	names []string
	rows  [][]string
	na    []string // texts that mean missing
}

// readSheet reads the protocol's CSV file (or .gz) and widens it where the
// protocol says so.
func (p *Protocol) readSheet() (*sheet, error) {
	path := p.Data.File
	if !filepath.IsAbs(path) {
		path = filepath.Join(p.dir, path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("study: data.file: %w", err)
	}
	defer f.Close()
	var in io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		z, err := gzip.NewReader(f)
		if err != nil {
			return nil, fmt.Errorf("study: data.file %s: %w", p.Data.File, err)
		}
		in = z
	}
	lines, err := csv.NewReader(in).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("study: data.file %s: %w", p.Data.File, err)
	}
	if len(lines) < 2 {
		return nil, fmt.Errorf("study: data.file %s has no rows", p.Data.File)
	}
	lines[0][0] = strings.TrimPrefix(lines[0][0], "\ufeff")
	s := &sheet{names: lines[0], rows: lines[1:], na: p.Data.Missing}
	if s.na == nil {
		s.na = []string{"", "NA", "NaN"}
	}
	if w := p.Data.Wide; w != nil {
		return s.widen(*w)
	}
	return s, nil
}

func (s *sheet) place(column string) (int, error) {
	if i := slices.Index(s.names, column); i >= 0 {
		return i, nil
	}
	return 0, fmt.Errorf("study: the data has no column %q; it has %s", column, strings.Join(s.names, ", "))
}

func (s *sheet) missing(text string) bool { return slices.Contains(s.na, strings.TrimSpace(text)) }

// widen makes one row a person: value_1, value_2 … for each time, every other
// column from the person's first visit.
func (s *sheet) widen(w Wide) (*sheet, error) {
	id, err := s.place(w.ID)
	if err != nil {
		return nil, err
	}
	at, err := s.place(w.Time)
	if err != nil {
		return nil, err
	}
	values := make([]int, len(w.Values))
	for i, v := range w.Values {
		if values[i], err = s.place(v); err != nil {
			return nil, err
		}
	}
	times := s.times(at)
	out := &sheet{na: s.na}
	var kept []int
	for i, name := range s.names {
		if i != at && !slices.Contains(values, i) {
			kept = append(kept, i)
			out.names = append(out.names, name)
		}
	}
	for _, v := range w.Values {
		for _, t := range times {
			out.names = append(out.names, v+"_"+t)
		}
	}
	people := map[string]int{}
	first := map[string]string{}
	for n, line := range s.rows {
		if s.missing(line[id]) || s.missing(line[at]) {
			return nil, fmt.Errorf("study: line %d has no %s or no %s", n+2, w.ID, w.Time)
		}
		row, known := people[line[id]]
		if !known {
			row = len(out.rows)
			people[line[id]] = row
			out.rows = append(out.rows, make([]string, len(out.names)))
		}
		if !known || earlier(line[at], first[line[id]]) {
			first[line[id]] = line[at]
			for k, i := range kept {
				out.rows[row][k] = line[i]
			}
		}
		for k, i := range values {
			cell := &out.rows[row][len(kept)+k*len(times)+slices.Index(times, line[at])]
			if *cell != "" {
				return nil, fmt.Errorf("study: line %d repeats a visit of the same person", n+2)
			}
			*cell = line[i]
		}
	}
	return out.absentAsMissing(), nil
}

// absentAsMissing writes visits that did not happen as the first missing text,
// which need not be the empty one.
func (s *sheet) absentAsMissing() *sheet {
	if len(s.na) == 0 || slices.Contains(s.na, "") {
		return s
	}
	s.na = append(slices.Clone(s.na), "")
	return s
}

// times are the visits in order: by number where all are numbers.
func (s *sheet) times(at int) []string {
	var times []string
	for _, line := range s.rows {
		if !slices.Contains(times, line[at]) {
			times = append(times, line[at])
		}
	}
	sort.Slice(times, func(i, j int) bool { return earlier(times[i], times[j]) })
	return times
}

func earlier(a, b string) bool {
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	if errX == nil && errY == nil {
		return x < y
	}
	return a < b
}

// table makes columns of the sheet: numbers where every value is one, else a
// factor whose levels are ordered bytewise.
func (s *sheet) table() (*design.Table, error) {
	columns := make([]design.Column, len(s.names))
	for i, name := range s.names {
		columns[i] = s.column(i, name)
	}
	return design.NewTable(columns...)
}

func (s *sheet) column(i int, name string) design.Column {
	values := make([]float64, len(s.rows))
	for r, line := range s.rows {
		text := strings.TrimSpace(line[i])
		if s.missing(text) {
			values[r] = math.NaN()
			continue
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
			return s.factor(i, name)
		}
		values[r] = v
	}
	return design.Column{Name: name, Values: values}
}

func (s *sheet) factor(i int, name string) design.Column {
	c := design.Column{Name: name, Codes: make([]int, len(s.rows)), Levels: []string{}}
	for _, line := range s.rows {
		if text := strings.TrimSpace(line[i]); !s.missing(text) && !slices.Contains(c.Levels, text) {
			c.Levels = append(c.Levels, text)
		}
	}
	slices.Sort(c.Levels)
	for r, line := range s.rows {
		c.Codes[r] = slices.Index(c.Levels, strings.TrimSpace(line[i]))
	}
	return c
}
