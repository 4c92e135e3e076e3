package read

import (
	"fmt"
	"strconv"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/store/schema"
)

// change is the change of a score from baseline to a follow-up, as SQL. It is
// instruments.Score.Change written for the engine: whole units are compared as
// integers, a score without a unit with a tolerance of 1e-9 points.
type change struct {
	score          *instruments.Score
	base, followUp string // Nullable(Int64) in units, or Nullable(Float64) in points
	gain           string // positive is better
	whole          bool
}

// tolerance of a comparison of points, that of package instruments.
const tolerance = "1e-9"

func (s *statement) changeOf(score *instruments.Score, baseline, followUp string) (change, error) {
	b, err := s.field(baseline)
	if err != nil {
		return change{}, err
	}
	f, err := s.field(followUp)
	if err != nil {
		return change{}, err
	}
	if score == nil {
		score = b.column.Score
	}
	if score == nil || !score.Measured() || b.column.Score != score || f.column.Score != score {
		return change{}, fmt.Errorf("store: change from %s to %s: both must be columns of one score that is measured", baseline, followUp)
	}
	c := change{score: score, base: b.value, followUp: f.value, whole: b.kind == schema.Integer}
	if c.whole {
		// Differences and products of units may exceed the column's own type.
		c.base, c.followUp = "CAST("+b.value+", 'Nullable(Int64)')", "CAST("+f.value+", 'Nullable(Int64)')"
	}
	return c.between(c.base, c.followUp), nil
}

// between is the same change of two expressions.
func (c change) between(base, followUp string) change {
	c.base, c.followUp = base, followUp
	c.gain = fmt.Sprintf("(%d * (%s - %s))", int64(c.score.Direction), followUp, base)
	return c
}

// atLeast writes that a value reaches a threshold of the score.
func (c change) atLeast(value string, points float64) string {
	if c.whole {
		return value + " >= " + strconv.FormatInt(c.score.ThresholdUnits(points), 10)
	}
	return value + " + " + tolerance + " >= " + pointsText(points)
}

// atMost writes that a value does not exceed one of the score.
func (c change) atMost(value string, points float64) string {
	if c.whole {
		// The units of a value at most points are below those of the next larger one.
		return value + " <= " + strconv.FormatInt(-c.score.ThresholdUnits(-points), 10)
	}
	return value + " <= " + pointsText(points) + " + " + tolerance
}

// fromZero writes that there was no baseline to take a percentage of.
func (c change) fromZero() string {
	if c.whole {
		return c.base + " = 0"
	}
	return "abs(" + c.base + ") <= " + tolerance
}

// byPercent writes that the improvement is at least the percentage that counts.
func (c change) byPercent() string {
	allowed := ""
	if !c.whole {
		// 1e-9 of a percentage of the baseline, as in Change.
		allowed = " + " + tolerance + " * abs(" + c.base + ")"
	}
	return fmt.Sprintf("100 * %s%s >= %d * abs(%s)", c.gain, allowed, instruments.PercentThreshold, c.base)
}

// missing writes when one of both scores is not there.
func (c change) missing() string { return c.base + " IS NULL OR " + c.followUp + " IS NULL" }

// part is one part of a change: when it has no value although both scores are
// there, each time with the reason, and the value where it has one.
type part struct {
	undefined []reason
	value     string // empty where it never has one
}

type reason struct{ when, name string }

func (c change) part(name string) part {
	s := c.score
	zero := reason{c.fromZero(), instruments.ReasonBaselineZero}
	switch name {
	case schema.Improvement:
		return part{value: c.gain}
	case schema.Percent:
		return part{[]reason{zero}, "100 * " + c.gain + " / abs(" + c.base + ")"}
	case schema.MeetsPercent:
		return part{[]reason{zero}, c.byPercent()}
	case schema.MeetsAbsolute:
		return c.reaches(c.gain, s.MIC, instruments.ReasonMICNotEstablished)
	case schema.Deteriorated:
		return c.reaches("-"+c.gain, s.DetAbs, instruments.ReasonMICNotEstablished)
	case schema.ReliableChange:
		return c.reaches("abs"+c.gain, s.MDC, instruments.ReasonMDCNotEstablished)
	case schema.Responder:
		return c.responder()
	}
	switch {
	case s.RecoveredAtMost != nil:
		return part{value: c.atMost(c.followUp, *s.RecoveredAtMost)}
	case s.CaseFrom != nil:
		return part{value: c.atLeast(c.base, *s.CaseFrom) + " AND NOT (" + c.atLeast(c.followUp, *s.CaseFrom) + ")"}
	}
	return part{}
}

