package instruments

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Safety flags. They are evaluated answer by answer, before and independently
// of whether there is a score, also of responses that are refused.
const (
	FlagItem9Positive = "item9_positive"
	FlagItem9Missing  = "item9_missing"
	// FlagCES and a level, ces_p0 to ces_p2: the cauda equina questions.
	FlagCES = "ces_"
	// FlagSafetyUnreadable: answers with safety questions that can not be read.
	FlagSafetyUnreadable = "safety_unreadable"
)

// Rules of SafetyRule.
const (
	safetyItem  = "item_code"
	safetyCauda = "cauda_equina"
)

// States of an item that a safety rule reads, as results name them.
const (
	itemPositive = "positive"
	itemNegative = "negative"
	itemMissing  = "missing"
)

// SafetyRule is one rule about a person's safety. item_code reads one item: From
// is the lowest code that is positive; a code out of range is a missing one,
// never a negative one. cauda_equina reads the whole questionnaire.
type SafetyRule struct {
	Rule string `yaml:"rule" json:"rule"`
	Item string `yaml:"item" json:"item,omitempty"`
	// Key is the key of the item's state in a Result, and the stem of its
	// flags: item9.
	Key  string `yaml:"key" json:"key,omitempty"`
	From int16  `yaml:"from" json:"from,omitempty"`

	item int
}

func (d *Definition) prepareSafety() error {
	for i := range d.Safety {
		r := &d.Safety[i]
		switch r.Rule {
		case safetyItem:
			at, ok := d.ItemIndex(r.Item)
			if !ok || r.Key == "" || !d.Items[at].allows(r.From) {
				return fmt.Errorf("safety: item_code needs an item of the instrument, a key and a code of it")
			}
			r.item = at
		case safetyCauda:
			if len(d.Items) < caudaItems {
				return fmt.Errorf("safety: cauda_equina needs its %d items", caudaItems)
			}
		default:
			return fmt.Errorf("safety: rule %q is not known", r.Rule)
		}
	}
	return nil
}

// state is that of the item that the rule reads.
func (r *SafetyRule) state(d *Definition, a *Administration) string {
	code, item := a.code(r.item), &d.Items[r.item]
	known := item.allows(code)
	positive := known && code >= r.From
	for _, tick := range a.ticks(r.item) {
		known = known && item.allows(tick)
		positive = positive || item.allows(tick) && tick >= r.From // one such box is enough
	}
	switch {
	case positive:
		return itemPositive
	case !known:
		return itemMissing
	}
	return itemNegative
}

// Flags returns the safety flags of an administration, nil where there are
// none. It reads what can be read of invalid answers too; where nothing can be,
// it says safety_unreadable.
func (d *Definition) Flags(a *Administration) []string {
	var flags []string
	for i := range d.Safety {
		if len(a.Codes) == 0 {
			return []string{FlagSafetyUnreadable}
		}
		r := &d.Safety[i]
		if r.Rule == safetyCauda {
			if level := caudaLevel(a); level != caudaNone {
				flags = append(flags, FlagCES+caudaFlags[level])
			}
			continue
		}
		switch r.state(d, a) {
		case itemPositive:
			flags = append(flags, r.Key+"_"+itemPositive)
		case itemMissing:
			if a.anyAnswered() {
				flags = append(flags, r.Key+"_"+itemMissing)
			}
		}
	}
	return flags
}

// anyAnswered says whether anything was answered at all, readable or not.
func (a *Administration) anyAnswered() bool {
	return slices.ContainsFunc(a.Codes, func(code int16) bool { return code != Missing })
}

// SafetyFlags returns the safety flags of answers to a questionnaire in a
// version that is not known, or that can not be scored: the items are read as
// the current version has them. safety_unreadable is among them where not all
// of the answers could be read; it returns nil for instruments without safety
// questions.
func SafetyFlags(id ID, answers []byte) []string {
	d, err := Lookup(id, "")
	if err != nil {
		return nil
	}
	_, flags := d.safetyOf(answers)
	return flags
}

