package read

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/lumbar-health/lumbar/store/schema"
)

// statement gathers the bound values of one query. It is the only place where
// a reader's SQL is made: identifiers come from the catalogue, values are bound.
type statement struct {
	catalogue *schema.Catalogue
	values    map[string]string
	// bindable is how many levels of a category may be bound; 0: any number.
	bindable int
}

func newStatement(c *schema.Catalogue) *statement {
	return &statement{catalogue: c, values: map[string]string{}}
}

// context carries the bound values to the driver.
func (s *statement) context(ctx context.Context) context.Context {
	if len(s.values) == 0 {
		return ctx
	}
	return clickhouse.Context(ctx, clickhouse.WithParameters(maps.Clone(s.values)))
}

func (s *statement) bind(kind, value string) string {
	name := "p" + strconv.Itoa(len(s.values))
	s.values[name] = value
	return "{" + name + ":" + kind + "}"
}

// escapes are what the engine undoes when it reads a bound text.
var escapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\t", `\t`, "\r", `\r`, "\x00", `\0`)

// text binds a text.
func (s *statement) text(value string) string { return s.bind("String", escapes.Replace(value)) }

// quotes are what the engine undoes within the quoted texts of a bound array.
var quotes = strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`, "\t", `\t`, "\r", `\r`, "\x00", `\0`)

// texts binds an array of texts.
func (s *statement) texts(values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = "'" + quotes.Replace(v) + "'"
	}
	return s.bind("Array(String)", "["+strings.Join(quoted, ",")+"]")
}

// number binds a number without loss.
func (s *statement) number(value float64) string {
	return s.bind("Float64", strconv.FormatFloat(value, 'g', -1, 64))
}

// source is the FROM and WHERE of every question: the current, live rows of
// the selection. A year of referral is one partition, and an episode lives in
// one year, so that each partition is merged on its own.
//
// Of a frame every row counts.
func (s *statement) source(sel Selection) (string, error) {
	source := "FROM " + s.catalogue.Table() + " WHERE 1"
	switch frame := s.catalogue.IsFrame(); {
	case frame && sel.Programme != "":
		return "", fmt.Errorf("store: %s has no programmes: leave the selection's empty", s.catalogue.Table())
	case !frame && sel.Programme == "":
		return "", fmt.Errorf("store: a selection needs a programme")
	case !frame:
		source = "FROM outcome FINAL WHERE live = 1 AND programme = " + s.text(sel.Programme)
	}
	if sel.Where == nil {
		return source, nil
	}
	condition, err := s.predicate(sel.Where)
	if err != nil {
		return "", err
	}
	return source + " AND " + condition, nil
}

// settings go at the end of every question. One snapshot serves all parts of
// a statement. Compiling a statement's sums takes up to a second and saves less
// (ADR 8).
const settings = " SETTINGS do_not_merge_across_partitions_select_final = 1, enable_shared_storage_snapshot_in_query = 1" +
	", compile_expressions = 0, compile_aggregate_expressions = 0"

// grouping is the keys of a selection's groups.
//
// Every alias of ours starts with an underscore, as no column can: an alias
// that hid a column would change what a condition means.
type grouping struct {
	keys  []string // expressions over a row, aliased _k0, _k1, …
	texts string   // an array of the keys as text, over the aliases
	names string   // the aliases
}

func (s *statement) grouping(by []string) (grouping, error) {
	g := grouping{texts: "CAST([], 'Array(String)')"}
	var texts, names []string
	for i, name := range by {
		f, err := s.field(name)
		if err != nil {
			return g, err
		}
		if f.key == "" {
			return g, fmt.Errorf("store: cannot group by %s, which is a measurement: group by a dimension or a category", name)
		}
		alias := "_k" + strconv.Itoa(i)
		g.keys = append(g.keys, f.key+" AS "+alias)
		texts = append(texts, fmt.Sprintf(f.keyText, alias))
		names = append(names, alias)
	}
	if len(by) > 0 {
		g.texts = "[" + strings.Join(texts, ", ") + "]"
		g.names = strings.Join(names, ", ")
	}
	return g, nil
}

// columns lists the keys and further expressions of a SELECT.
func (g grouping) columns(more ...string) string {
	return strings.Join(append(append([]string{}, g.keys...), more...), ", ")
}

// aliases lists the keys' aliases and further expressions of a SELECT.
func (g grouping) aliases(more ...string) string {
	if g.names == "" {
		return strings.Join(more, ", ")
	}
	return strings.Join(append([]string{g.names}, more...), ", ")
}

// by is the GROUP BY of the keys; without any the statement has one group.
func (g grouping) by() string {
	if g.names == "" {
		return ""
	}
	return " GROUP BY " + g.names
}
