package instruments

import (
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Mapped are the constants of an index that a published table gives for a
// health state, an age band and a sex, and that is loaded from a configured
// folder: FILE.csv or FILE.csv.gz with the columns State, Age, Sex and UKCopula.
// Hernández Alava, Pudney and Wailoo (2023), doi:10.1007/s40273-022-01218-7.
type Mapped struct {
	File    string `yaml:"file" json:"file"`
	Release string `yaml:"release" json:"release"`
	Profile string `yaml:"profile" json:"profile"`
}

// mapped reads the index of a person from the score's table. Without the table
// there is none; without an adult's age and a sex there is none either.
func mapped(s *Score, items []Item) (rule, error) {
	p := new(Mapped)
	if err := s.Parameters.read(p); err != nil {
		return rule{}, err
	}
	if s.Unit != 0 || s.Missing.AtMost != 0 {
		return rule{}, errors.New("a mapped index has no unit and needs every item")
	}
	if p.File == "" || p.File != filepath.Base(p.File) || p.Profile == "" {
		return rule{}, errors.New("want the table's file name and the name of the profile's score")
	}
	s.NeedsPerson, s.ProfileScore = true, p.Profile
	index := s.index
	return rule{judge: func(a *Administration, out *Scored) {
		out.Status = Insufficient
		if int(out.Answered) < len(index) || s.mapping == nil {
			return
		}
		var profile int32
		for _, at := range index {
			profile = profile*10 + int32(a.Codes[at])
		}
		if out.Value, out.Known = s.mapping.Lookup(profile, a.Age, a.Sex); out.Known {
			out.Status = Complete
		}
	}}, nil
}

// Mapping is a table from health state, age band and sex to an index.
type Mapping struct {
	levels, items int
	values        []float64 // by state, band and sex
}

// AgeBand is a range of ages in years, To inclusive.
type AgeBand struct{ From, To int }

var (
	mappingBands = []AgeBand{{18, 34}, {35, 44}, {45, 54}, {55, 64}, {65, maxAge}}
	mappingSexes = []string{"male", "female"}
)

// Mapping returns the score's table: nil where it needs none or none is loaded.
func (s *Score) Mapping() *Mapping { return s.mapping }

// Lookup returns the index of a profile, written as a number of its digits, for
// an age in whole years and a sex; ok is false for ages below 18 or unknown, and
// for a sex that is neither male nor female.
func (m *Mapping) Lookup(profile int32, age int, sex string) (index float64, ok bool) {
	state, ok := m.state(profile)
	if !ok {
		return 0, false
	}
	for b, band := range mappingBands {
		if age < band.From || age > band.To {
			continue
		}
		for x, of := range mappingSexes {
			if of == sex {
				return m.values[m.at(state, b, x)], true
			}
		}
	}
	return 0, false
}

// Rows calls f with every row of the table.
func (m *Mapping) Rows(f func(profile int32, ages AgeBand, sex string, index float64)) {
	for state := range m.states() {
		for b, band := range mappingBands {
			for x, sex := range mappingSexes {
				f(m.profile(state), band, sex, m.values[m.at(state, b, x)])
			}
		}
	}
}

func (m *Mapping) states() int { return int(math.Pow(float64(m.levels), float64(m.items))) }

func (m *Mapping) at(state, band, sex int) int {
	return (state*len(mappingBands)+band)*len(mappingSexes) + sex
}

// state numbers a profile from 0; ok is false where a digit is no level.
func (m *Mapping) state(profile int32) (state int, ok bool) {
	place := 1
	for range m.items {
		level := int(profile % 10)
		if level < 1 || level > m.levels {
			return 0, false
		}
		state += place * (level - 1)
		place *= m.levels
		profile /= 10
	}
	return state, profile == 0
}

func (m *Mapping) profile(state int) (profile int32) {
	place := int32(1)
	for range m.items {
		profile += place * int32(state%m.levels+1)
		state /= m.levels
		place *= 10
	}
	return profile
}

// loadMappings reads the table of every mapped score of the registry.
func (r *registry) loadMappings(dir string, digest hash.Hash) error {
	if _, err := os.ReadDir(dir); err != nil {
		return fmt.Errorf("the folder of mapped indices can not be read: %w", err)
	}
	for _, d := range r.definitions {
		for _, s := range d.Scores {
			if !s.NeedsPerson {
				continue
			}
			p := s.Parameters.value.(*Mapped)
			m, err := readMapping(dir, p.File, s, d.Items[s.index[0]], digest)
			if err != nil {
				return fmt.Errorf("table %s of %s: %w", p.File, s.Column(), err)
			}
			s.mapping = m
			for _, profile := range d.Scores {
				profile.loaded = profile.loaded || profile.Name == s.ProfileScore
			}
		}
	}
	return nil
}

// readMapping reads a table and finds every state, band and sex in it once.
func readMapping(dir, name string, s *Score, item Item, digest hash.Hash) (*Mapping, error) {
	file, err := os.Open(filepath.Join(dir, name+".csv"))
	packed := errors.Is(err, os.ErrNotExist)
	if packed {
		file, err = os.Open(filepath.Join(dir, name+".csv.gz"))
	}
	if err != nil {
		return nil, errors.New("neither NAME.csv nor NAME.csv.gz is in the folder")
	}
	defer file.Close()
	var in io.Reader = file
	if packed {
		if in, err = gzip.NewReader(file); err != nil {
			return nil, fmt.Errorf("unpack: %w", err)
		}
	}
	m := &Mapping{levels: levels(item), items: len(s.index)}
	m.values = slices.Repeat([]float64{math.NaN()}, m.at(m.states(), 0, 0))
	rows := csv.NewReader(io.TeeReader(in, digest))
	rows.ReuseRecord = true
	if err := m.read(rows, s); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(m.values, math.IsNaN) {
		return nil, errors.New("it does not have every state for every age band and sex")
	}
	return m, nil
}

func (m *Mapping) read(rows *csv.Reader, s *Score) error {
	header, err := rows.Read()
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	var columns [4]int
	for i, name := range []string{"State", "Age", "Sex", "UKCopula"} {
		if columns[i] = slices.Index(header, name); columns[i] < 0 {
			return fmt.Errorf("it has no column %s", name)
		}
	}
	for line := 2; ; line++ {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		profile, err := strconv.ParseInt(row[columns[0]], 10, 32)
		state, known := m.state(int32(profile))
		band := slices.IndexFunc(mappingBands, func(b AgeBand) bool {
			from, _, _ := strings.Cut(strings.TrimSuffix(row[columns[1]], "+"), "-")
			return from == strconv.Itoa(b.From)
		})
		sex := slices.Index(mappingSexes, row[columns[2]])
		value, valueErr := strconv.ParseFloat(row[columns[3]], 64)
		if err != nil || !known || band < 0 || sex < 0 || valueErr != nil || value < s.Min || value > s.Max {
			return fmt.Errorf("line %d is no state, age band, sex and index between %v and %v", line, s.Min, s.Max)
		}
		if at := m.at(state, band, sex); math.IsNaN(m.values[at]) {
			m.values[at] = value
			continue
		}
		return fmt.Errorf("line %d repeats a state, age band and sex", line)
	}
}
