package plot

import "fmt"

// Standing says where a group lies beside its limits. It is told by shape and
// by words, never by colour alone.
type Standing string

// Standings, as answers name them. Low is worse.
const (
	Within    Standing = "none"
	AlertLow  Standing = "alert_low"
	AlertHigh Standing = "alert_high"
	AlarmLow  Standing = "alarm_low"
	AlarmHigh Standing = "alarm_high"
)

// Words says a standing in plain words.
func (s Standing) Words() string {
	switch s {
	case Within:
		return "Within limits"
	case AlertLow:
		return "Alert: below 95% limit"
	case AlertHigh:
		return "Alert: above 95% limit"
	case AlarmLow:
		return "Alarm: below 99.8% limit"
	case AlarmHigh:
		return "Alarm: above 99.8% limit"
	}
	return "Not assessed"
}

// Print colours of the marks; each has at least 3:1 against white and black.
const (
	inkWithin = "#005eb8"
	inkAlert  = "#b25c00"
	inkAlarm  = "#c5221f"
	inkGrid   = "#d8dde0"
	inkFaint  = "#768692"
)

// symbol draws the shape of a standing about a point: a disc within limits, a
// diamond for an alert, a triangle that points the way for an alarm.
func symbol(s Standing, x, y float64) string {
	switch s {
	case AlertLow, AlertHigh:
		return fmt.Sprintf(`<path class="symbol" d="M%s %sl7 7l-7 7l-7 -7z" fill="%s" stroke="#ffffff"/>`, num(x), num(y-7), inkAlert)
	case AlarmHigh:
		return fmt.Sprintf(`<path class="symbol" d="M%s %sl8 14h-16z" fill="%s" stroke="#ffffff"/>`, num(x), num(y-9), inkAlarm)
	case AlarmLow:
		return fmt.Sprintf(`<path class="symbol" d="M%s %sl8 -14h-16z" fill="%s" stroke="#ffffff"/>`, num(x), num(y+9), inkAlarm)
	case Within:
		return fmt.Sprintf(`<circle class="symbol" cx="%s" cy="%s" r="5" fill="%s" stroke="#ffffff"/>`, num(x), num(y), inkWithin)
	}
	return fmt.Sprintf(`<circle class="symbol" cx="%s" cy="%s" r="4.5" fill="none" stroke="%s" stroke-width="1.5"/>`, num(x), num(y), inkFaint)
}

// class names a standing for style sheets: mark-alarm-low.
func (s Standing) class() string {
	if s == "" {
		return "mark-not-assessed"
	}
	return "mark-" + slug(string(s))
}