// safetyOf reads answers alone, whatever else is wrong with their response, for
// what they say of safety. The administration is nil where nothing was read.
func (d *Definition) safetyOf(answers []byte) (*Administration, []string) {
	if len(d.Safety) == 0 {
		return nil, nil
	}
	if json.Valid(answers) {
		a, err := d.ParseAdministration(slices.Concat([]byte(`{"answers":`), answers, []byte(`}`)))
		switch {
		case err == nil:
			return a, d.Flags(a)
		case a != nil && a.anyAnswered(): // some of it was read
			return a, append(d.Flags(a), FlagSafetyUnreadable)
		}
	}
	return nil, []string{FlagSafetyUnreadable}
}

// The cauda equina questions: seven symptoms, then when they began, in days
// before answering: of all of them together, and of each.
const (
	caudaItems   = 7
	caudaOnset   = 7
	caudaOnsets  = 8
	worseLeg     = 5 // rapidly worsening leg weakness
	gettingWorse = 6 // any of these getting worse
	emergencyDay = 14
	urgentDay    = 90
)

// Levels of the cauda equina rule, as units of its nominal score.
const (
	caudaNone = iota
	caudaP2
	caudaP1
	caudaP0
)

var caudaFlags = [...]string{caudaP2: "p2", caudaP1: "p1", caudaP0: "p0"}

// caudaEquina gives the level of the cauda equina question set.
func caudaEquina(s *Score, items []Item) (rule, error) {
	if err := s.Parameters.none(); err != nil {
		return rule{}, err
	}
	if !s.Nominal || s.Unit != 1 || len(items) != caudaItems {
		return rule{}, fmt.Errorf("a level is nominal, has unit 1 and needs the %d items", caudaItems)
	}
	return rule{judge: func(a *Administration, out *Scored) {
		out.Known, out.Units = true, int32(caudaLevel(a))
		switch int(out.Answered) {
		case caudaItems:
			out.Status = Complete
		case 0:
			out.Status = Insufficient
		default:
			out.Status = Partial
		}
	}}, nil
}

// caudaLevel is the product's rule for suspected cauda equina syndrome: an
// emergency where legs weaken, a symptom gets worse or is at most 14 days old;
// urgent to 90 days; else a review. An onset that is missing or in the future is
// unknown, which counts as today. A symptom that was shown and not answered
// needs a review where no other is present.
func caudaLevel(a *Administration) int {
	present, blank, newest := 0, false, int16(maxCode)
	for i := range caudaItems {
		switch {
		case a.yes(i):
			present++
			newest = min(newest, a.onset(i))
		case a.code(i) != 0:
			blank = blank || !a.notAsked(i)
		}
	}
	switch {
	case present == 0 && blank:
		return caudaP2
	case present == 0:
		return caudaNone
	case a.yes(worseLeg), a.yes(gettingWorse) && present > 1, newest <= emergencyDay:
		return caudaP0
	case newest <= urgentDay:
		return caudaP1
	}
	return caudaP2
}

// yes says whether symptom i is present: one box that says so is enough.
func (a *Administration) yes(i int) bool {
	return a.code(i) == 1 || slices.Contains(a.ticks(i), 1)
}

// onset returns how many days ago symptom i began, 0 where that is unknown. Of
// several days given the newest counts.
func (a *Administration) onset(i int) int16 {
	at := caudaOnsets + i
	if a.code(at) == Missing {
		at = caudaOnset
	}
	days := a.code(at)
	for _, tick := range a.ticks(at) {
		days = min(days, tick)
	}
	if days < 0 || days >= maxCode {
		return 0 // a date, a future day, no number: not known
	}
	return days
}

// ticks returns all boxes ticked of item i, nil where there were not several.
func (a *Administration) ticks(i int) []int16 {
	if i >= len(a.Ticks) {
		return nil
	}
	return a.Ticks[i]
}
