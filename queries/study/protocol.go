package study

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/lumbar-health/lumbar/store/read"
)

// Protocol is a study as its author wrote it down before seeing an answer.
type Protocol struct {
	Study       string    `yaml:"study" json:"study"`
	Data        Data      `yaml:"data" json:"data"`
	Eligibility string    `yaml:"eligibility" json:"eligibility,omitempty"`
	Treatment   Treatment `yaml:"treatment" json:"treatment"`
	Outcome     Outcome   `yaml:"outcome" json:"outcome"`
	Covariates  []string  `yaml:"covariates" json:"covariates,omitempty"`
	Estimand    string    `yaml:"estimand" json:"estimand"`
	Methods     []string  `yaml:"methods" json:"methods"`
	Variance    Variance  `yaml:"variance" json:"variance"`
	Cluster     string    `yaml:"cluster" json:"cluster,omitempty"`
	Missing     Missing   `yaml:"missing" json:"missing"`
	Level       float64   `yaml:"level" json:"level"`
	Seed        uint64    `yaml:"seed" json:"seed"`

	dir string // of the protocol file, for data.file
}

// Data says where the people come from: a file beside the protocol, or, when
// empty, the programme's outcome table.
type Data struct {
	File      string   `yaml:"file" json:"file,omitempty"`
	Programme string   `yaml:"programme" json:"programme,omitempty"`
	Missing   []string `yaml:"missing" json:"missing,omitempty"`
	Wide      *Wide    `yaml:"wide" json:"wide,omitempty"`
}

// Wide turns a file with one row a visit into one row a person.
type Wide struct {
	ID     string   `yaml:"id" json:"id"`
	Time   string   `yaml:"time" json:"time"`
	Values []string `yaml:"values" json:"values"`
}

// Treatment names the two arms. Values compare as written.
type Treatment struct {
	Column  string `yaml:"column" json:"column"`
	Treated any    `yaml:"treated" json:"treated"`
	Control any    `yaml:"control" json:"control"`
}

// Outcome names the outcome and which way is better.
type Outcome struct {
	Column    string `yaml:"column" json:"column"`
	Baseline  string `yaml:"baseline" json:"baseline,omitempty"`
	Direction string `yaml:"direction" json:"direction"`
}

// Variance says how standard errors are estimated.
type Variance struct {
	Kind string `yaml:"kind" json:"kind"`
}

// Missing says what happens to people without an outcome.
type Missing struct {
	Method string `yaml:"method" json:"method"`
}

// The words that a protocol may use today, in the order of its contract.
var (
	knownMethods   = []string{"crude", "ancova"}
	knownVariances = []string{"model", "HC0", "HC1", "HC2", "HC3"}
	knownMissing   = []string{"complete_case"}
	directions     = []string{"lower_better", "higher_better"}
)

// Load reads a protocol file, refuses keys it does not know, fills in the
// defaults and checks it.
func Load(path string) (*Protocol, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("study: %w", err)
	}
	p, err := Parse(b)
	if err != nil {
		return nil, fmt.Errorf("study: %s: %w", filepath.Base(path), err)
	}
	p.dir = filepath.Dir(path)
	return p, nil
}

// Parse reads a protocol as Load does. A relative data.file is then relative
// to the working directory.
func Parse(b []byte) (*Protocol, error) {
	p := &Protocol{Estimand: "ATE", Variance: Variance{"HC3"}, Missing: Missing{"complete_case"}, Level: 0.95, Seed: 1}
	if err := yaml.UnmarshalWithOptions(b, p, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("not a protocol: %s", firstLine(err))
	}
	return p, p.check()
}

func (p *Protocol) check() error {
	required := []struct {
		name    string
		missing bool
	}{
		{"study", p.Study == ""},
		{"treatment.column", p.Treatment.Column == ""},
		{"treatment.treated", p.Treatment.Treated == nil},
		{"treatment.control", p.Treatment.Control == nil},
		{"outcome.column", p.Outcome.Column == ""},
		{"outcome.direction", p.Outcome.Direction == ""},
		{"methods", len(p.Methods) == 0},
	}
	for _, r := range required {
		if r.missing {
			return fmt.Errorf("%s is required", r.name)
		}
	}
	if !slices.Contains(directions, p.Outcome.Direction) {
		return fmt.Errorf("outcome.direction must be one of %s", strings.Join(directions, ", "))
	}
	if p.treated() == p.control() {
		return fmt.Errorf("treatment.treated and treatment.control are the same arm")
	}
	for _, m := range p.Methods {
		if !slices.Contains(knownMethods, m) {
			return fmt.Errorf("method %q is not available; methods: %s", m, strings.Join(knownMethods, ", "))
		}
	}
	if p.Estimand != "ATE" {
		return fmt.Errorf("estimand %q: the methods %s estimate ATE", p.Estimand, strings.Join(knownMethods, " and "))
	}
	if !slices.Contains(knownVariances, p.Variance.Kind) {
		return fmt.Errorf("variance.kind %q is not available; kinds: %s", p.Variance.Kind, strings.Join(knownVariances, ", "))
	}
	if !slices.Contains(knownMissing, p.Missing.Method) {
		return fmt.Errorf("missing.method %q is not available; methods: %s", p.Missing.Method, strings.Join(knownMissing, ", "))
	}
	if p.Level <= 0 || p.Level >= 1 {
		return fmt.Errorf("level must lie between 0 and 1")
	}
	if p.Eligibility != "" {
		if _, err := ParseCondition(p.Eligibility); err != nil {
			return fmt.Errorf("eligibility: %w", err)
		}
	}
	return nil
}

func (p *Protocol) treated() string { return asWritten(p.Treatment.Treated) }
func (p *Protocol) control() string { return asWritten(p.Treatment.Control) }

// asWritten gives 1 and "1" the same text.
func asWritten(v any) string { return fmt.Sprint(v) }

func (p *Protocol) eligible() (read.Predicate, error) {
	if p.Eligibility == "" {
		return nil, nil
	}
	return ParseCondition(p.Eligibility)
}

// adjusted are the covariates of ancova: those of the protocol and the
// outcome's baseline where they leave it out.
func (p *Protocol) adjusted() []string {
	terms := slices.Clone(p.Covariates)
	if b := p.Outcome.Baseline; b != "" && !slices.Contains(terms, b) {
		terms = append([]string{b}, terms...)
	}
	return terms
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(strings.TrimSpace(err.Error()), "\n")
	return line
}
