package csvfile

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lumbar-health/lumbar/ingest/wire"
	"github.com/lumbar-health/lumbar/instruments"
)

// kinds are the words for the kinds of row.
var kinds = map[string]wire.Kind{
	"": wire.KindResponse, "response": wire.KindResponse, "episode": wire.KindEpisode, "event": wire.KindEvent, "patient": wire.KindPatient,
}

// most rows that a line may become: baseline and some follow-ups, with a dozen
// instruments each.
const maxRows = 200

// check looks for what no source could make right.
func (m *mapping) check() error {
	switch {
	case m.Name == "":
		return errors.New("mapping: its name is missing")
	case m.Encoding != "" && m.Encoding != encodingUTF8 && m.Encoding != encodingWindows:
		return fmt.Errorf("encoding %s is not known: use %s or %s", clip(m.Encoding), encodingUTF8, encodingWindows)
	case !slices.Contains([]string{"", "tab", ",", ";", "|"}, m.Delimiter):
		return fmt.Errorf("delimiter %s is not known: use \",\", \";\", \"|\" or tab", clip(m.Delimiter))
	case m.OtherColumns != "" && m.OtherColumns != "ignore" && m.OtherColumns != "refuse":
		return fmt.Errorf("other_columns: %s is not known: use refuse or ignore", clip(m.OtherColumns))
	case len(m.Rows) == 0:
		return errors.New("rows: there is none: say what a line becomes")
	case len(m.Rows) > maxRows:
		return fmt.Errorf("rows: more than %d", maxRows)
	}
	if _, err := m.zone(); err != nil {
		return err
	}
	if _, err := m.dates(m.Dates); err != nil {
		return err
	}
	names := map[string]bool{}
	for i := range m.Rows {
		r := &m.Rows[i]
		if len(m.Rows) > 1 && (r.Name == "" || names[r.Name]) {
			return fmt.Errorf("rows: row %d needs a name of its own: reasons of refusal begin with it", i+1)
		}
		names[r.Name] = true
		if err := r.check(m); err != nil {
			return fmt.Errorf("row %s: %w", clip(r.title(i)), err)
		}
	}
	return nil
}

func (r *rowSpec) title(i int) string {
	if r.Name != "" {
		return r.Name
	}
	return strconv.Itoa(i + 1)
}

// zone is the declared time zone; nil where there is none.
func (m *mapping) zone() (*time.Location, error) {
	if m.Timezone == "" {
		return nil, nil
	}
	zone, err := time.LoadLocation(m.Timezone)
	if err != nil || m.Timezone == "Local" {
		return nil, fmt.Errorf("timezone %s is not known: write it as Europe/London", clip(m.Timezone))
	}
	return zone, nil
}

func (r *rowSpec) check(m *mapping) error {
	kind, ok := kinds[r.Kind]
	if !ok {
		return fmt.Errorf("kind %s is not known: use response, episode, event or patient", clip(r.Kind))
	}
	for _, name := range slices.Sorted(maps.Keys(r.Fields)) {
		f := r.Fields[name]
		if err := f.check(name, kind, m); err != nil {
			return fmt.Errorf("field %s: %w", name, err)
		}
	}
	if err := r.checkRequired(kind); err != nil {
		return err
	}
	return r.checkItems(kind)
}

// check checks one field. One that is no field of the wire may be a covariate;
// the programmes are not known here.
func (f *fieldSpec) check(name string, kind wire.Kind, m *mapping) error {
	field, known := wire.Fields[name]
	switch {
	case name == "kind":
		return errors.New("stands beside fields, not among them")
	case known && field.Kinds&kind == 0:
		return errors.New("no field of this kind of row")
	case !known && kind != wire.KindEpisode:
		return errors.New("no field" + meant(name, fieldNames(nil)))
	case (f.Column == "") == (f.Value == nil):
		return errors.New("give column or value, one of them")
	case f.Value != nil && (f.Codes != nil || f.Missing != nil || f.Dates != nil || f.Prefix != "" || f.Suffix != ""):
		return errors.New("a value takes no codes, missing, dates, prefix or suffix")
	case f.Dates != nil && (!known || !isMoment(field)):
		return errors.New("dates are for dates only")
	case name == "answers" && f.Codes != nil:
		return errors.New("codes of answers stand at items")
	}
	if f.Value != nil && known {
		if rule := field.SetCell(new(wire.Row), new(wire.Value), *f.Value); rule != "" {
			return fmt.Errorf("its value can not be: %s", rule)
		}
	}
	for text := range f.Codes {
		if slices.Contains(f.Missing, text) {
			return fmt.Errorf("the code %s stands in codes and in missing", clip(text))
		}
	}
	_, err := m.dates(f.Dates)
	return err
}

