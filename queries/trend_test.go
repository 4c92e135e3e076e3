package queries_test

import (
	"context"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/lumbar-health/lumbar/analytics/dist"
	"github.com/lumbar-health/lumbar/analytics/spc"
	"github.com/lumbar-health/lumbar/queries"
)

// gainByRows is the mean of gains with its interval, clustered by provider from
// ten on, in plain Go.
func gainByRows(rows []episode) (mean, half float64) {
	byProvider := map[string][]float64{}
	for _, e := range rows {
		gain := e["odi_baseline"].(float64) - e["odi_12m"].(float64)
		byProvider[e.text("provider")] = append(byProvider[e.text("provider")], gain)
		mean += gain / float64(len(rows))
	}
	n, k := float64(len(rows)), float64(len(byProvider))
	var ss, clustered float64
	for _, gains := range byProvider {
		var sum float64
		for _, g := range gains {
			sum += g - mean
			ss += (g - mean) * (g - mean)
		}
		clustered += sum * sum
	}
	if k >= 10 {
		return mean, dist.TCritical(0.95, k-1) * math.Sqrt(clustered*k/(k-1)) / n
	}
	return mean, dist.TCritical(0.95, n-1) * math.Sqrt(ss/(n-1)/n)
}

func TestTrendEqualsGo(t *testing.T) {
	d := open(t, dated(backPain(4000), 18))
	mine := where(d.rows, complete)
	for _, c := range []struct{ period, dimension string }{{"month", "month"}, {"quarter", "quarter"}, {"year", "period_year"}} {
		a := d.ask(t, "trend", true, "instrument", "odi", "by", "region", "period", c.period)
		groups := map[[2]string][]episode{}
		for _, e := range mine {
			key := [2]string{e.text("region"), e.dimension(c.dimension)}
			groups[key] = append(groups[key], e)
		}
		if len(a.Rows) != len(groups) {
			t.Errorf("%d rows by %s, want %d", len(a.Rows), c.period, len(groups))
		}
		for i := range a.Rows {
			rows := groups[[2]string{a.at(i, "region").(string), a.at(i, "period").(string)}]
			a.same(i, "n_modelled", int64(len(rows)))
			mean, half := gainByRows(rows)
			a.near(i, "mean_gain", mean, 1e-12)
			a.near(i, "lower", mean-half, 1e-9)
			a.near(i, "upper", mean+half, 1e-9)
		}
	}
	// Everybody together spans more than ten providers.
	a := d.ask(t, "trend", true, "instrument", "odi", "period", "year", "year", "2023")
	if len(a.Rows) != 1 || a.at(0, "period") != "2023-04-01" {
		t.Fatalf("one year: %v", a.Rows)
	}
	mean, half := gainByRows(where(mine, func(e episode) bool { return e["fy"] == 2023 }))
	a.near(0, "mean_gain", mean, 1e-12)
	a.near(0, "upper", mean+half, 1e-9)
}

// A period is what outcomes says of the same month.
func TestTrendAgreesWithOutcomes(t *testing.T) {
	d := open(t, dated(backPain(1500), 8))
	trend := d.ask(t, "trend", false, "instrument", "odi,nrs_back")
	outcomes := d.ask(t, "outcomes", false, "instrument", "odi,nrs_back", "by", "month")
	if len(trend.Rows) != len(outcomes.Rows) {
		t.Fatalf("%d periods, %d months", len(trend.Rows), len(outcomes.Rows))
	}
	for i := range trend.Rows {
		for j := range outcomes.Rows {
			if outcomes.at(j, "month") != trend.at(i, "period") || outcomes.at(j, "instrument") != trend.at(i, "instrument") {
				continue
			}
			for _, column := range []string{"n_modelled", "mean_gain", "lower", "upper"} {
				trend.same(i, column, outcomes.at(j, column))
			}
		}
	}
}

// chartOf draws the rows of one region as they are shown.
func chartOf(t *testing.T, a table, region string) (c spc.Chart, rows []int) {
	t.Helper()
	var values []float64
	o := spc.Options{}
	for i := range a.Rows {
		if a.at(i, "region") != region {
			continue
		}
		if v, ok := a.at(i, "value").(float64); ok {
			if n := len(rows); n > 0 && rows[n-1] != i-1 {
				o.Gaps = append(o.Gaps, n)
			}
			values, rows = append(values, v), append(rows, i)
		}
	}
	c, err := spc.XmR(values, o)
	if err != nil {
		t.Fatal(err)
	}
	return c, rows
}

// Whoever has the values that are shown has the limits: they tell nothing more.
func TestChartsAreOfTheValuesShown(t *testing.T) {
	d := open(t, dated(sparse(1200), 15))
	telling, drawn := 0, 0
	for _, measure := range []string{"mean_gain", "responder_ratio"} {
		for _, undisclosed := range []bool{false, true} {
			a := d.ask(t, "spc", undisclosed, "instrument", "odi", "by", "region", "measure", measure, "target", "0.9")
			withheld := 0
			for _, region := range []string{"Y60", "Y61", "Y62", "Y63"} {
				if a.hasTellingGap(region) {
					telling++
					for i := range a.Rows {
						if a.at(i, "region") == region {
							a.same(i, "mean", nil)
							a.same(i, "signal", nil)
							a.same(i, "variation", nil)
						}
					}
					continue
				}
				drawn++
				c, rows := chartOf(t, a, region)
				for j, i := range rows {
					a.same(i, "signal", string(c.Signals[j]))
				}
				for i := range a.Rows {
					if a.at(i, "region") != region {
						continue
					}
					for column, want := range map[string]float64{"mean": c.Mean, "lpl": c.Lower, "upl": c.Upper, "near_lower": c.NearLower, "near_upper": c.NearUpper} {
						tol := 1e-12
						if !undisclosed {
							tol = 0.5e-3
						}
						a.near(i, column, want, tol)
					}
					v, _ := c.Variation(spc.HigherBetter)
					a.same(i, "variation", string(v))
					assurance, _ := c.Assurance(0.9, spc.HigherBetter)
					a.same(i, "assurance", string(assurance))
					if a.at(i, "value") == nil {
						a.same(i, "signal", nil)
						withheld++
					}
				}
			}
			if !undisclosed && measure == "mean_gain" && withheld == 0 {
				t.Error("no value is withheld: the population does not try it")
			}
		}
	}
	if telling == 0 || drawn < 12 {
		t.Errorf("%d series with a share withheld, %d drawn: the population does not try it", telling, drawn)
	}
}

