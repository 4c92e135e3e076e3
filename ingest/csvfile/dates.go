package csvfile

import (
	"fmt"
	"strings"
	"time"

	"github.com/lumbar-health/lumbar/ingest/wire"
	"github.com/lumbar-health/lumbar/record"
)

// dateFormat is a way to write dates.
type dateFormat struct {
	iso       bool // as the wire has them
	layout    string
	precision record.Precision
	zone      *time.Location // of a time of day
}

// isoDates is the word for the dates of the wire.
const isoDates = "ISO"

// tokens are the parts of a date as mappings write them, the longer first.
var tokens = []struct{ word, layout, part string }{
	{"YYYY", "2006", "year"}, {"MMM", "Jan", "month"}, {"MM", "01", "month"}, {"M", "1", "month"},
	{"DD", "02", "day"}, {"D", "2", "day"}, {"hh", "15", "hour"}, {"mm", "04", "minute"}, {"ss", "05", "second"},
}

// dates compiles ways to write dates; none is ISO alone.
func (m *mapping) dates(words []string) ([]dateFormat, error) {
	zone, err := m.zone()
	if err != nil {
		return nil, err
	}
	list := make([]dateFormat, 0, len(words))
	for _, word := range words {
		f, err := readFormat(word, zone)
		if err != nil {
			return nil, fmt.Errorf("dates: %s: %w", clip(word), err)
		}
		list = append(list, f)
	}
	return list, nil
}

// readFormat compiles DD/MM/YYYY and the like.
func readFormat(word string, zone *time.Location) (dateFormat, error) {
	if word == isoDates {
		return dateFormat{iso: true}, nil
	}
	var layout strings.Builder
	has := map[string]bool{}
next:
	for rest := word; rest != ""; {
		for _, t := range tokens {
			if after, ok := strings.CutPrefix(rest, t.word); ok {
				if has[t.part] {
					return dateFormat{}, fmt.Errorf("the %s stands in it twice", t.part)
				}
				has[t.part] = true
				layout.WriteString(t.layout)
				rest = after
				continue next
			}
		}
		if strings.IndexByte(" /.-:,T0", rest[0]) < 0 {
			return dateFormat{}, fmt.Errorf("write it with YYYY, MM, MMM (Jan), DD, hh, mm, ss and / . - : , T between them, or as %s", isoDates)
		}
		layout.WriteByte(rest[0])
		rest = rest[1:]
	}
	f := dateFormat{layout: layout.String()}
	switch {
	case !has["year"], has["day"] && !has["month"], has["hour"] != has["minute"], has["second"] && !has["hour"], has["hour"] && !has["day"]:
		return f, fmt.Errorf("it needs a year of four digits, the month before the day counts, and hh with mm")
	case has["hour"] && zone == nil:
		return f, fmt.Errorf("a time of day needs the mapping's timezone, such as Europe/London")
	case has["hour"]:
		f.precision, f.zone = record.PrecisionInstant, zone
	case has["day"]:
		f.precision = record.PrecisionDay
	case has["month"]:
		f.precision = record.PrecisionMonth
	default:
		f.precision = record.PrecisionYear
	}
	if probe := time.Date(2003, 11, 27, 21, 33, 44, 0, time.UTC).Format(f.layout); f.parsed(probe) != probe {
		return f, fmt.Errorf("it can not be told apart from another date: put signs between its parts")
	}
	return f, nil
}

// parsed is the text read and written again.
func (f *dateFormat) parsed(text string) string {
	t, err := time.Parse(f.layout, text)
	if err != nil {
		return ""
	}
	return t.Format(f.layout)
}

// parse reads a date. An hour that the clocks leave out is none; of one that
// they have twice the first is meant.
func (f *dateFormat) parse(text string) (wire.Moment, bool) {
	if f.iso {
		return wire.ParseMoment(text)
	}
	t, err := time.Parse(f.layout, text)
	if err != nil {
		return wire.Moment{}, false
	}
	if f.zone != nil {
		local := time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, f.zone)
		if local.Hour() != t.Hour() || local.Minute() != t.Minute() {
			return wire.Moment{}, false
		}
		if earlier := local.Add(-time.Hour); earlier.In(f.zone).Hour() == local.Hour() {
			local = earlier
		}
		t = local.UTC()
	}
	return wire.Moment{Time: t, Precision: f.precision}, true
}

// isMoment reports whether a field is a date.
func isMoment(f *wire.Field) bool {
	at := wire.Moment{Time: time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC), Precision: record.PrecisionDay}
	return f.Set(new(wire.Row), &wire.Value{Kind: wire.Instant, At: at}) == ""
}