// checkRequired looks for the fields without which every row would be refused.
func (r *rowSpec) checkRequired(kind wire.Kind) error {
	need := []string{"patient_nhs_number patient_pseudonym"}
	switch kind {
	case wire.KindResponse:
		need = append(need, "instrument", "answered_at")
	case wire.KindEpisode:
		need = append(need, "referred_on")
	case wire.KindEvent:
		need = append(need, "type", "at")
	}
	for _, names := range need {
		if !slices.ContainsFunc(strings.Fields(names), func(n string) bool { _, ok := r.Fields[n]; return ok }) {
			return fmt.Errorf("lacks the field %s", strings.ReplaceAll(names, " ", " or "))
		}
	}
	_, system := r.Fields["id_system"]
	_, value := r.Fields["id_value"]
	if system != value {
		return errors.New("id_system and id_value go together")
	}
	return nil
}

// checkItems checks the item columns, and against the instrument where all rows
// have the same.
func (r *rowSpec) checkItems(kind wire.Kind) error {
	_, list := r.Fields["answers"]
	switch {
	case kind != wire.KindResponse && len(r.Items) > 0:
		return errors.New("items are for responses only")
	case kind != wire.KindResponse:
		return nil
	case list == (len(r.Items) > 0):
		return errors.New("give the answers as items or as the field answers, one of them")
	}
	d, err := r.definition()
	if err != nil {
		return err
	}
	n := 0
	for i := range r.Items {
		it := &r.Items[i]
		columns, err := expand(it.Columns)
		if err != nil {
			return err
		}
		if len(columns) == 0 {
			return fmt.Errorf("items: group %d has no columns", i+1)
		}
		if err := it.check(d, n, len(columns)); err != nil {
			return fmt.Errorf("items: group %d: %w", i+1, err)
		}
		n += len(columns)
	}
	_, reasonsGiven := r.Fields["missing"]
	switch {
	case n > maxItems:
		return fmt.Errorf("items: more than %d columns", maxItems)
	case reasonsGiven && slices.ContainsFunc(r.Items, func(it itemSpec) bool { return len(it.Missing) > 0 }):
		return errors.New("missing stands among the fields and at items: use one of them")
	case d != nil && n > 0 && (n > len(d.Items) || n < len(d.Items)-d.Optional):
		return fmt.Errorf("items: %d columns, but %s has %d items", n, d.ID, len(d.Items))
	}
	return nil
}

// definition is the instrument of all the rows, nil where it stands in a column.
func (r *rowSpec) definition() (*instruments.Definition, error) {
	id, ok := r.Fields["instrument"]
	if !ok || id.Value == nil {
		return nil, nil
	}
	version := ""
	if v, ok := r.Fields["instrument_version"]; ok {
		if v.Value == nil {
			return nil, nil
		}
		version = *v.Value
	}
	d, err := instruments.Lookup(instruments.ID(*id.Value), version)
	if err != nil {
		return nil, errors.New("the instrument or its version is not known: /v1/instruments lists them")
	}
	return d, nil
}

// check checks the codes of a run of items that begins with item first.
func (it *itemSpec) check(d *instruments.Definition, first, n int) error {
	for text, why := range it.Missing {
		if !wire.MissingReason(why) {
			return fmt.Errorf("the reason %s is not known: use blank, na, declined, not_asked or invalid", clip(why))
		}
		if _, both := it.Codes[text]; both {
			return fmt.Errorf("the code %s stands in codes and in missing", clip(text))
		}
	}
	if d == nil {
		return nil
	}
	for i := first; i < min(first+n, len(d.Items)); i++ {
		item := d.Items[i]
		if item.Hundredths && len(it.Codes) > 0 {
			return fmt.Errorf("%s is a quantity and takes no codes", item.Key)
		}
		for text, code := range it.Codes {
			if code < item.Min || code > item.Max {
				return fmt.Errorf("the code %s becomes %d, but %s has %d to %d", clip(text), code, item.Key, item.Min, item.Max)
			}
		}
	}
	return nil
}

// expand writes columns with a run of numbers out: odi_{1..10}.
func expand(columns []string) ([]string, error) {
	var list []string
	for _, c := range columns {
		before, rest, braces := strings.Cut(c, "{")
		run, after, closed := strings.Cut(rest, "}")
		low, high, dots := strings.Cut(run, "..")
		if !braces || !closed || !dots {
			list = append(list, c)
			continue
		}
		from, err1 := strconv.Atoi(low)
		to, err2 := strconv.Atoi(high)
		if err1 != nil || err2 != nil || from < 0 || to < from || to-from >= maxItems {
			return nil, fmt.Errorf("the run of columns %s can not be read: write it as odi_{1..10}", clip(c))
		}
		for n := from; n <= to; n++ {
			list = append(list, fmt.Sprintf("%s%0*d%s", before, len(low), n, after))
		}
	}
	return list, nil
}
