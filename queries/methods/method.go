package methods

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
)

// ErrUnknownMethod says that the register has no method of that name.
var ErrUnknownMethod = errors.New("unknown method")

// ErrRequest says that roles, params, columns or filter do not fit the method;
// the text says what to change.
var ErrRequest = errors.New("bad request")

// Request is what a method is run on: a table, filtered, with columns given to
// roles, and params as decoded JSON. Table is nil for methods without data.
type Request struct {
	Table  *design.Table
	Roles  map[string]string
	Params map[string]any
}

// Method is one entry of the register.
type Method struct {
	Name, Family string
	Page         Page
	Roles        []Role
	Params       []Param
	Answer       []Key
	run          func(*Input) (Answer, error)
}

// Page is what a user wants to know of a method before using it.
type Page struct {
	Title, When, Variant, Assumes, Formula, Reference, Checked string
	// PushDown says what the store must sum for it; "" when rows are needed.
	PushDown string
}

// Kind is the type of a role's column or of a param.
type Kind string

// Numeric and Label are kinds of columns; the others are kinds of params, Level
// being a level of the column in role g.
const (
	Numeric Kind = "numeric"
	Label   Kind = "label"

	Number  Kind = "number"
	Text    Kind = "text"
	Level   Kind = "level"
	Formula Kind = "formula"
	Flag    Kind = "true or false"
	// NumberList is a list of numbers and TextList one of texts; a bare value is a list
	// of one. Record is an object of its own.
	NumberList Kind = "list of numbers"
	TextList   Kind = "list of texts"
	Record     Kind = "object"
)

// Role is a part that a column plays. Rows that miss a value in it are left out,
// unless the method reads Gaps.
type Role struct {
	Name     string
	Kind     Kind
	Optional bool
	Gaps     bool
	Help     string
}

// Param is an argument that is not a column. OneOf lists the values of a text.
type Param struct {
	Name     string
	Kind     Kind
	Optional bool
	OneOf    []string
	Help     string
}

// Shape is the form of a value in an answer.
type Shape string

// The shapes: a number, a list of numbers, one of numbers or null, one of texts,
// an object of numbers by name, a matrix, an object of its own.
const (
	Scalar  Shape = "number"
	Numbers Shape = "numbers"
	Gaps    Shape = "numbers_or_null"
	Names   Shape = "names"
	ByName  Shape = "by_name"
	Table   Shape = "matrix"
	Object  Shape = "object"
	// Word is a text, Truth is true or false.
	Word  Shape = "text"
	Truth Shape = "true_or_false"
)

// spec is what define needs beside keys and function.
type spec struct {
	name   string
	page   Page
	roles  []Role
	params []Param
}

// define makes a method of a result type, its table of keys and the function
// that computes it.
func define[R any](family string, s spec, keys []key[R], run func(*Input) (R, error)) Method {
	m := Method{Name: s.name, Family: family, Page: s.page, Roles: s.roles, Params: s.params}
	for _, k := range keys {
		m.Answer = append(m.Answer, k.Key)
	}
	m.run = func(in *Input) (Answer, error) {
		r, err := run(in)
		if err != nil {
			return nil, err
		}
		var a Answer
		for _, k := range keys {
			a = append(a, Field{k.Name, k.get(r)})
		}
		return a, nil
	}
	return m
}

// register holds every method by name.
var register = func() map[string]Method {
	byName := map[string]Method{}
	for _, family := range [][]Method{
		describeMethods(), twoSampleMethods(), pairedMethods(), responseMethods(),
		linearMethods(), clusterMethods(), modelMethods(), shapedMethods(), subgroupMethods(),
		causalMethods(), metaMethods(), profilingMethods(),
		rankMethods(), kSampleMethods(), proportionMethods(), agreementMethods(), psychometricMethods(),
		adjustedMeanMethods(), quantileMethods(), glmMethods(), geeMethods(),
		weightingMethods(), doublyRobustMethods(), matchingMethods(), missingMethods(), bootstrapMethods(),
		mixedMethods(), survivalMethods(),
		quasiMethods(), metaMoreMethods(), providerMethods(), planningMethods(), sequentialMethods(), bayesianMethods(),
		spcMethods(),
	} {
		for _, m := range family {
			if _, twice := byName[m.Name]; twice {
				panic("methods: " + m.Name + " twice")
			}
			byName[m.Name] = m
		}
	}
	return byName
}()

// All returns every method in the order of names.
func All() []Method {
	out := make([]Method, 0, len(register))
	for _, m := range register {
		out = append(out, m)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// Find returns the method of that name.
func Find(name string) (Method, bool) {
	m, ok := register[name]
	return m, ok
}

// Run runs a method. Errors wrap ErrUnknownMethod, ErrRequest or one of
// analytics' sentinels, and hold no value of the table.
func Run(name string, req Request) (Answer, error) {
	m, ok := register[name]
	if !ok {
		return nil, fmt.Errorf("%q: %w; `lumbar stat --list` names those there are", name, ErrUnknownMethod)
	}
	in, err := newInput(m, req)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	a, err := m.run(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := m.checkFinite(a); err != nil {
		return nil, err
	}
	if in.leftOut > 0 {
		a = append(a, Field{"rows_left_out", in.leftOut})
	}
	return a, nil
}

// checkFinite refuses an answer that holds what is no number: columns of
// extreme size can overflow any method.
func (m Method) checkFinite(a Answer) error {
	for i, f := range a {
		if f.Value == nil || m.Answer[i].Open && !isNaN(f.Value) || isFinite(f.Value) {
			continue
		}
		return fmt.Errorf("%s: %s is not a finite number: the values are too large, too small or too alike: %w", m.Name, f.Key, analytics.ErrInvalidParameter)
	}
	return nil
}

func isNaN(v any) bool {
	x, ok := v.(float64)
	return ok && math.IsNaN(x)
}

// isFinite looks at every number within a value of an answer.
func isFinite(v any) bool {
	switch x := v.(type) {
	case float64:
		return !math.IsNaN(x) && !math.IsInf(x, 0)
	case []float64:
		return all(x, func(y float64) bool { return isFinite(y) })
	case []*float64:
		return all(x, func(y *float64) bool { return y == nil || isFinite(*y) })
	case Named:
		return isFinite(x.Values)
	case Matrix:
		return all(x.Values, func(row []float64) bool { return isFinite(row) })
	case Answer:
		return all(x, func(f Field) bool { return isFinite(f.Value) })
	}
	return true
}

func all[T any](list []T, holds func(T) bool) bool {
	return !slices.ContainsFunc(list, func(v T) bool { return !holds(v) })
}
