package grafana

// Boards returns the boards that ship, the first one first.
func Boards() []Board { return []Board{providersAndInterventions()} }

// Matchers of the board's queries. An empty procedure asks for people of all
// procedures together, as in programmes that know none.
const (
	choice     = `programme="$programme",instrument="$instrument",procedure="$procedure"`
	byProvider = `{` + choice + `,provider!=""}`
	byRegion   = `{programme="$programme",instrument="$instrument",intervention="$intervention",adjusted="true",region!=""}`
	pooled     = `{programme="$programme",instrument="$instrument",adjusted="true",region=""}`
)

// carriedLabels are the labels, beside the one that a table is joined on, that
// every answer to byProvider has, and to byRegion.
var (
	carriedFunnel  = []string{"__name__", labelAdjusted, labelInstrument, dimProcedure, labelProgramme, labelTimepoint}
	carriedCompare = []string{"__name__", labelAdjusted, labelInstrument, dimIntervention, labelProgramme, labelReference, labelTimepoint}
)

func providersAndInterventions() Board {
	return Board{
		UID: "lumbar-outcomes", Title: "Outcomes by provider and intervention",
		Description: "Case-mix adjusted gain of each provider in a funnel, and interventions compared within regions.",
		Tags:        []string{"lumbar"}, Timezone: "Europe/London", Refresh: "10s", SchemaVersion: 41,
		Time: TimeRange{"now-1h", "now"}, Annotations: List[any]{[]any{}}, Links: []any{},
		Templating: Templating{[]Variable{
			labelVariable("programme", "Programme", "The programme of care.", `lumbar_patients`),
			labelVariable("procedure", "Procedure", "The procedure, where the programme tells its care apart by one.", `lumbar_patients{programme="$programme"}`),
			labelVariable("instrument", "Instrument", "The questionnaire whose score is shown.", `lumbar_patients{programme="$programme",procedure="$procedure"}`),
			labelVariable("intervention", "Intervention", "What is compared with the programme's reference.", `lumbar_compare_estimate{programme="$programme"}`),
		}},
		Panels: []Panel{
			stat(1, GridPos{0, 0, 6, 4}, "People", "Everyone referred, answered or not; rounded to the nearest 5.", `lumbar_eligible{`+choice+`}`, "none"),
			stat(2, GridPos{6, 0, 6, 4}, "Outcome known", "People with baseline and follow-up; rounded to the nearest 5.", `lumbar_patients{`+choice+`}`, "none"),
			stat(3, GridPos{12, 0, 6, 4}, "Mean gain", "Mean gain in the instrument's points; positive is better.", `lumbar_gain_mean{`+choice+`}`, "none"),
			stat(4, GridPos{18, 0, 6, 4}, "Responders", "Share of those in whom response is defined who improved by the instrument's responder rule.", `lumbar_responder_ratio{`+choice+`}`, "percentunit"),
			funnelPanel(5, GridPos{0, 4, 14, 14}),
			funnelTable(6, GridPos{14, 4, 10, 14}),
			forestPanel(7, GridPos{0, 18, 14, 11}),
			forestTable(8, GridPos{14, 18, 10, 11}),
			pooledTable(9, GridPos{0, 29, 14, 7}),
			text(10, GridPos{14, 29, 10, 7}, "How to read this", howToRead),
		},
	}
}

const howToRead = `**Gain** is change signed so that positive is better. **Limits** show where a provider of that size lies by chance alone: an alert is outside 95%, an alarm outside 99.8%, without over-dispersion. Providers under 30 records have no adjusted figure.

**Interventions** are compared after adjustment for baseline; a difference is *associated with* the intervention, not shown to be caused by it: who is offered what depends on need. It is on the instrument's own scale, treated less reference: where a lower score is better, a negative difference favours the treated.

Numbers of people are rounded to the nearest 5; what could tell of few people is left out, and the panel says so.`

