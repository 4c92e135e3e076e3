package read

import (
	"fmt"
	"math"
	"strconv"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/store/schema"
)

// changeCounts counts the complete rows by direction of change and by the
// instrument's responder rule.
type changeCounts struct {
	columns []string // of a row: baseline, follow-up
	counts  []string // improved, unchanged, worse, responders, base
}

// change writes those counts. Whole units are compared as integers; a score
// without a unit with a tolerance of 1e-9 points.
func (s *statement) change(c *Change) (changeCounts, error) {
	if c == nil {
		return changeCounts{}, nil
	}
	b, err := s.field(c.Baseline)
	if err != nil {
		return changeCounts{}, err
	}
	f, err := s.field(c.FollowUp)
	if err != nil {
		return changeCounts{}, err
	}
	score := b.column.Score
	if score == nil || f.column.Score != score {
		return changeCounts{}, fmt.Errorf("store: change from %s to %s: both must be columns of one score", c.Baseline, c.FollowUp)
	}
	kind, tolerance := "Int64", "0"
	if b.kind == schema.Float {
		kind, tolerance = "Float64", "1e-9"
	}
	gain := fmt.Sprintf("(%d * (_follow_up - _base))", int64(score.Direction))
	defined, responds := responder(score, gain, b.kind == schema.Integer)
	return changeCounts{
		columns: []string{
			"CAST(" + b.value + ", 'Nullable(" + kind + ")') AS _base",
			"CAST(" + f.value + ", 'Nullable(" + kind + ")') AS _follow_up",
		},
		counts: []string{
			count(gain + " > " + tolerance), count("abs(" + gain + ") <= " + tolerance), count(gain + " < -" + tolerance),
			count("(" + defined + ") AND (" + responds + ")"), count("_follow_up IS NOT NULL AND (" + defined + ")"),
		},
	}, nil
}

func count(condition string) string { return "toInt64(countIf(" + condition + "))" }

// responder writes for whom the score's responder rule is defined, and when a
// person meets it.
func responder(score *instruments.Score, gain string, whole bool) (defined, responds string) {
	rule := score.ResponderRule()
	threshold, floor := strconv.FormatInt(rule.ThresholdUnits, 10), strconv.FormatInt(rule.FloorUnits, 10)
	tolerance := ""
	if !whole {
		threshold, floor, tolerance = inPoints(score), lowest(score.Floor), " + 1e-9"
	}
	defined = "_base IS NOT NULL"
	if rule.HasFloor {
		defined += " AND _base" + tolerance + " >= " + floor
	}
	switch rule.Rule {
	case "":
		return "0", "0"
	case instruments.RespondByPercent:
		return defined + " AND _base != 0", fmt.Sprintf("100 * %s%s >= %d * abs(_base)", gain, tolerance, rule.Percent)
	}
	return defined, gain + tolerance + " >= " + threshold
}

// inPoints is the threshold of a score that has no unit.
func inPoints(score *instruments.Score) string {
	if score.Responder == instruments.RespondByReliableChange {
		return lowest(score.MDC)
	}
	return lowest(score.MIC)
}

// lowest writes a threshold; one that is not established is never met.
func lowest(points *float64) string {
	if points == nil {
		return strconv.FormatFloat(math.MaxFloat64, 'g', -1, 64)
	}
	return strconv.FormatFloat(*points, 'g', -1, 64)
}
