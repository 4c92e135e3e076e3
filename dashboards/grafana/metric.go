package grafana

import (
	"cmp"
	"slices"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/lumbar-health/lumbar/queries/disclosure"
)

// Metric is one column of one question's answer, as the read protocol offers
// it. The column registry of disclosure names it.
type Metric struct {
	disclosure.Measure
	Question string
}

// Names of labels that are not dimensions. A comparison's treated arm goes by
// the label intervention, its control by reference.
const (
	labelProgramme  = "programme"
	labelInstrument = "instrument"
	labelTimepoint  = "timepoint"
	labelAdjusted   = "adjusted"
	labelReference  = "reference"
)

// Names of dimensions that the protocol treats apart.
const (
	dimYear         = "year"
	dimIntervention = "intervention"
	dimRegion       = "region"
	dimProcedure    = "procedure"
)

// Questions that metrics are read from.
const (
	askOutcomes = "outcomes"
	askFunnel   = "funnel"
	askCompare  = "compare"
)

// Metrics returns every metric of the read protocol, by question and column.
func Metrics() []Metric {
	var out []Metric
	for _, question := range []string{askOutcomes, askFunnel, askCompare} {
		for _, m := range disclosure.Columns(question) {
			if m.Metric != "" {
				out = append(out, Metric{m, question})
			}
		}
	}
	return out
}

// Values of the label adjusted.
const (
	adjustedYes = "true"
	adjustedNo  = "false"
)

// ways are the values of the label adjusted that the metric has; one empty
// value where it has no such label.
func (m Metric) ways() []string {
	switch {
	case m.Question == askCompare:
		return []string{adjustedYes, adjustedNo}
	case m.Question == askFunnel && m.Kind != disclosure.KindCount, m.Name == "adjusted_gain", m.Question == askOutcomes && m.Name == "outlier":
		return []string{adjustedYes}
	case m.Name == "mean_gain", m.Name == "lower", m.Name == "upper":
		return []string{adjustedNo}
	}
	return []string{""}
}

// help says what the metric is, for the metadata route and its pickers.
func (m Metric) help() string {
	words := m.Label
	switch m.Unit {
	case "points":
		words += ", in the instrument's points"
	case "people":
		words += ", rounded to the nearest 5"
	case "ratio":
		words += ", a ratio"
	}
	switch m.Better {
	case "higher":
		words += "; higher is better"
	case "lower":
		words += "; lower is better"
	case "instrument":
		words += "; which way is good is the instrument's direction"
	}
	if len(m.Words) > 0 {
		words += ", as a number:"
		for i, w := range m.Words {
			words += " " + number(i) + " " + w
		}
	}
	return words + "."
}

// sample is one series with its one value.
type sample struct {
	labels labels.Labels
	value  float64
}

func sortSamples(samples []sample) {
	slices.SortFunc(samples, func(a, b sample) int { return labels.Compare(a.labels, b.labels) })
}

// uniqueSorted sorts names and drops repeats.
func uniqueSorted[T cmp.Ordered](list []T) []T {
	slices.Sort(list)
	return slices.Compact(list)
}