func (c change) reaches(value string, points *float64, unknown string) part {
	if points == nil {
		return part{undefined: []reason{{"1", unknown}}}
	}
	return part{value: c.atLeast(value, *points)}
}

// responder is the score's responder rule.
func (c change) responder() part {
	s := c.score
	var p part
	if s.Floor != nil {
		p.undefined = append(p.undefined, reason{"NOT (" + c.atLeast(c.base, *s.Floor) + ")", instruments.ReasonBaselineBelowFloor})
	}
	var rule part
	switch s.Responder {
	case instruments.RespondByPercent:
		rule = c.part(schema.MeetsPercent)
	case instruments.RespondByAbsolute:
		rule = c.part(schema.MeetsAbsolute)
	case instruments.RespondByReliableChange:
		rule = c.part(schema.ReliableChange)
		rule.value = c.atLeast(c.gain, *s.MDC)
	default:
		rule = part{undefined: []reason{{"1", s.ResponderReason}}}
	}
	return part{append(p.undefined, rule.undefined...), rule.value}
}

// defined writes when a part has a value. It is never NULL.
func (p part) defined(c change) string {
	if p.value == "" {
		return "0"
	}
	text := "NOT (" + c.missing() + ")"
	for _, r := range p.undefined {
		text += " AND NOT ifNull(" + r.when + ", 0)"
	}
	return text
}

// reasonText writes why a part has no value, "" where it has one.
func (p part) reasonText(c change) string {
	text := "multiIf("
	if p.value != "" || len(p.undefined) > 0 {
		text += c.base + " IS NULL, " + schema.Literal(instruments.ReasonMissingBaseline) + ", " +
			c.followUp + " IS NULL, " + schema.Literal(instruments.ReasonMissingFollowUp) + ", "
	}
	for _, r := range p.undefined {
		text += r.when + ", " + schema.Literal(r.name) + ", "
	}
	if text == "multiIf(" {
		return "''" // the score does not define the part at all
	}
	return text + "'')"
}

func pointsText(points float64) string { return strconv.FormatFloat(points, 'g', -1, 64) }

// virtual writes a column of a change that is not stored.
func (s *statement) virtual(name string, column schema.Column) (field, error) {
	c, err := s.changeOf(column.Change.Score, column.Change.Baseline, column.Change.FollowUp)
	if err != nil {
		return field{}, err
	}
	p := c.part(column.Change.Part)
	f := field{name: name, kind: column.Kind, column: column, unit: column.Unit, bound: column.Bound}
	if column.Change.Reason {
		why := p.reasonText(c)
		// No reason is an answer too: "" is compared and counted like any other.
		f.value, f.present, f.key, f.keyText = why, "1", why, plainText
		return f, nil
	}
	f.present = "(" + p.defined(c) + ")"
	kind, value := "Float64", p.value
	if column.Kind == schema.Integer {
		kind = "Int64"
	}
	if value == "" {
		value = "NULL"
	}
	f.value = "if(" + f.present + ", CAST(" + value + ", 'Nullable(" + kind + ")'), NULL)"
	if column.Change.YesNo() {
		f.key, f.keyText = f.value, nullableInt
	}
	return f, nil
}

// changeCounts counts the complete rows by direction of change and by the
// instrument's responder rule.
type changeCounts struct {
	columns []string // of a row: baseline, follow-up
	counts  []string // improved, unchanged, worse, responders, base
}

// change writes those counts.
func (s *statement) change(asked *Change) (changeCounts, error) {
	if asked == nil {
		return changeCounts{}, nil
	}
	c, err := s.changeOf(nil, asked.Baseline, asked.FollowUp)
	if err != nil {
		return changeCounts{}, err
	}
	same := "0"
	if !c.whole {
		same = tolerance
	}
	columns := []string{c.base + " AS _base", c.followUp + " AS _follow_up"}
	c = c.between("_base", "_follow_up")
	responder := c.responder()
	defined, responds := responder.defined(c), "0"
	if responder.value != "" {
		responds = "(" + defined + ") AND (" + responder.value + ")"
	}
	return changeCounts{
		columns: columns,
		counts: []string{
			count(c.gain + " > " + same), count("abs(" + c.gain + ") <= " + same), count(c.gain + " < -" + same),
			count(responds), count(defined),
		},
	}, nil
}

func count(condition string) string { return "toInt64(countIf(" + condition + "))" }
