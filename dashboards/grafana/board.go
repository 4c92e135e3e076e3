package grafana

// What of Grafana's classic dashboard JSON the boards use, as types: a field
// that Grafana does not have can not be written.

// grafanaVersion is written on every panel; without it Grafana takes a panel
// for one of an older format and migrates it wrongly.
const grafanaVersion = "12.2.0"

// Board is one dashboard.
type Board struct {
	UID           string     `json:"uid"`
	Title         string     `json:"title"`
	Description   string     `json:"description"`
	Tags          []string   `json:"tags"`
	Timezone      string     `json:"timezone"`
	Editable      bool       `json:"editable"`
	GraphTooltip  int        `json:"graphTooltip"`
	Refresh       string     `json:"refresh"`
	SchemaVersion int        `json:"schemaVersion"`
	Version       int        `json:"version"`
	Time          TimeRange  `json:"time"`
	Annotations   List[any]  `json:"annotations"`
	Templating    Templating `json:"templating"`
	Links         []any      `json:"links"`
	Panels        []Panel    `json:"panels"`
}

// TimeRange is what the time picker shows first.
type TimeRange struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// List is Grafana's wrapper around a list.
type List[T any] struct {
	List []T `json:"list"`
}

// Templating are a board's variables.
type Templating = List[Variable]

// Variable is a choice that a person makes for the whole board.
type Variable struct {
	Name        string        `json:"name"`
	Label       string        `json:"label"`
	Description string        `json:"description"`
	Type        string        `json:"type"`
	Datasource  DataSource    `json:"datasource"`
	Definition  string        `json:"definition"`
	Query       VariableQuery `json:"query"`
	Refresh     int           `json:"refresh"` // 2: whenever the time range changes
	Sort        int           `json:"sort"`    // 0: as answered
	IncludeAll  bool          `json:"includeAll"`
	Multi       bool          `json:"multi"`
	Hide        int           `json:"hide"`
}

// VariableQuery is how a variable's values are found.
type VariableQuery struct {
	Query   string `json:"query"`
	RefID   string `json:"refId"`
	QryType int    `json:"qryType"` // 1: label values
}

// DataSource names a data source by its uid.
type DataSource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

// Panel is one picture or table.
type Panel struct {
	ID              int              `json:"id"`
	Type            string           `json:"type"`
	Title           string           `json:"title"`
	Description     string           `json:"description"`
	PluginVersion   string           `json:"pluginVersion"`
	GridPos         GridPos          `json:"gridPos"`
	Datasource      *DataSource      `json:"datasource,omitempty"`
	Targets         []Target         `json:"targets,omitempty"`
	Transformations []Transformation `json:"transformations,omitempty"`
	FieldConfig     FieldConfig      `json:"fieldConfig"`
	Options         any              `json:"options"`
}

// GridPos is a panel's place on a grid 24 wide.
type GridPos struct {
	X int `json:"x"`
	Y int `json:"y"`
	W int `json:"w"`
	H int `json:"h"`
}

// Target is one query of a panel.
type Target struct {
	RefID        string     `json:"refId"`
	Datasource   DataSource `json:"datasource"`
	EditorMode   string     `json:"editorMode"`
	Expr         string     `json:"expr"`
	Format       string     `json:"format"`
	Instant      bool       `json:"instant"`
	Range        bool       `json:"range"`
	LegendFormat string     `json:"legendFormat"`
}

// Transformation is one step between answer and panel.
type Transformation struct {
	ID      string `json:"id"`
	Options any    `json:"options"`
}

// JoinByField joins the answers of a panel's queries.
type JoinByField struct {
	ByField string `json:"byField"`
	Mode    string `json:"mode"`
}

// Organize leaves fields out, orders and renames them.
type Organize struct {
	ExcludeByName map[string]bool   `json:"excludeByName"`
	IndexByName   map[string]int    `json:"indexByName"`
	RenameByName  map[string]string `json:"renameByName"`
}

// SortBy orders rows.
type SortBy struct {
	Fields map[string]any `json:"fields"`
	Sort   []SortField    `json:"sort"`
}

// SortField is one key of SortBy.
type SortField struct {
	Field string `json:"field"`
	Desc  bool   `json:"desc"`
}

// RowNumber adds a field that counts the rows (calculateField, mode index).
type RowNumber struct {
	Mode          string `json:"mode"`
	Alias         string `json:"alias"`
	ReplaceFields bool   `json:"replaceFields"`
}

// FieldConfig says how fields look.
type FieldConfig struct {
	Defaults  FieldDefaults `json:"defaults"`
	Overrides []Override    `json:"overrides"`
}

// FieldDefaults hold for every field of a panel.
type FieldDefaults struct {
	Unit     string         `json:"unit"`
	Decimals *int           `json:"decimals,omitempty"`
	NoValue  string         `json:"noValue,omitempty"`
	Color    *Color         `json:"color,omitempty"`
	Mappings []any          `json:"mappings"`
	Custom   map[string]any `json:"custom,omitempty"`
}

// Color is a way to colour a field.
type Color struct {
	Mode       string `json:"mode"`
	FixedColor string `json:"fixedColor,omitempty"`
}

// Override holds for the fields that its matcher finds.
type Override struct {
	Matcher    Matcher    `json:"matcher"`
	Properties []Property `json:"properties"`
}

// Matcher finds fields.
type Matcher struct {
	ID      string `json:"id"`
	Options string `json:"options"`
}

// Property is one setting of an override.
type Property struct {
	ID    string `json:"id"`
	Value any    `json:"value"`
}

// XYOptions are an xychart's options.
type XYOptions struct {
	Mapping string        `json:"mapping"`
	Series  []XYSeries    `json:"series"`
	Legend  LegendOptions `json:"legend"`
	Tooltip TooltipOption `json:"tooltip"`
}

// XYSeries maps fields to axes; with mapping auto only X is given.
type XYSeries struct {
	X XYDimension `json:"x"`
}

// XYDimension finds the field of an axis.
type XYDimension struct {
	Matcher Matcher `json:"matcher"`
}

// LegendOptions are a legend's.
type LegendOptions struct {
	ShowLegend  bool     `json:"showLegend"`
	DisplayMode string   `json:"displayMode"`
	Placement   string   `json:"placement"`
	Calcs       []string `json:"calcs"`
}

// TooltipOption is a tooltip's.
type TooltipOption struct {
	Mode string `json:"mode"`
	Sort string `json:"sort"`
}

// StatOptions are a stat panel's.
type StatOptions struct {
	ColorMode     string        `json:"colorMode"`
	GraphMode     string        `json:"graphMode"`
	JustifyMode   string        `json:"justifyMode"`
	Orientation   string        `json:"orientation"`
	TextMode      string        `json:"textMode"`
	WideLayout    bool          `json:"wideLayout"`
	ShowPercent   bool          `json:"showPercentChange"`
	PercentColor  string        `json:"percentChangeColorMode"`
	ReduceOptions ReduceOptions `json:"reduceOptions"`
}

// ReduceOptions reduce a field to one value.
type ReduceOptions struct {
	Calcs  []string `json:"calcs"`
	Fields string   `json:"fields"`
	Values bool     `json:"values"`
}

// TableOptions are a table's.
type TableOptions struct {
	ShowHeader bool   `json:"showHeader"`
	CellHeight string `json:"cellHeight"`
	FrameIndex int    `json:"frameIndex"`
}

// TextOptions are a text panel's.
type TextOptions struct {
	Mode    string `json:"mode"`
	Content string `json:"content"`
}
