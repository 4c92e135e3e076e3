package instruments

import "fmt"

// Units of the nominal score of STarT Back's class.
const (
	riskIndeterminate = iota
	riskLow
	riskMedium
	riskHigh
)

// StartBackRisk are the constants of STarT Back's class: low up to a total,
// else high from a distress subscale, else medium. Hill et al. (2008).
type StartBackRisk struct {
	Points           map[string][]int32 `yaml:"points" json:"points"`
	Distress         []string           `yaml:"distress" json:"distress"`
	LowUpTo          int32              `yaml:"low_up_to" json:"low_up_to"`
	HighDistressFrom int32              `yaml:"high_distress_from" json:"high_distress_from"`
}

func (p *StartBackRisk) class(total, distress int32) int32 {
	switch {
	case total <= p.LowUpTo:
		return riskLow
	case distress >= p.HighDistressFrom:
		return riskHigh
	}
	return riskMedium
}

// startbackRisk gives the class that every completion of the missing items has;
// where they differ it is indeterminate. Every item is worth 0 or 1 point, so
// that a completion is how many points the missing items of each kind give.
func startbackRisk(s *Score, items []Item) (rule, error) {
	p := new(StartBackRisk)
	if err := s.Parameters.read(p); err != nil {
		return rule{}, err
	}
	table, err := (&Points{Points: p.Points}).table(items)
	if err != nil {
		return rule{}, err
	}
	if !s.Nominal || s.Unit != 1 || s.Missing.Then != thenPartial {
		return rule{}, fmt.Errorf("a class is nominal, has unit 1 and is partial where items are missing")
	}
	distress := make([]bool, len(items))
	for i, it := range items {
		for _, points := range table[i] {
			if points < 0 || points > 1 {
				return rule{}, fmt.Errorf("points of %s: want 0 or 1", it.Key)
			}
		}
		for _, key := range p.Distress {
			distress[i] = distress[i] || key == it.Key
		}
	}
	index := s.index
	return rule{judge: func(a *Administration, out *Scored) {
		out.Status = s.status(int64(out.Answered))
		if int(out.Answered) < s.need {
			return
		}
		var total, of, missing, missingDistress int32
		for i, at := range index {
			code := a.code(at)
			switch {
			case code == Missing && distress[i]:
				missingDistress++
			case code == Missing:
				missing++
			default:
				points := table[i][code-items[i].Min]
				total += points
				if distress[i] {
					of += points
				}
			}
		}
		out.Known, out.Units = true, p.class(total, of)
		for more := int32(0); more <= missing; more++ {
			for worse := int32(0); worse <= missingDistress; worse++ {
				if p.class(total+more+worse, of+worse) != out.Units {
					out.Units = riskIndeterminate
					return
				}
			}
		}
	}}, nil
}

// Parts of the WPAI, as its scores' parameters name them.
const (
	absenteeism  = "absenteeism"
	presenteeism = "presenteeism"
	overall      = "overall"
	activity     = "activity"
)

// WPAIPart says which part of the WPAI a score is.
type WPAIPart struct {
	Part string `yaml:"part" json:"part"`
}

// wpai gives one part of the Work Productivity and Activity Impairment
// questionnaire (specific health problem), a fraction of 1, from its six items:
// employed, hours missed for the problem (m), hours missed otherwise, hours
// worked (w), effect on work (e) and on other activities (a), both 0 to 10:
//
//	absenteeism = m/(m+w)      presenteeism = e/10
//	overall = m/(m+w) + (1 − m/(m+w))·e/10      activity = a/10
//
// Who is not employed has activity alone; who worked no hour and missed none
// has no absenteeism and no overall; who only missed hours has no presenteeism
// and an overall of 1. Reilly, Zbrozek and Dukes (1993),
// doi:10.2165/00019053-199304050-00006.
func wpai(s *Score, items []Item) (rule, error) {
	p := new(WPAIPart)
	if err := s.Parameters.read(p); err != nil {
		return rule{}, err
	}
	if len(items) != 6 {
		return rule{}, fmt.Errorf("want the six items, %d given", len(items))
	}
	parts := map[string]func(w workWeek) (float64, state){
		absenteeism: workWeek.absenteeism, presenteeism: workWeek.presenteeism,
		overall: workWeek.overall, activity: workWeek.activity,
	}
	part, ok := parts[p.Part]
	if !ok {
		return rule{}, fmt.Errorf("part %q: want absenteeism, presenteeism, overall or activity", p.Part)
	}
	index, unit := s.index, s.Unit
	return rule{judge: func(a *Administration, out *Scored) {
		w := workWeek{
			employed: a.code(index[0]), missed: a.code(index[1]), worked: a.code(index[3]),
			effect: a.code(index[4]), others: a.code(index[5]),
		}
		value, state := part(w)
		out.Status, out.Void, out.Known = Insufficient, state == void, state == there
		if !out.Known {
			return
		}
		out.Status, out.Value = Complete, value
		if unit > 0 {
			out.Units = int32(value*float64(unit) + 0.5)
		}
	}}, nil
}

// state says whether a part of a response is there, is wanting, or does not
// apply to the person.
type state int

const (
	wanting state = iota
	void
	there
)

// workWeek is what a person answered to the WPAI; hours are in hundredths.
type workWeek struct{ employed, missed, worked, effect, others int16 }

// hours returns the hours missed and those missed or worked.
func (w workWeek) hours() (missed, all float64, s state) {
	switch {
	case w.employed == Missing:
		return 0, 0, wanting
	case w.employed == 0:
		return 0, 0, void
	case w.missed == Missing || w.worked == Missing:
		return 0, 0, wanting
	case w.missed+w.worked == 0:
		return 0, 0, void
	}
	return float64(w.missed), float64(w.missed) + float64(w.worked), there
}

func (w workWeek) absenteeism() (float64, state) {
	missed, all, s := w.hours()
	if s != there {
		return 0, s
	}
	return missed / all, there
}

func (w workWeek) presenteeism() (float64, state) {
	switch {
	case w.employed == Missing:
		return 0, wanting
	case w.employed == 0, w.worked == 0 && w.missed > 0, w.worked == 0 && w.effect == Missing:
		return 0, void
	case w.effect == Missing:
		return 0, wanting
	}
	return float64(w.effect) / 10, there
}

// overall is (10·m + w·e) / (10·(m+w)): one division, so that it is the nearest
// number to the exact fraction.
func (w workWeek) overall() (float64, state) {
	missed, all, s := w.hours()
	switch {
	case s != there:
		return 0, s
	case w.worked == 0:
		return 1, there
	case w.effect == Missing:
		return 0, wanting
	}
	return (10*missed + float64(w.worked)*float64(w.effect)) / (10 * all), there
}

func (w workWeek) activity() (float64, state) {
	if w.others == Missing {
		return 0, wanting
	}
	return float64(w.others) / 10, there
}