// hasTellingGap says whether a share of a region is withheld though the number of
// its people is shown: it is low.
func (a table) hasTellingGap(region string) bool {
	for i := range a.Rows {
		if n, ok := a.at(i, "n").(int64); a.at(i, "region") == region && ok && n > 0 && a.at(i, "value") == nil {
			return true
		}
	}
	return false
}

// Months without anybody stand between those with somebody, as nobody.
func TestMonthsWithoutPeopleAreMissingPoints(t *testing.T) {
	var rows []episode
	for i := range 120 {
		month := []int{0, 1, 2, 5, 6}[i%5]
		e := episode{"programme": "back-pain", "odi_baseline": 60.0, "odi_12m": float64(30 + 2*(i%5) + 2*(i%3))}
		rows = append(rows, e.referred(time.Date(2024, time.Month(11+month), 5, 0, 0, 0, 0, time.UTC)))
	}
	d := open(t, rows)
	a := d.ask(t, "spc", false, "instrument", "odi")
	want := []string{"2024-11-01", "2024-12-01", "2025-01-01", "2025-02-01", "2025-03-01", "2025-04-01", "2025-05-01"}
	if len(a.Rows) != len(want) {
		t.Fatalf("%d periods, want %d", len(a.Rows), len(want))
	}
	for i, period := range want {
		a.same(i, "period", period)
		if missing := i == 3 || i == 4; missing {
			a.same(i, "n", int64(0))
			a.same(i, "value", nil)
			a.same(i, "signal", nil)
			if len(a.Rows[i].Suppressed) > 0 {
				t.Errorf("nobody is withheld: %v", a.Rows[i].Suppressed)
			}
		} else if a.at(i, "value") == nil || a.at(i, "signal") == nil {
			t.Errorf("%s has no value", period)
		}
	}
	a.says("is a gap")
	a.says("trial limits")
	none := d.ask(t, "spc", false, "instrument", "odi", "year", "2010")
	if len(none.Rows) != 0 {
		t.Errorf("a year without people: %v", none.Rows)
	}
}

// Follow-ups of the last months are still to come: a chart of responses does not
// end in an alarm.
func TestLastMonthsDoNotAlarm(t *testing.T) {
	var rows []episode
	for month := range 30 {
		for i := range 40 {
			e := episode{"programme": "back-pain", "odi_baseline": 60.0}
			if month < 18 && i < 30+month%3 {
				e["odi_12m"] = 30.0
			}
			rows = append(rows, e.referred(time.Date(2022, time.Month(1+month), 9, 0, 0, 0, 0, time.UTC)))
		}
	}
	d := open(t, rows)
	a := d.ask(t, "spc", true, "instrument", "odi", "measure", "response_ratio")
	if len(a.Rows) != 30 {
		t.Fatalf("%d rows, want 30", len(a.Rows))
	}
	signals := 0
	for i := range a.Rows {
		a.same(i, "n", int64(40))
		switch a.at(i, "signal") {
		case nil:
		case "common":
			signals++
		default:
			t.Errorf("%v: %v", a.at(i, "period"), a.at(i, "signal"))
		}
	}
	if signals < 6 || signals > 17 {
		t.Errorf("%d months count, want those whose follow-ups have come", signals)
	}
	a.near(0, "value", 0.75, 1e-12)
	a.same(29, "variation", "common_cause")
	a.says("still to come")
	// What counts does not depend on the filter.
	year := d.ask(t, "spc", true, "instrument", "odi", "measure", "response_ratio", "year", "2021")
	for i := range year.Rows {
		year.same(i, "signal", "common")
	}
}

func TestFixAfterBeyondTheRange(t *testing.T) {
	d := open(t, dated(backPain(600), 10))
	for n, fails := range map[string]bool{"10": false, "11": true} {
		_, err := d.Ask(context.Background(), queries.Question{Name: "spc", Params: map[string][]string{"instrument": {"odi"}, "fix_after": {n}}})
		var e *queries.Error
		if errors.As(err, &e) != fails || fails && (e.Kind != queries.InvalidArgument || !strings.Contains(e.Message, "there are 10 periods")) {
			t.Errorf("fix_after %s of 10: %v", n, err)
		}
	}
}

// Another process finds the charts as they were told.
func TestChartsAreRecalled(t *testing.T) {
	d := open(t, dated(sparse(700), 12))
	first := d.ask(t, "spc", false, "instrument", "nrs_back", "by", "region", "target", "2", "fix_after", "6")
	again := askOf(t, d.another(), "spc", false, "instrument", "nrs_back", "by", "region", "target", "2.0", "fix_after", "06", "period", "month")
	if again.Receipt != first.Receipt || !reflect.DeepEqual(again.Rows, first.Rows) || !reflect.DeepEqual(again.Notes, first.Notes) {
		t.Error("another process gave another chart")
	}
}
