package instruments

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Administration is one answered questionnaire.
type Administration struct {
	// Codes are the answers in the order of the definition's items, Missing
	// where there is none. Trailing optional items may be absent.
	Codes []int16
	// Ticks holds, for the items where several boxes were ticked, all of them
	// that are codes; Codes has the one that counts. Empty where no item had
	// several.
	Ticks [][]int16
	// AdminMode is how it was put, for instruments scored differently by it;
	// empty is the instrument's default.
	AdminMode string
	// Age in whole years at answering, 0 unknown.
	Age int
	// Sex is male, female or empty for unknown.
	Sex string
	// Reasons says why items have no answer, one an item: blank, na, declined,
	// not_asked, invalid or empty. Nil where nothing is known.
	Reasons []string
	// Supplied is the score that the sender computed, nil where it sent none.
	Supplied *float64
}

// reasonNotAsked is the reason of an item that was never shown.
const reasonNotAsked = "not_asked"

// code returns the answer to item i, Missing where there is none.
func (a *Administration) code(i int) int16 {
	if i >= len(a.Codes) {
		return Missing
	}
	return a.Codes[i]
}

func (a *Administration) notAsked(i int) bool {
	return i < len(a.Reasons) && a.Reasons[i] == reasonNotAsked
}

// Scored is one score of one administration: Units, which over the score's
// Unit are its points, or Value in points where the score has no unit. Known is
// false where there is no score.
type Scored struct {
	Status   Status
	Units    int32
	Value    float64
	Known    bool
	Answered uint8 // of the score's items
	Items    uint8
	Band     string
	// Void says that the score does not apply to the person, so that nothing
	// is missing where there is none.
	Void bool
}

// Score scores an administration, one entry of out for each of d.Scores.
//
// A code that an item does not allow, a wrong number of them or an unknown way
// of putting them makes every score Invalid: that is an answer about the
// response, not an error. The only error is an out of the wrong length. It
// allocates nothing.
func (d *Definition) Score(a *Administration, out []Scored) error {
	if len(out) != len(d.Scores) {
		return fmt.Errorf("instruments: score %s: room for %d scores, want %d", d.ID, len(out), len(d.Scores))
	}
	_, _, ok := d.CheckCodes(a)
	blank := d.blankCode(a.AdminMode)
	for i, s := range d.Scores {
		s.score(d, a, ok, blank, &out[i])
	}
	return nil
}

// blankCode is what an item without an answer counts as: Missing, but where the
// way it was put says otherwise.
func (d *Definition) blankCode(mode string) int16 {
	for i := range d.AdminModes {
		if m := &d.AdminModes[i]; m.Name == mode && m.BlankIs != nil {
			return *m.BlankIs
		}
	}
	return Missing
}

func (s *Score) score(d *Definition, a *Administration, ok bool, blank int16, out *Scored) {
	var sum, answered int64
	*out = Scored{Items: uint8(len(s.index))}
	for _, at := range s.index {
		code := a.code(at)
		if code == Missing && blank != Missing && !a.notAsked(at) {
			code = blank
		}
		if d.Items[at].allows(code) {
			sum += int64(code)
			answered++
		}
	}
	out.Answered = uint8(answered)
	if !ok {
		out.Status = Invalid
		return
	}
	if s.rule.judge != nil {
		s.rule.judge(a, out)
	} else if out.Status = s.status(answered); int(answered) >= s.need {
		out.Units, out.Known = int32(s.rule.units(a.Codes, sum, answered)), true
	}
	if out.Known && s.Unit > 0 {
		out.Band = s.band(out.Units)
	}
}

// status is that of a score of so many answered items.
func (s *Score) status(answered int64) Status {
	switch {
	case int(answered) == len(s.index):
		return Complete
	case s.Missing.Then == thenPartial && answered > 0:
		return Partial
	case int(answered) < s.need:
		return Insufficient
	}
	return Prorated
}

func (s *Score) band(units int32) string {
	for i, upTo := range s.bands {
		if units <= upTo {
			return s.Bands[i].Name
		}
	}
	return ""
}

// CheckCodes returns ok, or the first offending item and the rule it breaks:
// code_out_of_range, code_not_integer, sum_out_of_range, or wrong_item_count
// and unknown_admin_mode with item −1. A code offered in another coding (1–6 for
// 0–5) is refused here, never shifted.
func (d *Definition) CheckCodes(a *Administration) (item int, rule string, ok bool) {
	if len(a.Codes) > len(d.Items) || len(a.Codes) < len(d.Items)-d.Optional {
		return -1, RuleWrongItemCount, false
	}
	if a.AdminMode != "" && len(d.AdminModes) > 0 && !slices.ContainsFunc(d.AdminModes, func(m AdminMode) bool { return m.Name == a.AdminMode }) {
		return -1, RuleUnknownAdminMode, false
	}
	for i, code := range a.Codes {
		switch {
		case code == Missing:
		case code == Unreadable:
			return i, RuleCodeNotInteger, false
		case !d.Items[i].allows(code):
			return i, RuleCodeOutOfRange, false
		}
		// The code that counts may be in range while another tick is not.
		if i < len(a.Ticks) {
			for _, tick := range a.Ticks[i] {
				if !d.Items[i].allows(tick) {
					return i, RuleCodeOutOfRange, false
				}
			}
		}
	}
	for i := range d.Limits {
		if l := &d.Limits[i]; l.exceeded(a) {
			return l.index[0], RuleSumOutOfRange, false
		}
	}
	return 0, "", true
}

func (l *Limit) exceeded(a *Administration) bool {
	var sum int64
	for _, at := range l.index {
		if code := a.code(at); code != Missing {
			sum += int64(code)
		}
	}
	return sum > l.most
}

func (it *Item) allows(code int16) bool { return code >= it.low && code <= it.high }

// TickCode returns the code that counts of several ticks of one item, by the
// instrument's convention: Missing where there is none, or where the convention
// does not choose between different ones.
func (d *Definition) TickCode(ticks []int16) int16 {
	if len(ticks) == 0 {
		return Missing
	}
	low, high := ticks[0], ticks[0]
	for _, t := range ticks[1:] {
		low, high = min(low, t), max(high, t)
	}
	switch {
	case low == high || d.SeveralTicks == HighestTick:
		return high
	case d.SeveralTicks == LowestTick:
		return low
	}
	return Missing
}

// smallRange is that of a score whose whole numbers tell next to nothing.
const smallRange = 5

// Agrees reports whether the score that a sender supplied is ours, rounded to as
// many decimals as it has; of a score with a small range, by no more than a
// hundredth of it. scored are all scores of the response. An instrument without a score of its
// own has nothing to disagree with.
func (d *Definition) Agrees(scored []Scored, supplied float64) bool {
	s, own := d.Primary(), scored[d.primary]
	if d.NoTotal || !s.Measured() {
		return true
	}
	if !own.Known {
		return false
	}
	room := halfLastDigit(supplied)
	if s.Max-s.Min < smallRange {
		room = min(room, (s.Max-s.Min)/100) // an index of 1 is no rounded 0.6
	}
	difference := s.points(own) - supplied
	return difference <= room+epsilon && -difference <= room+epsilon
}

func halfLastDigit(x float64) float64 {
	if x == math.Trunc(x) {
		return 0.5
	}
	text := strconv.FormatFloat(x, 'f', -1, 64)
	_, decimals, _ := strings.Cut(text, ".")
	return 0.5 * math.Pow10(-len(decimals))
}