func funnelPanel(id int, pos GridPos) Panel {
	targets, steps := joined("provider", byProvider, carriedFunnel, []field{
		{label: "provider", name: "Provider"},
		{metric: "lumbar_funnel_patients", name: "Records"},
		{metric: "lumbar_funnel_value", name: "Adjusted gain"},
		{metric: "lumbar_funnel_target", name: "Mean of all"},
		{metric: "lumbar_funnel_lower_95", name: "Lower 95%"},
		{metric: "lumbar_funnel_upper_95", name: "Upper 95%"},
		{metric: "lumbar_funnel_lower_998", name: "Lower 99.8%"},
		{metric: "lumbar_funnel_upper_998", name: "Upper 99.8%"},
	}, sortBy("Records"))
	return xychart(id, pos, "Providers in a funnel",
		"One point a provider: case-mix adjusted gain by number of records, with 95% and 99.8% limits about the mean of all.",
		"Records", targets, steps,
		pointsOf("Adjusted gain", "blue", 8),
		lineOf("Mean of all", "text", false),
		lineOf("Lower 95%", "orange", true), lineOf("Upper 95%", "orange", true),
		lineOf("Lower 99.8%", "red", false), lineOf("Upper 99.8%", "red", false))
}

func funnelTable(id int, pos GridPos) Panel {
	targets, steps := joined("provider", byProvider, carriedFunnel, []field{
		{label: "provider", name: "Provider"},
		{metric: "lumbar_funnel_patients", name: "Records"},
		{metric: "lumbar_funnel_value", name: "Adjusted gain"},
		{metric: "lumbar_funnel_lower_998", name: "Lower 99.8%"},
		{metric: "lumbar_funnel_upper_998", name: "Upper 99.8%"},
		{metric: "lumbar_funnel_outlier", name: "Standing"},
	}, sortBy("Adjusted gain"))
	return table(id, pos, "Providers", "The numbers of the funnel, and where each provider stands beside the limits.", targets, steps,
		override("Standing", wordsOf("lumbar_funnel_outlier"), Property{"custom.cellOptions", map[string]string{"type": "color-text"}}))
}

var compareFields = []field{
	{label: dimRegion, name: "Region"},
	{metric: "lumbar_compare_estimate", name: "Difference"},
	{metric: "lumbar_compare_lower", name: "Lower 95%"},
	{metric: "lumbar_compare_upper", name: "Upper 95%"},
}

func forestPanel(id int, pos GridPos) Panel {
	targets, steps := joined(dimRegion, byRegion, carriedCompare, compareFields, sortBy("Region"), rowNumber("Row"))
	return xychart(id, pos, "$intervention against the reference, by region",
		"Difference in follow-up score, treated less reference, adjusted for baseline, with its 95% interval. Row is the region's row in the table beside.",
		"Row", targets, steps,
		pointsOf("Difference", "blue", 10), pointsOf("Lower 95%", "text", 4), pointsOf("Upper 95%", "text", 4))
}

func forestTable(id int, pos GridPos) Panel {
	fields := append(append([]field{}, compareFields...),
		field{metric: "lumbar_compare_treated", name: "Treated"}, field{metric: "lumbar_compare_control", name: "Reference"})
	targets, steps := joined(dimRegion, byRegion, carriedCompare, fields, sortBy("Region"), rowNumber("Row"))
	return table(id, pos, "$intervention by region", "The numbers of the forest. Regions with fewer than 30 people in an arm are not shown.", targets, steps)
}

func pooledTable(id int, pos GridPos) Panel {
	carried := []string{"__name__", labelAdjusted, labelInstrument, labelProgramme, labelReference, labelTimepoint}
	targets, steps := joined(dimIntervention, pooled, carried, []field{
		{label: dimIntervention, name: "Intervention"},
		{metric: "lumbar_compare_estimate", name: "Difference"},
		{metric: "lumbar_compare_lower", name: "Lower 95%"},
		{metric: "lumbar_compare_upper", name: "Upper 95%"},
		{metric: "lumbar_compare_prediction_lower", name: "Prediction lower"},
		{metric: "lumbar_compare_prediction_upper", name: "Prediction upper"},
	}, sortBy("Intervention"))
	return table(id, pos, "All regions together", "Differences pooled over regions (random effects); the prediction interval is where a further region's effect would lie.", targets, steps)
}
