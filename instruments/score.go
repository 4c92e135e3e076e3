package instruments

import "fmt"

// Administration is one answered questionnaire.
type Administration struct {
	// Codes are the answers in the order of the definition's items, Missing
	// where there is none. Trailing optional items may be absent.
	Codes []int16
	// Ticks holds, for the items where several boxes were ticked, all of
	// them; Codes has the one that counts. Empty where no item had several.
	Ticks [][]int16
	// AdminMode is how it was put, for instruments scored differently by it.
	AdminMode string
	// Age in whole years at answering, 0 unknown.
	Age int
	// Sex is male, female or empty for unknown.
	Sex string
}

// Scored is one score of one administration. Units over the score's Unit are
// its points; HasUnits is false where there is no score.
type Scored struct {
	Status    Status
	Units     int32
	HasUnits  bool
	Answered  uint8 // of the score's items
	Items     uint8
	Band      string
	MultiTick bool
}

// Score scores an administration, one entry of out for each of d.Scores.
//
// A code that an item does not allow, or a wrong number of them, makes every
// score Invalid: that is an answer about the response, not an error. The only
// error is an out of the wrong length. It allocates nothing.
func (d *Definition) Score(a *Administration, out []Scored) error {
	if len(out) != len(d.Scores) {
		return fmt.Errorf("instruments: score %s: room for %d scores, want %d", d.ID, len(out), len(d.Scores))
	}
	_, _, ok := d.CheckCodes(a)
	for i, s := range d.Scores {
		s.score(d, a, ok, &out[i])
	}
	return nil
}

func (s *Score) score(d *Definition, a *Administration, ok bool, out *Scored) {
	var sum, answered int64
	*out = Scored{Items: uint8(len(s.index))}
	for _, at := range s.index {
		if at >= len(a.Codes) {
			continue
		}
		if code := a.Codes[at]; d.Items[at].allows(code) {
			sum += int64(code)
			answered++
		}
		if at < len(a.Ticks) && len(a.Ticks[at]) > 1 {
			out.MultiTick = true
		}
	}
	out.Answered = uint8(answered)
	switch {
	case !ok:
		out.Status = Invalid
		return
	case int(answered) < s.need:
		out.Status = Insufficient
		return
	case int(answered) < len(s.index):
		out.Status = Prorated
	default:
		out.Status = Complete
	}
	out.Units, out.HasUnits = int32(s.scorer(a.Codes, sum, answered)), true
	out.Band = s.band(out.Units)
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
// code_out_of_range, code_not_integer, or wrong_item_count with item −1. A code
// offered in another coding (1–6 for 0–5) is refused here, never shifted.
func (d *Definition) CheckCodes(a *Administration) (item int, rule string, ok bool) {
	if len(a.Codes) > len(d.Items) || len(a.Codes) < len(d.Items)-d.Optional {
		return -1, RuleWrongItemCount, false
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
	return 0, "", true
}

func (it *Item) allows(code int16) bool { return code >= it.Min && code <= it.Max }

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
