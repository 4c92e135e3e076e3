package grafana

import (
	"fmt"
	"strings"

	"github.com/lumbar-health/lumbar/queries/disclosure"
)

// DataSourceUID is the uid under which the data source is provisioned.
const DataSourceUID = "lumbar"

var source = DataSource{Type: "prometheus", UID: DataSourceUID}

// field is one column of a panel's table: a metric, or a label where it has no
// metric, under the name that people read.
type field struct {
	metric string
	label  string
	name   string
}

// tableTarget is a metric with matchers as an instant query in table format.
func tableTarget(ref int, expr string) Target {
	return Target{
		RefID: refID(ref), Datasource: source, EditorMode: "code", Expr: expr,
		Format: "table", Instant: true,
	}
}

func refID(i int) string { return string(rune('A' + i)) }

// joined makes the queries and steps of a table: one query for each metric,
// joined on a label, other labels left out, fields renamed and put in order.
func joined(key, matchers string, carried []string, fields []field, then ...Transformation) ([]Target, []Transformation) {
	var targets []Target
	o := Organize{ExcludeByName: map[string]bool{}, IndexByName: map[string]int{}, RenameByName: map[string]string{}}
	for _, f := range fields {
		if f.metric != "" {
			targets = append(targets, tableTarget(len(targets), f.metric+matchers))
		}
	}
	value := 0
	for i, f := range fields {
		from := f.label
		if f.metric != "" {
			from = valueField(value, len(targets))
			value++
		}
		o.IndexByName[from] = i
		o.RenameByName[from] = f.name
	}
	for _, name := range append([]string{"Time"}, carried...) {
		o.ExcludeByName[name] = true
		for i := range targets {
			o.ExcludeByName[fmt.Sprintf("%s %d", name, i+1)] = true
		}
	}
	steps := []Transformation{{"joinByField", JoinByField{key, "outer"}}, {"organize", o}}
	return targets, append(steps, then...)
}

// valueField is the name that Grafana gives the value of a table query.
func valueField(i, queries int) string {
	if queries == 1 {
		return "Value"
	}
	return "Value #" + refID(i)
}

func sortBy(name string) Transformation {
	return Transformation{"sortBy", SortBy{map[string]any{}, []SortField{{Field: name}}}}
}

func rowNumber(name string) Transformation {
	return Transformation{"calculateField", RowNumber{"index", name, false}}
}

func override(name string, properties ...Property) Override {
	return Override{Matcher{"byName", name}, properties}
}

func fixed(colour string) Property { return Property{"color", Color{"fixed", colour}} }

// pointsOf draws a field of an xychart as points.
func pointsOf(name, colour string, size int) Override {
	return override(name, Property{"custom.show", "points"}, Property{"custom.pointSize", map[string]int{"fixed": size}}, fixed(colour))
}

// lineOf draws a field of an xychart as a line.
func lineOf(name, colour string, dashed bool) Override {
	style := map[string]any{"fill": "solid"}
	if dashed {
		style = map[string]any{"fill": "dash", "dash": []int{8, 6}}
	}
	return override(name, Property{"custom.show", "lines"}, Property{"custom.lineStyle", style}, Property{"custom.lineWidth", 1}, fixed(colour))
}

func xychart(id int, pos GridPos, title, description, x string, targets []Target, steps []Transformation, overrides ...Override) Panel {
	return Panel{
		ID: id, Type: "xychart", Title: title, Description: description, PluginVersion: grafanaVersion, GridPos: pos,
		Datasource: &source, Targets: targets, Transformations: steps,
		FieldConfig: FieldConfig{
			Defaults: FieldDefaults{
				Unit: "none", Color: &Color{Mode: "palette-classic"}, Mappings: []any{},
				Custom: map[string]any{"show": "points", "fillOpacity": 50, "axisPlacement": "auto", "pointSize": map[string]int{"fixed": 6}},
			},
			Overrides: append([]Override{}, overrides...),
		},
		Options: XYOptions{
			Mapping: "auto", Series: []XYSeries{{XYDimension{Matcher{"byName", x}}}},
			Legend:  LegendOptions{true, "list", "bottom", []string{}},
			Tooltip: TooltipOption{"single", "none"},
		},
	}
}

func table(id int, pos GridPos, title, description string, targets []Target, steps []Transformation, overrides ...Override) Panel {
	return Panel{
		ID: id, Type: "table", Title: title, Description: description, PluginVersion: grafanaVersion, GridPos: pos,
		Datasource: &source, Targets: targets, Transformations: steps,
		FieldConfig: FieldConfig{
			Defaults:  FieldDefaults{Unit: "none", NoValue: "–", Mappings: []any{}, Custom: map[string]any{"align": "auto", "filterable": true, "inspect": false, "cellOptions": map[string]string{"type": "auto"}}},
			Overrides: append([]Override{}, overrides...),
		},
		Options: TableOptions{ShowHeader: true, CellHeight: "sm"},
	}
}

func stat(id int, pos GridPos, title, description, expr, unit string) Panel {
	target := tableTarget(0, expr)
	target.Format, target.LegendFormat = "time_series", "__auto"
	return Panel{
		ID: id, Type: "stat", Title: title, Description: description, PluginVersion: grafanaVersion, GridPos: pos,
		Datasource: &source, Targets: []Target{target},
		FieldConfig: FieldConfig{Defaults: FieldDefaults{Unit: unit, NoValue: "–", Color: &Color{"fixed", "blue"}, Mappings: []any{}}, Overrides: []Override{}},
		Options: StatOptions{
			ColorMode: "value", GraphMode: "none", JustifyMode: "auto", Orientation: "auto", TextMode: "value", WideLayout: true, PercentColor: "standard",
			ReduceOptions: ReduceOptions{Calcs: []string{"lastNotNull"}},
		},
	}
}

func text(id int, pos GridPos, title, content string) Panel {
	return Panel{
		ID: id, Type: "text", Title: title, Description: title, PluginVersion: grafanaVersion, GridPos: pos,
		FieldConfig: FieldConfig{Defaults: FieldDefaults{Unit: "none", Mappings: []any{}}, Overrides: []Override{}},
		Options:     TextOptions{"markdown", content},
	}
}

// labelVariable is a variable whose values are those of a label.
func labelVariable(name, label, description, series string) Variable {
	query := fmt.Sprintf("label_values(%s,%s)", series, name)
	return Variable{
		Name: name, Label: label, Description: description, Type: "query", Datasource: source,
		Definition: query, Query: VariableQuery{Query: query, RefID: "PrometheusVariableQueryEditor-VariableQuery", QryType: 1},
		Refresh: 2,
	}
}

// wordsOf maps the numbers of a flag's metric back to words.
func wordsOf(metric string) Property {
	_, m, _ := disclosure.LookupMetric(metric)
	options := map[string]any{}
	for i, w := range m.Words {
		words, colour := strings.ReplaceAll(w, "_", " "), "text"
		switch {
		case w == "none":
			words = "within limits"
		case strings.HasPrefix(w, "alarm"):
			colour = "red"
		case strings.HasPrefix(w, "alert"):
			colour = "orange"
		}
		options[fmt.Sprint(i)] = map[string]any{"text": words, "color": colour, "index": i}
	}
	return Property{"mappings", []any{map[string]any{"type": "value", "options": options}}}
}
