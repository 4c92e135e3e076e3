package schema

import (
	"fmt"
	"strings"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/programme"
)

// Parts of a change, as instruments.Change names them on the wire. Each is the
// end of a virtual column of outcome: odi_12m_responder.
const (
	Improvement    = "improvement"
	Percent        = "pct"
	MeetsAbsolute  = "meets_abs"
	MeetsPercent   = "meets_pct"
	Responder      = "responder"
	Deteriorated   = "deteriorated"
	ReliableChange = "reliable_change"
	Recovered      = "recovered"
)

// reasonSuffix ends the name of the column that says why a part is missing.
const reasonSuffix = "_reason"

// ChangeParts returns the parts of a change, in the order of domain 0.2.
func ChangeParts() []string {
	return []string{Improvement, Percent, MeetsAbsolute, MeetsPercent, Responder, Deteriorated, ReliableChange, Recovered}
}

// Change is what a virtual column says of a measured score at a follow-up: one
// part of the change from baseline, or the reason why it is missing. Nothing of
// it is stored: it is always what the current definition makes of the scores.
type Change struct {
	Score              *instruments.Score
	Baseline, FollowUp string // columns
	Part               string
	Reason             bool
}

// YesNo says whether the part is true or false, as 1 or 0.
func (c Change) YesNo() bool { return !c.Reason && c.Part != Improvement && c.Part != Percent }

// change returns the virtual column of that name.
func (c *Catalogue) change(name string) (Column, bool) {
	stem, reason := strings.CutSuffix(name, reasonSuffix)
	for _, part := range ChangeParts() {
		followUp, found := strings.CutSuffix(stem, "_"+part)
		i, known := c.byName[followUp]
		if !found || !known {
			continue
		}
		of := c.columns[i]
		if !of.followUp() {
			continue
		}
		return of.changed(name, Change{
			Score: of.Score, Baseline: of.Score.Column() + "_" + programme.Baseline, FollowUp: followUp, Part: part, Reason: reason,
		}), true
	}
	return Column{}, false
}

// followUp says whether the column is a measured score after baseline.
func (c Column) followUp() bool {
	return c.Score != nil && c.Score.Measured() && c.Name != c.Score.Column()+"_"+programme.Baseline
}

// changed is the virtual column of a part of the change to c.
func (c Column) changed(name string, change Change) Column {
	col := Column{Name: name, Change: &change, Nullable: true}
	switch {
	case change.Reason:
		col.Type, col.Kind, col.Nullable, col.Zero = "String", Text, false, true
	case change.Part == Improvement && c.Kind == Integer:
		// From the worst score to the best is at most twice the larger end.
		col.Type, col.Kind, col.Unit, col.Bound = "Nullable(Int64)", Integer, c.Unit, 2*c.Bound
	case change.Part == Improvement || change.Part == Percent:
		col.Type, col.Kind = typeFloat, Float
	default:
		col.Type, col.Kind, col.Unit, col.Bound = "Nullable(UInt8)", Integer, 1, 1
	}
	return col
}

// checkVirtual refuses a stored column with the name of a virtual one.
func (c *Catalogue) checkVirtual() error {
	for _, col := range c.columns {
		if _, taken := c.change(col.Name); taken {
			return fmt.Errorf("schema: the name of column %s is taken by the change of a score: choose another", col.Name)
		}
	}
	return nil
}

// changeNames returns the names of all virtual columns.
func (c *Catalogue) changeNames() []string {
	var names []string
	for _, col := range c.columns {
		if !col.followUp() {
			continue
		}
		for _, part := range ChangeParts() {
			names = append(names, col.Name+"_"+part, col.Name+"_"+part+reasonSuffix)
		}
	}
	return names
}
