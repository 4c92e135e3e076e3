package cohort

import (
	"strconv"
	"time"

	"github.com/lumbar-health/lumbar/programme"
)

// Period is a length of time by which people are grouped, by the day of their
// referral. A year is a financial one: it and its quarters begin in April.
type Period string

// The periods. Their words are the store's names of the groupings too.
const (
	Month   Period = "month"
	Quarter Period = "quarter"
	Year    Period = "year"
)

// PeriodsOf lists the periods in which a programme's people can be followed: its
// records may know no more of a referral than the year.
func PeriodsOf(p *programme.Programme) []Period {
	if fills(p, string(Month)) {
		return []Period{Month, Quarter, Year}
	}
	if fills(p, dimYear) {
		return []Period{Year}
	}
	return nil
}

// first is the first day of the period that the store's key names; ok is false
// where the day of referral is not known.
func (p Period) first(key string) (day time.Time, ok bool) {
	if p == Year {
		year, err := strconv.Atoi(key)
		return time.Date(year, time.April, 1, 0, 0, 0, 0, time.UTC), err == nil
	}
	day, err := time.Parse(time.DateOnly, key)
	return day, err == nil
}

// next is the first day of the period that follows.
func (p Period) next(first time.Time) time.Time {
	return first.AddDate(0, map[Period]int{Month: 1, Quarter: 3, Year: 12}[p], 0)
}
