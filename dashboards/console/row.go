package console

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/lumbar-health/lumbar/dashboards/plot"
	"github.com/lumbar-health/lumbar/queries"
)

// How a value that is not there is shown.
const (
	withheld = "*" // disclosure control keeps it
	unknown  = "–" // there is none
)

// row is one row of an answer.
type row struct {
	answer *queries.Answer
	place  int
}

// cell is one value of a table: as people read it, and as the answer has it.
type cell struct {
	Column string
	Text   string
	Value  string // exact; empty where withheld or unknown
}

func (r row) value(column string) any {
	i := r.answer.Index(column)
	if i < 0 {
		return nil
	}
	return r.answer.Rows[r.place].Values[i]
}

func (r row) suppressed(column string) bool {
	return slices.Contains(r.answer.Rows[r.place].Suppressed, column)
}

// number returns a value as a number; NaN where it is withheld or unknown.
func (r row) number(column string) float64 {
	switch v := r.value(column).(type) {
	case float64:
		return v
	case int64:
		return float64(v)
	}
	return math.NaN()
}

func (r row) text(column string) string {
	switch v := r.value(column).(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// is says whether a column of words or truth values holds.
func (r row) is(column string) bool {
	switch r.text(column) {
	case "true", "yes":
		return true
	}
	return false
}

// absent is how a value that is not there is shown.
func (r row) absent(columns ...string) string {
	if slices.ContainsFunc(columns, r.suppressed) {
		return withheld
	}
	return unknown
}

func (r row) cell(column string, decimals int) cell {
	v := r.number(column)
	if math.IsNaN(v) {
		return cell{Column: column, Text: r.absent(column)}
	}
	return cell{column, plot.Number(v, decimals), strconv.FormatFloat(v, 'g', -1, 64)}
}

func (r row) interval(lower, upper string, decimals int) cell {
	low, high := r.number(lower), r.number(upper)
	if math.IsNaN(low) || math.IsNaN(high) {
		return cell{Column: lower, Text: r.absent(lower, upper)}
	}
	return cell{lower, plot.Number(low, decimals) + " to " + plot.Number(high, decimals), ""}
}

func (r row) percent(column string) cell {
	v := r.number(column)
	if math.IsNaN(v) {
		return cell{Column: column, Text: r.absent(column)}
	}
	return cell{column, plot.Number(100*v, 0) + "%", strconv.FormatFloat(v, 'g', -1, 64)}
}

// decimals is how many some columns of some rows need, at least one and at most
// three: answers come rounded to what may be shown, small groups coarser, and no
// more is shown than they have.
func decimals(rows []row, columns ...string) int {
	most := 1
	for _, r := range rows {
		for _, column := range columns {
			v := r.number(column)
			if math.IsNaN(v) {
				continue
			}
			if _, fraction, ok := strings.Cut(strconv.FormatFloat(v, 'f', -1, 64), "."); ok {
				most = max(most, len(fraction))
			}
		}
	}
	return min(most, 3)
}

// limits are two ends that are shown together.
type limits struct {
	Lower, Upper cell
	// Absent stands for both where neither end is there.
	Absent string
}

func (r row) limits(lower, upper string, decimals int) limits {
	l := limits{Lower: r.cell(lower, decimals), Upper: r.cell(upper, decimals)}
	if l.Lower.Value == "" && l.Upper.Value == "" {
		l.Absent = r.absent(lower, upper)
	}
	return l
}
