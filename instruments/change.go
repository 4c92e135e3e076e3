package instruments

import "math"

// epsilon is the tolerance of comparisons with a threshold, so that exactly
// 30 % counts whatever the rounding of its floats.
const epsilon = 1e-9

// PercentThreshold is the improvement, in per cent of baseline, that counts as
// useful in low back pain. Ostelo et al. (2008).
const PercentThreshold = 30

// Rules by which a person counts as a responder.
const (
	// RespondByPercent: improvement of at least 30 % from a baseline at or
	// above the floor.
	RespondByPercent = "pct30"
	// RespondByAbsolute: improvement of at least the MIC.
	RespondByAbsolute = "absolute"
	// RespondByReliableChange: improvement of at least the MDC.
	RespondByReliableChange = "reliable_change"
)

// Reasons why a part of a Change is null.
const (
	ReasonMissingBaseline    = "missing_baseline"
	ReasonMissingFollowUp    = "missing_follow_up"
	ReasonBaselineZero       = "baseline_zero"
	ReasonBaselineBelowFloor = "baseline_below_floor"
	ReasonVersionDiffers     = "version_differs"
	ReasonMICNotEstablished  = "mic_not_established"
	ReasonMDCNotEstablished  = "mdc_not_established"
)

// Change is what two scores of one person mean together. Improvement is in the
// score's points, positive when the person got better; Percent is of |baseline|.
// A nil has its reason in Reasons under its JSON name, but for Recovered, which
// is nil where the instrument defines no recovery.
type Change struct {
	Improvement    *float64          `json:"improvement"`
	Percent        *float64          `json:"pct"`
	MeetsAbsolute  *bool             `json:"meets_abs"`
	MeetsPercent   *bool             `json:"meets_pct"`
	Responder      *bool             `json:"responder"`
	Deteriorated   *bool             `json:"deteriorated"`
	ReliableChange *bool             `json:"reliable_change"`
	Recovered      *bool             `json:"recovered"`
	Reasons        map[string]string `json:"reasons"`
}

// Change compares a follow-up score with its baseline, both in points:
//
//	improvement     = sign · (follow-up − baseline)
//	pct             = 100 · improvement / |baseline|
//	meets_abs       = improvement ≥ MIC
//	meets_pct       = pct ≥ 30
//	responder       = the score's rule, see ResponderRule
//	deteriorated    = −improvement ≥ DetAbs
//	reliable_change = |improvement| ≥ MDC
//	recovered       = follow-up ≤ RecoveredAtMost, or
//	                  baseline ≥ CaseFrom and follow-up < CaseFrom
//
// with a tolerance of 1e-9. The two scores must come from the same instrument
// version and value set; where they do not, use NoChange. A nil or NaN score is
// missing.
func (s *Score) Change(baseline, followUp *float64) Change {
	switch {
	case baseline == nil || math.IsNaN(*baseline):
		return s.NoChange(ReasonMissingBaseline)
	case followUp == nil || math.IsNaN(*followUp):
		return s.NoChange(ReasonMissingFollowUp)
	}
	c := Change{Reasons: map[string]string{}}
	improvement := s.Direction.Sign() * (*followUp - *baseline)
	if improvement == 0 {
		improvement = 0 // not −0, which JSON would show
	}
	c.Improvement = &improvement
	if size := math.Abs(*baseline); size > epsilon {
		pct := 100 * improvement / size
		c.Percent, c.MeetsPercent = &pct, known(pct >= PercentThreshold-epsilon)
	} else {
		c.Reasons["pct"], c.Reasons["meets_pct"] = ReasonBaselineZero, ReasonBaselineZero
	}
	c.MeetsAbsolute = c.atLeast("meets_abs", improvement, s.MIC, ReasonMICNotEstablished)
	c.Deteriorated = c.atLeast("deteriorated", -improvement, s.DetAbs, ReasonMICNotEstablished)
	c.ReliableChange = c.atLeast("reliable_change", math.Abs(improvement), s.MDC, ReasonMDCNotEstablished)
	s.respond(&c, *baseline)
	switch {
	case s.RecoveredAtMost != nil:
		c.Recovered = known(*followUp <= *s.RecoveredAtMost+epsilon)
	case s.CaseFrom != nil:
		c.Recovered = known(*baseline >= *s.CaseFrom-epsilon && *followUp < *s.CaseFrom-epsilon)
	}
	return c
}

// NoChange returns a Change in which everything is null for one reason.
func (s *Score) NoChange(reason string) Change {
	c := Change{Reasons: map[string]string{}}
	for _, part := range []string{"improvement", "pct", "meets_abs", "meets_pct", "responder", "deteriorated", "reliable_change"} {
		c.Reasons[part] = reason
	}
	if s.RecoveredAtMost != nil || s.CaseFrom != nil {
		c.Reasons["recovered"] = reason
	}
	return c
}

func (s *Score) respond(c *Change, baseline float64) {
	if s.Floor != nil && baseline < *s.Floor-epsilon {
		c.Reasons["responder"] = ReasonBaselineBelowFloor
		return
	}
	switch s.Responder {
	case RespondByPercent:
		if c.Responder = c.MeetsPercent; c.Responder == nil {
			c.Reasons["responder"] = ReasonBaselineZero
		}
	case RespondByAbsolute:
		c.Responder = c.MeetsAbsolute
	case RespondByReliableChange:
		c.Responder = known(*c.Improvement >= *s.MDC-epsilon)
	default:
		c.Reasons["responder"] = s.ResponderReason
	}
}

func (c *Change) atLeast(part string, value float64, threshold *float64, reason string) *bool {
	if threshold == nil {
		c.Reasons[part] = reason
		return nil
	}
	return known(value >= *threshold-epsilon)
}

func known(b bool) *bool { return &b }

// ResponderRule is a score's responder rule in whole units, for a query that
// compares stored scores. With b and f the units of baseline and follow-up and
// gain = sign · (f − b), a person with b ≥ FloorUnits (any b where HasFloor is
// false) responds where
//
//	pct30                      b ≠ 0 and 100 · gain ≥ Percent · |b|   (b = 0: null)
//	absolute, reliable_change  gain ≥ ThresholdUnits
//
// and below the floor or without a rule it is null, for Reason. It agrees with
// Change for every pair of possible scores.
type ResponderRule struct {
	Rule           string
	Sign           int64
	Percent        int64
	ThresholdUnits int64
	HasFloor       bool
	FloorUnits     int64
	Reason         string
}

// ResponderRule returns the score's responder rule in units.
func (s *Score) ResponderRule() ResponderRule {
	r := ResponderRule{Rule: s.Responder, Sign: int64(s.Direction), Reason: s.ResponderReason}
	switch s.Responder {
	case RespondByPercent:
		r.Percent = PercentThreshold
	case RespondByAbsolute:
		r.ThresholdUnits = s.ThresholdUnits(*s.MIC)
	case RespondByReliableChange:
		r.ThresholdUnits = s.ThresholdUnits(*s.MDC)
	}
	if s.Floor != nil {
		r.HasFloor, r.FloorUnits = true, s.ThresholdUnits(*s.Floor)
	}
	return r
}
