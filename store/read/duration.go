package read

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/lumbar-health/lumbar/record"
	"github.com/lumbar-health/lumbar/store/schema"
)

// Duration is the days from one day to the first of some others. Whoever has no
// first day, or one that lies after the end, is left out.
type Duration struct {
	From   Day
	Causes []Cause // what ends it; of two on one day the first named counts
	// Lost are days after which nothing more is known of a person. An event of the
	// same day still counts.
	Lost []Day
	// Until is the last day of which events are known: nobody is watched longer.
	Until record.Date
}

// Cause is one kind of event.
type Cause struct {
	Name string
	Day  Day
}

// Day is a day in an episode: a column of days, or the first event of a type that
// the episode has.
type Day struct{ Column, Event string }

func (d Duration) names() []string {
	names := make([]string, len(d.Causes))
	for i, c := range d.Causes {
		names[i] = c.Name
	}
	return names
}

// during adds the codings of a duration's time and status to the patterns.
func (p *patterns) during(d Duration) error {
	if len(d.Causes) == 0 || d.Until == 0 {
		return fmt.Errorf("store: a duration needs something that ends it, and the day until which that is known")
	}
	all := []Day{d.From}
	for _, c := range d.Causes {
		all = append(all, c.Day)
	}
	texts, err := p.dayTexts(append(all, d.Lost...))
	if err != nil {
		return err
	}
	until := p.s.bind("Date32", d.Until.String())
	ends := "[" + strings.Join(texts[1:1+len(d.Causes)], ", ") + "]"
	lost := "arrayMin([" + strings.Join(append([]string{"toInt32(" + until + ")"}, texts[1+len(d.Causes):]...), ", ") + "])"
	first := "arrayMin(" + ends + ")"
	days := days("(least(" + first + ", " + lost + ") - " + texts[0] + ")")
	p.conditions = append(p.conditions, "("+texts[0]+" <= least("+first+", "+lost+"))")
	// Code 1 is censored, and code 1 + k the k-th cause.
	status := coding{field: field{name: "status", kind: schema.Integer, present: "1"}, form: whole, most: uint64(len(d.Causes)) + 1,
		code: "toUInt64(if(" + first + " <= " + lost + ", indexOf(" + ends + ", " + first + "), 0) + 1)"}
	p.codings = append(p.codings, numberCoding(days), status)
	return nil
}

// dayTexts writes days as Int32, never as NULL: a day that is not there is after all
// others. The first, from which days are counted, is a condition.
func (p *patterns) dayTexts(all []Day) ([]string, error) {
	never := strconv.Itoa(math.MaxInt32)
	var events, texts []string
	for i, d := range all {
		if (d.Column == "") == (d.Event == "") {
			return nil, fmt.Errorf("store: a day is a column or an event, one of them")
		}
		day := fmt.Sprintf("_d%d", len(events))
		if d.Event != "" {
			if p.s.catalogue.IsFrame() {
				return nil, fmt.Errorf("store: %s has no events: name a column of days", p.s.catalogue.Table())
			}
			events = append(events, "minOrNullIf(_on, _type = "+p.s.text(d.Event)+") AS "+day)
		} else {
			f, err := p.s.field(d.Column)
			if err != nil {
				return nil, err
			}
			if f.kind != schema.Date {
				return nil, fmt.Errorf("store: column %s is no day", d.Column)
			}
			day = f.value
		}
		if i == 0 {
			p.conditions = append(p.conditions, day+" IS NOT NULL")
		}
		texts = append(texts, "assumeNotNull(ifNull(toInt32("+day+"), toInt32("+never+")))")
	}
	if len(events) > 0 {
		p.source = "FROM (SELECT * " + p.source + ") AS _o LEFT JOIN (" + eventDays(events) + ") AS _e ON _o.patient_id = _e._patient AND _o.episode_id = _e._episode WHERE 1"
	}
	return texts, nil
}

// eventDays reads the current events by episode.
func eventDays(days []string) string {
	return "SELECT _patient, _episode, " + strings.Join(days, ", ") +
		" FROM (SELECT patient_id AS _patient, argMax(tuple(episode_id, toString(type), happened_on, status = 'final'), version) AS _event," +
		" _event.1 AS _episode, _event.2 AS _type, _event.3 AS _on FROM event GROUP BY patient_id, event_id HAVING _event.4) GROUP BY _patient, _episode"
}
