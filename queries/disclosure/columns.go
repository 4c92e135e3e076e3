package disclosure

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"
)

//go:embed columns.yaml
var columnsFile []byte

// Kinds of column, each with its own rule; see columns.yaml.
const (
	KindDimension Kind = "dimension" // a group's own name: what people are grouped by
	KindText      Kind = "text"
	KindCount     Kind = "count"
	KindMean      Kind = "mean"
	KindSD        Kind = "sd"
	KindStdErr    Kind = "std_err"
	KindBound     Kind = "bound"
	KindEstimate  Kind = "estimate"
	KindPValue    Kind = "p_value"
	KindFlag      Kind = "flag"
	KindRatio     Kind = "ratio"
	KindNumber    Kind = "number"
	KindDerived   Kind = "derived"
	KindWord      Kind = "derived_word"
)

var kinds = []Kind{KindDerived, KindWord, KindText, KindCount, KindMean, KindSD, KindStdErr, KindBound, KindEstimate, KindPValue, KindFlag, KindRatio, KindNumber}

// Measure is one registered column of a question's answer.
type Measure struct {
	Name  string `yaml:"name"`
	Kind  Kind   `yaml:"kind"`
	Label string `yaml:"label"`
	// N names the count that the value rests on. One that begins with _ is
	// known to the row and not shown.
	N string `yaml:"n"`
	// Zero says that a count of zero is shown though N is too small to show.
	Zero bool `yaml:"zero"`
	// Of names numerator and denominator of a ratio.
	Of []string `yaml:"of"`
	// Sensitive ratios are withheld at 0 and 1 too (domain 4.5 i).
	Sensitive bool `yaml:"sensitive"`
	// Unit is points, people, ratio or empty.
	Unit string `yaml:"unit"`
	// Better is higher, lower, instrument (as the score's direction) or empty.
	Better string `yaml:"better"`
	// Words are the values of a flag or a derived word, in the order in which a board numbers them.
	Words []string `yaml:"words"`
	// Boolean says that a text is true or false.
	Boolean bool `yaml:"boolean"`
	// Metric is the name in the Prometheus protocol, empty where it has none.
	Metric string `yaml:"metric"`
}

// Columns returns the registered columns of a question's answer, in their
// order; nil where no such question is registered.
func Columns(question string) []Measure { return slices.Clone(registered()[question]) }

// Registered lists the questions that have columns.
func Registered() []string {
	names := make([]string, 0, len(registered()))
	for name := range registered() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// LookupMetric returns the question and column that a metric shows.
func LookupMetric(metric string) (question string, m Measure, ok bool) {
	for _, q := range Registered() {
		for _, m := range registered()[q] {
			if metric != "" && m.Metric == metric {
				return q, m, true
			}
		}
	}
	return "", Measure{}, false
}

// RegistryVersion identifies the contents of the column registry.
func RegistryVersion() string {
	sum := sha256.Sum256(columnsFile)
	return hex.EncodeToString(sum[:8])
}

// registered reads the registry on first use. A broken one is caught by the
// tests before a binary exists.
var registered = sync.OnceValue(func() map[string][]Measure {
	list, err := readColumns(columnsFile)
	if err != nil {
		panic("disclosure: columns.yaml is broken: " + err.Error())
	}
	return list
})

func readColumns(text []byte) (map[string][]Measure, error) {
	list := map[string][]Measure{}
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&list); err != nil {
		return nil, err
	}
	metrics := map[string]bool{}
	for question, columns := range list {
		for _, m := range columns {
			if err := m.check(columns); err != nil {
				return nil, fmt.Errorf("%s.%s: %w", question, m.Name, err)
			}
			if m.Metric != "" && metrics[m.Metric] {
				return nil, fmt.Errorf("%s.%s: metric %s is used twice", question, m.Name, m.Metric)
			}
			metrics[m.Metric] = true
		}
	}
	return list, nil
}

// check refuses a column whose rule could not be applied.
func (m Measure) check(columns []Measure) error {
	isCount := func(name string) bool {
		return slices.ContainsFunc(columns, func(c Measure) bool { return c.Name == name && c.Kind == KindCount })
	}
	rests := m.Kind != KindText && m.Kind != KindCount && m.Kind != KindNumber && !m.Kind.derived()
	switch {
	case !slices.Contains(kinds, m.Kind):
		return fmt.Errorf("unknown kind %q", m.Kind)
	case rests && m.N == "":
		return fmt.Errorf("a %s needs n, the count it rests on", m.Kind)
	case m.N != "" && !strings.HasPrefix(m.N, "_") && !isCount(m.N):
		return fmt.Errorf("n: %q is no count of this answer", m.N)
	case m.Kind == KindRatio && (len(m.Of) != 2 || !isCount(m.Of[0]) || !isCount(m.Of[1])):
		return fmt.Errorf("a ratio needs of: [numerator, denominator], both counts of this answer")
	case (m.Kind == KindFlag || m.Kind == KindWord) && len(m.Words) == 0:
		return fmt.Errorf("a %s needs its words", m.Kind)
	case m.Kind.derived() && m.N != "":
		return fmt.Errorf("a derived column rests on what is shown, not on a count")
	case m.Label == "":
		return fmt.Errorf("no label")
	}
	return nil
}
