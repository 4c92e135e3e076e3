package read

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/store/schema"
)

// field is a column or a dimension as SQL over a row of outcome.
type field struct {
	name    string
	kind    schema.Kind
	column  schema.Column // the zero value for a derived dimension
	value   string        // NULL where missing; an Integer in units, an Enum as text
	present string        // whether there is a value
	unit    int64
	bound   int64
	// key groups rows, and keyText with its alias is the key as text; a
	// measurement has none.
	key, keyText string
}

const (
	plainText = "toString(%s)"
	enumText  = "replaceOne(toString(%s), 'unknown', '')"
	// a missing whole number is the empty key
	integerText = "ifNull(toString(nullIf(%s, 0)), '')"
	nullableInt = "ifNull(toString(%s), '')"
	// a month and, in quarter, the first one of three: of the financial year's
	// quarters too, which begin with the calendar's
	firstOfQuarter = "(toYYYYMM(referred_on) - (toMonth(referred_on) - 1) % 3)"
	monthText      = "concat(toString(intDiv(%[1]s, 100)), '-', leftPad(toString(%[1]s %% 100), 2, '0'), '-01')"
)

// field finds a dimension or a column by its name on the wire.
func (s *statement) field(name string) (field, error) {
	if s.catalogue.IsFrame() {
		return s.frameField(name)
	}
	switch name {
	case "imd_quintile":
		return field{name: name, kind: schema.Integer, unit: 1, bound: 128,
			value: "nullIf(intDiv(imd_decile + 1, 2), 0)", present: "imd_decile != 0",
			key: "intDiv(imd_decile + 1, 2)", keyText: integerText}, nil
	case "month":
		text := fmt.Sprintf(monthText, "toYYYYMM(referred_on)")
		return field{name: name, kind: schema.Text, value: text, present: "1",
			key: "toYYYYMM(referred_on)", keyText: monthText}, nil
	case "quarter":
		return field{name: name, kind: schema.Text, value: fmt.Sprintf(monthText, firstOfQuarter), present: "1",
			key: firstOfQuarter, keyText: monthText}, nil
	}
	column := name
	if _, known := s.catalogue.Column(name); !known {
		if d, ok := programme.LookupDimension(name); ok {
			column = d.Column
		}
	}
	c, ok := s.catalogue.Column(column)
	if !ok {
		return field{}, s.unknown(name)
	}
	if c.Change != nil {
		return s.virtual(name, c)
	}
	return columnField(name, c), nil
}

// frameField finds a column of another table: no dimension stands for one.
func (s *statement) frameField(name string) (field, error) {
	c, ok := s.catalogue.Column(name)
	if !ok {
		var known []string
		for _, c := range s.catalogue.Columns() {
			known = append(known, c.Name)
		}
		return field{}, fmt.Errorf("store: %s has no column %q: there are %s", s.catalogue.Table(), name, strings.Join(known, ", "))
	}
	return columnField(name, c), nil
}

func columnField(name string, c schema.Column) field {
	q := schema.Quote(c.Name)
	if c.Expression != "" {
		q = "(" + c.Expression + ")"
	}
	f := field{name: name, kind: c.Kind, column: c, value: q, present: "1", unit: c.Unit, bound: c.Bound}
	if c.Nullable {
		f.present = q + " IS NOT NULL"
	}
	switch {
	case c.Kind == schema.Text:
		f.value, f.present, f.key, f.keyText = "nullIf("+q+", '')", q+" != ''", q, plainText
	case c.Kind == schema.Enum:
		f.value, f.present, f.key, f.keyText = "nullIf(toString("+q+"), 'unknown')", q+" != 'unknown'", q, enumText
	case c.Kind == schema.Nominal:
		f.key, f.keyText = q, nullableInt
	case c.Kind == schema.Integer && c.Unit != 1: // a measurement
	case c.Kind == schema.Integer && c.Zero:
		f.value, f.present, f.key, f.keyText = "nullIf("+q+", 0)", q+" != 0", q, integerText
	case c.Kind == schema.Integer && c.Nullable && c.Score == nil:
		f.key, f.keyText = q, nullableInt
	case c.Kind == schema.Integer && c.Score == nil:
		f.key, f.keyText = q, plainText
	}
	return f
}

// unknown says that there is no such column, and which there are: the columns
// of every episode by name, those of scores by how they are called.
func (s *statement) unknown(name string) error {
	var known, scores []string
	for _, c := range s.catalogue.Columns() {
		switch {
		case c.Score != nil:
			scores = append(scores, c.Name)
		case s.catalogue.Shared(c.Name) || slices.Contains(s.covariates(), c.Name):
			known = append(known, c.Name)
		}
	}
	for _, d := range programme.Dimensions() {
		if !slices.Contains(known, d.Name) {
			known = append(known, d.Name)
		}
	}
	slices.Sort(known)
	text := fmt.Sprintf("store: outcome has no column %q: there are %s", name, strings.Join(known, ", "))
	if len(scores) > 0 {
		text += "; and scores by timepoint (" + strings.Join(closest(name, scores), ", ") + ", …), their days (…_at) and their changes (…_" +
			strings.Join(schema.ChangeParts(), ", …_") + ")"
	}
	return errors.New(text)
}

func (s *statement) covariates() []string {
	var names []string
	for _, c := range s.catalogue.Covariates() {
		names = append(names, c.Name)
	}
	return names
}

// closest returns the few names that begin most like the one asked for.
func closest(name string, names []string) []string {
	alike := func(other string) int {
		n := 0
		for n < len(name) && n < len(other) && name[n] == other[n] {
			n++
		}
		return n
	}
	sorted := slices.Clone(names)
	slices.SortStableFunc(sorted, func(a, b string) int { return alike(b) - alike(a) })
	return sorted[:min(len(sorted), 4)]
}
