package record

import (
	"fmt"
	"time"
	_ "time/tzdata" // the product must know Europe/London on any machine
)

var london = func() *time.Location {
	l, err := time.LoadLocation("Europe/London")
	if err != nil {
		panic(err) // impossible: tzdata is linked in
	}
	return l
}()

// DateOf returns the day of t in Europe/London.
func DateOf(t time.Time) Date {
	y, m, d := t.In(london).Date()
	return NewDate(y, m, d)
}

// NewDate returns the day y-m-d.
func NewDate(y int, m time.Month, d int) Date {
	return Date(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

// ParseDate reads a day written as 2006-01-02.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, fmt.Errorf("record: date must be written as 2026-04-01")
	}
	return Date(t.Unix() / 86400), nil
}

// Time returns midnight UTC of the day.
func (d Date) Time() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

// String writes the day as 2006-01-02.
func (d Date) String() string { return d.Time().Format(time.DateOnly) }

// FinancialYear returns the year in which the NHS year of d began: 2025 for
// 1 April 2025 to 31 March 2026.
func (d Date) FinancialYear() int {
	t := d.Time()
	if t.Month() < time.April {
		return t.Year() - 1
	}
	return t.Year()
}

// FinancialYearText writes the NHS year of a day as 2025/26.
func (d Date) FinancialYearText() string {
	y := d.FinancialYear()
	return fmt.Sprintf("%d/%02d", y, (y+1)%100)
}

// FinancialQuarter returns the quarter of the NHS year of d: 1 for April to June.
func (d Date) FinancialQuarter() int { return (int(d.Time().Month())+8)%12/3 + 1 }
