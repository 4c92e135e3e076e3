package dashboards

import (
	"context"
	"slices"

	"github.com/lumbar-health/lumbar/queries"
)

// Asker answers questions; queries.Desk is one.
type Asker interface {
	// Ask returns the disclosed answer to a question, or a *queries.Error.
	Ask(ctx context.Context, q queries.Question) (*queries.Answer, error)
	// DataVersion returns the number of the last committed batch; 0 means that
	// nothing has been stored yet.
	DataVersion(ctx context.Context) (uint64, error)
}

// Choice is a key with the label that people read.
type Choice struct {
	Key   string
	Label string
}

// Programme is what a person can choose within one programme of care.
type Programme struct {
	ID           string
	Title        string
	Default      bool
	Instruments  []Choice // the programme's, the main one first
	Timepoints   []Choice // those after baseline
	MainFollowUp string   // key of the timepoint that a question means when it names none
	Procedures   []Choice // empty where care is not told apart by procedure
	// Interventions, the reference first; empty where none are compared.
	Interventions []Choice
	Dimensions    []string // ways to group its people, as questions name them
	// AskedOf names the procedures whose people are asked an instrument; one that
	// is absent is asked of all.
	AskedOf map[string][]string
}

// Has says whether the programme's people can be grouped by that dimension.
func (p Programme) Has(dimension string) bool {
	return slices.Contains(p.Dimensions, dimension)
}

// Asks says whether people of a procedure are asked an instrument. An empty
// procedure stands for people of all.
func (p Programme) Asks(instrument, procedure string) bool {
	procedures, limited := p.AskedOf[instrument]
	return !limited || procedure == "" || slices.Contains(procedures, procedure)
}

// Label returns the label of a key, or the key where it has none.
func Label(choices []Choice, key string) string {
	for _, c := range choices {
		if c.Key == key && c.Label != "" {
			return c.Label
		}
	}
	return key
}

// Keys returns the keys of choices in their order.
func Keys(choices []Choice) []string {
	keys := make([]string, len(choices))
	for i, c := range choices {
		keys[i] = c.Key
	}
	return keys
}
