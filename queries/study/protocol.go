package study

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/queries/estimator"
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
	// Imputations of mi and delta; 0 is 20.
	Imputations int `yaml:"imputations" json:"imputations,omitempty"`
	// Deltas are added to the imputed outcomes of the treated, one analysis each.
	Deltas []float64 `yaml:"deltas" json:"deltas,omitempty"`
	// Replicates of the bootstrap that gives the errors of ipcw; 0 is 500.
	Replicates int `yaml:"replicates" json:"replicates,omitempty"`
}

// Methods that no model of the treatment needs.
const (
	methodCrude  = "crude"
	methodANCOVA = "ancova"
)

// Ways with people who have no outcome.
const (
	completeCase = "complete_case"
	byWeighting  = "ipcw"
	byImputation = "mi"
	byDelta      = "delta"
)

// clusterVariance is the kind of variance that the protocol's cluster is for.
const clusterVariance = "cluster"

// The words that a protocol may use, in the order of its contract.
var (
	knownMethods   = slices.Concat([]string{methodCrude, methodANCOVA}, names(estimator.Methods()))
	knownVariances = []string{"model", "HC0", "HC1", "HC2", "HC3", clusterVariance}
	knownMissing   = []string{completeCase, byWeighting, byImputation, byDelta}
	knownEstimands = []string{string(estimator.ATE), string(estimator.ATT), string(estimator.ATO)}
	directions     = []string{"lower_better", "higher_better"}
)

func names[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}

// Most of what a protocol may ask for.
const (
	mostImputations = 1000
	mostReplicates  = 10_000
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
	p := &Protocol{Estimand: "ATE", Variance: Variance{"HC3"}, Missing: Missing{Method: completeCase}, Level: 0.95, Seed: 1}
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
	if err := p.checkMethods(); err != nil {
		return err
	}
	if !slices.Contains(knownVariances, p.Variance.Kind) {
		return fmt.Errorf("variance.kind %q is not available; kinds: %s", p.Variance.Kind, strings.Join(knownVariances, ", "))
	}
	if p.Variance.Kind == clusterVariance && p.Cluster == "" {
		return fmt.Errorf("variance.kind cluster needs cluster: the column of the provider or region within which people are alike")
	}
	if err := p.Missing.check(); err != nil {
		return err
	}
	if !(p.Level > 0 && p.Level < 1) {
		return fmt.Errorf("level must lie between 0 and 1, such as 0.95")
	}
	if err := p.checkCovariates(); err != nil {
		return err
	}
	if p.Eligibility != "" {
		if _, err := ParseCondition(p.Eligibility); err != nil {
			return fmt.Errorf("eligibility: %w", err)
		}
	}
	return nil
}

func (p *Protocol) checkMethods() error {
	if !slices.Contains(knownEstimands, p.Estimand) {
		return fmt.Errorf("estimand %q is not available; estimands: %s", p.Estimand, strings.Join(knownEstimands, ", "))
	}
	for i, m := range p.Methods {
		if !slices.Contains(knownMethods, m) {
			return fmt.Errorf("method %q is not available; methods: %s", m, strings.Join(knownMethods, ", "))
		}
		if slices.Contains(p.Methods[:i], m) {
			return fmt.Errorf("method %q stands twice", m)
		}
		if !estimator.Known(m) {
			continue
		}
		if len(p.adjusted()) == 0 {
			return fmt.Errorf("method %q needs covariates: what the choice of treatment and the outcome both depend on", m)
		}
		if m == string(estimator.Matching) && p.Missing.Method == byWeighting {
			return fmt.Errorf("method %q takes no weights for non-response: impute (missing.method %s), or leave it out", m, byImputation)
		}
		if _, err := estimator.Method(m).Of(estimator.Estimand(p.Estimand)); err != nil {
			return fmt.Errorf("estimand: %w", err)
		}
	}
	return nil
}

// checkCovariates refuses a term that can not be read, and one of what the
// covariates are to be adjusted for.
func (p *Protocol) checkCovariates() error {
	for _, term := range p.Covariates {
		f, err := design.Parse("~ " + term)
		if err != nil {
			return fmt.Errorf("covariates: %q: %w", term, err)
		}
		for _, c := range f.Columns() {
			if c == p.Outcome.Column || c == p.Treatment.Column {
				return fmt.Errorf("covariates: %q is the outcome or the treatment: covariates are what was known before both", c)
			}
		}
	}
	return nil
}

func (m Missing) check() error {
	if !slices.Contains(knownMissing, m.Method) {
		return fmt.Errorf("missing.method %q is not available; methods: %s", m.Method, strings.Join(knownMissing, ", "))
	}
	imputes := m.Method == byImputation || m.Method == byDelta
	switch {
	case m.Imputations != 0 && !imputes:
		return fmt.Errorf("missing.imputations is for %s and %s", byImputation, byDelta)
	case imputes && m.Imputations != 0 && (m.Imputations < 2 || m.Imputations > mostImputations):
		return fmt.Errorf("missing.imputations must be 2 to %d", mostImputations)
	case m.Replicates != 0 && m.Method != byWeighting:
		return fmt.Errorf("missing.replicates is for %s", byWeighting)
	case m.Replicates != 0 && (m.Replicates < 100 || m.Replicates > mostReplicates):
		return fmt.Errorf("missing.replicates must be 100 to %d", mostReplicates)
	case m.Method == byDelta && len(m.Deltas) == 0:
		return fmt.Errorf("missing.deltas is required by %s: what to add to the imputed outcomes of the treated, such as [0, 5, 10]", byDelta)
	case m.Method != byDelta && len(m.Deltas) > 0:
		return fmt.Errorf("missing.deltas is for %s", byDelta)
	}
	for i, d := range m.Deltas {
		if math.IsNaN(d) || math.IsInf(d, 0) {
			return fmt.Errorf("missing.deltas: give numbers of points")
		}
		if slices.Contains(m.Deltas[:i], d) {
			return fmt.Errorf("missing.deltas: %v stands twice", d)
		}
	}
	return nil
}

// factors are the columns within factor() of the covariates.
func (p *Protocol) factors() []string {
	var out []string
	for _, term := range p.adjusted() {
		for _, m := range factorCall.FindAllStringSubmatch(term, -1) {
			out = append(out, strings.TrimSpace(m[1]))
		}
	}
	return out
}

var factorCall = regexp.MustCompile(`factor\(([^()]+)\)`)

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

// adjusted are the covariates of every model: those of the protocol and the
// outcome's baseline where they leave it out, as a line or a curve.
func (p *Protocol) adjusted() []string {
	terms := slices.Clone(p.Covariates)
	b := p.Outcome.Baseline
	has := func(term string) bool {
		f, err := design.Parse("~ " + term)
		return term == b || err == nil && slices.Contains(f.Curved(), b)
	}
	if b != "" && !slices.ContainsFunc(terms, has) {
		terms = append([]string{b}, terms...)
	}
	return terms
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(strings.TrimSpace(err.Error()), "\n")
	return line
}
