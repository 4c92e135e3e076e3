package csvfile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/wire"
)

// plan says how the rows of a line are read.
type plan struct {
	rows  []rowPlan
	blank map[string]bool // texts that mean nothing is there
}

// rowPlan is how one of them is.
type rowPlan struct {
	prefix string    // of the fields in reasons
	kind   wire.Kind // 0: a column says it
	onlyIf []int
	fields []binding
	items  []itemBinding
}

// lastItem reports whether the column is the last item's, which says how many
// there are.
func (p *plan) lastItem(column int) bool {
	items := p.rows[0].items
	return len(items) > 0 && items[len(items)-1].column == column
}

// binding is a field with its column, or with its value where column is −1.
type binding struct {
	name    string
	column  int
	value   string
	before  string
	after   string
	codes   map[string]string
	missing map[string]bool
	dates   []dateFormat
	field   *wire.Field // nil = a covariate of the programme
	unique  bool        // differs from row to row
}

// itemBinding is an item with its column; −1 = none.
type itemBinding struct {
	column  int
	codes   map[string]int16
	missing map[string]string
}

// unique are the fields that are hardly ever the same in two rows.
var unique = map[string]bool{"id_value": true, "patient_nhs_number": true, "patient_pseudonym": true, "episode": true, "answers": true}

// planOf binds a header in the project's own names.
func planOf(source string, names []string, s *ingest.Setting) (plan, error) {
	covariates := covariatesOf(s)
	row := rowPlan{}
	seen := map[string]bool{}
	var unknown []string
	for i, name := range names {
		field, ok := canonical(name, covariates)
		switch {
		case strings.TrimSpace(name) == "":
			return plan{}, refuse(source, fmt.Sprintf("has no name for its column %d", i+1), "name the column or take it out")
		case !ok:
			unknown = append(unknown, unknownColumn(name, covariates))
			continue
		case seen[field]:
			return plan{}, refuse(source, "has the column "+field+" twice", "take one of them out")
		}
		seen[field] = true
		if n := item(key(name)); n > 0 {
			for len(row.items) < n {
				row.items = append(row.items, itemBinding{column: -1})
			}
			row.items[n-1].column = i
			continue
		}
		row.fields = append(row.fields, binding{name: field, column: i, field: wire.Fields[field], unique: unique[field]})
	}
	switch {
	case len(unknown) > 0:
		return plan{}, refuse(source, "has the unknown column "+strings.Join(unknown[:min(len(unknown), 5)], ", "), "name the columns as the fields of the wire format, nested ones joined by _, or give a mapping file")
	case seen["answers"] && len(row.items) > 0:
		return plan{}, refuse(source, "has both answers and item columns", "take one of them out")
	case !seen["patient_nhs_number"] && !seen["patient_pseudonym"]:
		return plan{}, refuse(source, "has no column patient_nhs_number or patient_pseudonym", "add one, or give a mapping file")
	}
	return plan{rows: []rowPlan{row}}, nil
}

func unknownColumn(name string, covariates map[string]string) string {
	if best, ok := nearest(name, append(fieldNames(covariates), "item_1")); ok {
		return clip(name) + " (did you mean " + best + "?)"
	}
	return clip(name)
}

func refuse(source, wrong, advice string) error {
	return &ingest.FileError{Source: source, Wrong: wrong, Advice: advice}
}

// binder binds a mapping to a header.
type binder struct {
	names      []string
	at         map[string]int // by key; −1 = several
	used       map[int]bool
	covariates map[string]string
	m          *mapping
}

// bind makes the plan of a mapping for a header. Every column must be named in
// the mapping, and every column of the mapping be there.
func (m *mapping) bind(source string, names []string, s *ingest.Setting) (plan, error) {
	b := binder{names: names, at: map[string]int{}, used: map[int]bool{}, covariates: covariatesOf(s), m: m}
	for i, name := range names {
		k := key(name)
		if _, twice := b.at[k]; twice {
			b.at[k] = -1
			continue
		}
		b.at[k] = i
	}
	p := plan{blank: set(m.Blank)}
	for i := range m.Rows {
		row, err := b.row(&m.Rows[i])
		if err != nil {
			return plan{}, refuse(source, "does not fit the mapping: row "+clip(m.Rows[i].title(i))+": "+err.Error(), "correct the mapping or the file")
		}
		if len(m.Rows) > 1 {
			row.prefix = m.Rows[i].Name + "."
		}
		p.rows = append(p.rows, row)
	}
	for _, name := range m.Ignore {
		if _, err := b.column(name); err != nil {
			return plan{}, refuse(source, "does not fit the mapping: ignore: "+err.Error(), "correct the mapping or the file")
		}
	}
	for i, name := range names {
		if !b.used[i] && m.OtherColumns != "ignore" {
			return plan{}, refuse(source, "has the column "+clip(name)+", which the mapping does not name", "name it in the mapping, list it under ignore, or write other_columns: ignore")
		}
	}
	return p, nil
}

// column finds a column by its name.
func (b *binder) column(name string) (int, error) {
	exact := -1
	for i, n := range b.names {
		if n == name {
			if exact >= 0 {
				return 0, fmt.Errorf("the column %s stands there twice", clip(name))
			}
			exact = i
		}
	}
	at, ok := b.at[key(name)]
	switch {
	case exact >= 0:
		at = exact
	case !ok || key(name) == "":
		return 0, fmt.Errorf("there is no column %s%s", clip(name), meant(name, b.names))
	case at < 0:
		return 0, fmt.Errorf("several columns are spelt like %s: write it exactly", clip(name))
	}
	b.used[at] = true
	return at, nil
}

func (b *binder) row(r *rowSpec) (row rowPlan, err error) {
	row.kind = kinds[r.Kind]
	for _, name := range r.OnlyIf {
		at, err := b.column(name)
		if err != nil {
			return row, err
		}
		row.onlyIf = append(row.onlyIf, at)
	}
	for _, name := range fieldOrder(r.Fields) {
		f, err := b.field(name, r.Fields[name])
		if err != nil {
			return row, fmt.Errorf("field %s: %w", name, err)
		}
		row.fields = append(row.fields, f)
	}
	for i := range r.Items {
		columns, err := expand(r.Items[i].Columns)
		if err != nil {
			return row, err
		}
		for _, name := range columns {
			at, err := b.column(name)
			if err != nil {
				return row, err
			}
			row.items = append(row.items, itemBinding{column: at, codes: r.Items[i].Codes, missing: r.Items[i].Missing})
		}
	}
	return row, nil
}

// fieldOrder is the order in which fields are read.
func fieldOrder(fields map[string]fieldSpec) []string {
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (b *binder) field(name string, f fieldSpec) (binding, error) {
	bound := binding{
		name: name, column: -1, before: f.Prefix, after: f.Suffix, codes: f.Codes, missing: set(f.Missing),
		field: wire.Fields[name], unique: unique[name],
	}
	if bound.field == nil && b.covariates[key(name)] != name {
		names := fieldNames(b.covariates)
		return bound, fmt.Errorf("no field, nor a covariate of a programme%s", meant(name, names))
	}
	if f.Value != nil {
		bound.value = *f.Value
		return bound, nil
	}
	var err error
	if bound.column, err = b.column(f.Column); err != nil {
		return bound, err
	}
	if bound.field != nil && isMoment(bound.field) {
		words := f.Dates
		if words == nil {
			words = b.m.Dates
		}
		bound.dates, err = b.m.dates(words)
	}
	return bound, err
}

func set(list []string) map[string]bool {
	if len(list) == 0 {
		return nil
	}
	m := make(map[string]bool, len(list))
	for _, s := range list {
		m[s] = true
	}
	return m
}
