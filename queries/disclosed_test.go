package queries_test

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/queries/disclosure"
)

// sparse is a population full of small groups: small providers, rare groups,
// people of whom the sex is not known.
func sparse(n int) []episode {
	r := rand.New(rand.NewPCG(5, 6))
	rows := backPain(n)
	for i, e := range rows {
		if i%40 == 0 {
			e["provider"] = fmt.Sprintf("S%02d", i/40%12) // a few people each
		}
		e["ethnic_group"] = pick(r, "White", "White", "White", "White", "White", "White", "White", "White", "White", "Asian", "Black", "Mixed", "Other")
		for _, c := range modelColumns[4:] {
			delete(e, c) // a small model, so that many questions are soon answered
		}
		e["site"] = e.text("provider") + pick(r, "A", "A", "A", "A", "B")
		e["icb"] = "Q" + e.text("region")[1:]
		if r.IntN(70) == 0 {
			e["icb"] = "QXX" // an ICB nearly its region
		}
	}
	return rows
}

// isMultiple says whether a disclosed count can be told.
func isMultiple(n int64) bool { return n == 0 || n >= 10 && n%5 == 0 }

func TestNoAnswerTellsOfFewPeople(t *testing.T) {
	d := open(t, dated(sparse(700), 14))
	for _, q := range []struct {
		name   string
		params []string
	}{
		{"outcomes", []string{"by", "none", "instrument", "odi"}},
		{"outcomes", []string{"by", "provider", "instrument", "odi,nrs_back"}},
		{"outcomes", []string{"by", "ethnic_group,sex", "instrument", "odi,nrs_back"}},
		{"outcomes", []string{"by", "site,sex,year", "instrument", "odi"}},
		{"funnel", []string{"by", "provider", "instrument", "nrs_back"}},
		{"funnel", []string{"by", "site", "instrument", "odi", "overdispersed", "true"}},
		{"compare", []string{"by", "region"}},
		{"compare", []string{"by", "ethnic_group", "method", "welch", "instrument", "nrs_back"}},
		{"trend", []string{"by", "none", "instrument", "odi"}},
		{"trend", []string{"by", "provider,sex", "instrument", "odi,nrs_back", "period", "quarter"}},
		{"spc", []string{"by", "region", "instrument", "odi"}},
		{"spc", []string{"by", "region", "instrument", "odi,nrs_back", "measure", "responder_ratio"}},
		{"spc", []string{"by", "provider", "instrument", "nrs_back", "measure", "response_ratio", "period", "quarter"}},
	} {
		told := d.ask(t, q.name, false, q.params...)
		exact := d.ask(t, q.name, true, q.params...)
		if len(told.Rows) != len(exact.Rows) || len(told.Rows) == 0 {
			t.Fatalf("%s %v: %d rows disclosed, %d exact", q.name, q.params, len(told.Rows), len(exact.Rows))
		}
		for i := range told.Rows {
			checkRow(t, q.name, told, exact, i)
		}
	}
}

// checkRow holds one disclosed row against the exact one.
func checkRow(t *testing.T, question string, told, exact table, i int) {
	t.Helper()
	for _, m := range disclosure.Columns(question) {
		v := told.at(i, m.Name)
		withheld := slices.Contains(told.Rows[i].Suppressed, m.Name)
		if withheld && v != nil {
			t.Errorf("%s row %d: %s is in the list of suppressed and is %v", question, i, m.Name, v)
		}
		if len(exact.Rows[i].Suppressed) > 0 {
			t.Errorf("%s row %d: the exact answer withholds %v", question, i, exact.Rows[i].Suppressed)
		}
		if m.Kind == disclosure.KindCount {
			n := exact.at(i, m.Name)
			if v != nil && !isMultiple(v.(int64)) {
				t.Errorf("%s row %d: %s = %v is no rounded count", question, i, m.Name, v)
			}
			if n != nil && n.(int64) > 0 && n.(int64) < 8 && !withheld {
				t.Errorf("%s row %d: %s of %v people was told", question, i, m.Name, n)
			}
		}
		if m.N == "" || v == nil {
			continue
		}
		if n := restsOn(t, exact, i, m); n < 8 && v != int64(0) {
			t.Errorf("%s row %d: %s = %v rests on %d people", question, i, m.Name, v, n)
		}
		if x, ok := v.(float64); ok && m.Kind != disclosure.KindNumber {
			digits := strings.TrimLeft(strings.ReplaceAll(fmt.Sprintf("%.10g", math.Abs(x)), ".", ""), "0")
			if len(digits) > 4 {
				t.Errorf("%s row %d: %s = %v has more digits than its people allow", question, i, m.Name, x)
			}
		}
	}
}

// A target mixes the means of procedures and years by how many of the unit are in
// each: where those are few, neither it nor limits about it are told.
func TestTargetsDoNotTellOfSmallStrata(t *testing.T) {
	rows := sparse(900)
	for i, e := range rows {
		if e.text("region") == "Y62" && i%30 != 0 {
			e["fy"] = 2023 // a few of Y62 are of the other year
		}
	}
	d := open(t, rows)
	few := 0
	for _, by := range []string{"site", "region"} {
		a := d.ask(t, "funnel", false, "by", by, "instrument", "nrs_back")
		for i := range a.Rows {
			years := map[any]int{}
			for _, e := range rows {
				if e.has("nrs_back_baseline", "nrs_back_12m", "age", "sex") && e.dimension(by) == a.at(i, by) {
					years[e["fy"]]++
				}
			}
			small := len(years) > 0 && slices.Min(slices.Collect(maps.Values(years))) < 8
			for _, column := range []string{"target", "lower_95", "upper_95", "lower_998", "upper_998"} {
				if small && a.at(i, column) != nil {
					t.Errorf("%s %v with %v: %s = %v was told", by, a.at(i, by), years, column, a.at(i, column))
				}
			}
			if small && a.at(i, "n") != nil {
				few++
			}
			if !small && a.at(i, "n") != nil && a.at(i, "target") == nil {
				t.Errorf("%s %v with %v has no target", by, a.at(i, by), years)
			}
		}
	}
	if few < 2 {
		t.Errorf("%d told units have a small stratum: the population does not try it", few)
	}
}

// restsOn is the exact count of a column, one that is not shown included.
func restsOn(t *testing.T, exact table, i int, m disclosure.Measure) int64 {
	t.Helper()
	if !strings.HasPrefix(m.N, "_") {
		n, _ := exact.at(i, m.N).(int64)
		return n
	}
	n, ok := exact.Rows[i].Rests[m.N]
	if !ok {
		t.Errorf("row %d: the exact answer does not tell %s, on which %s rests", i, m.N, m.Name)
	}
	return n
}

// asking is one question of somebody who wants to subtract answers.
type asking struct {
	name       string
	instrument string
	by         []string
	year       int
	more       []string
}

func (q asking) params() []string {
	params := append([]string{"instrument", q.instrument, "by", "none"}, q.more...)
	if len(q.by) > 0 {
		params[3] = strings.Join(q.by, ",")
	}
	if q.year != 0 {
		params = append(params, "year", fmt.Sprint(q.year))
	}
	return params
}

// needs are the columns that the people of a question have. An ancova without
// covariates and a welch test need less than the programme's model.
func (q asking) needs() []string {
	needs := []string{q.instrument + "_baseline", q.instrument + "_12m"}
	if slices.Contains(q.more, "welch") {
		return needs
	}
	return append(needs, modelColumns[2:4]...)
}

// cohortOf is who a told row is about, as positions in the rows.
type cohortOf struct {
	name     string
	grouping string
	needs    []string
	members  map[int]bool
}

// toldBy lists the cohorts of a question's told rows: a group, or its two arms.
func (d *desk) toldBy(a table, q asking) (list []cohortOf) {
	dims, value := slices.Clone(q.by), func(row, k int) any { return a.Rows[row].Values[k] }
	if at := slices.Index(q.more, "period"); at >= 0 {
		dims = append(dims, map[string]string{"month": "month", "quarter": "quarter", "year": "period_year"}[q.more[at+1]])
		value = func(row, k int) any {
			if k == len(q.by) {
				return a.at(row, "period")
			}
			return a.Rows[row].Values[k]
		}
	}
	add := func(row int, arm string) {
		c := cohortOf{needs: q.needs(), members: map[int]bool{}}
		c.grouping = fmt.Sprintf("by %v of %d, %v, arms %t", dims, q.year, c.needs, arm != "")
		c.name = fmt.Sprintf("%s %s: %v %s", q.name, c.grouping, a.Rows[row].Values[:len(q.by)], arm)
		if len(dims) > len(q.by) {
			c.name += fmt.Sprint(a.at(row, "period"))
		}
		for j, e := range d.rows {
			in := e.has(c.needs...) && (q.year == 0 || e["fy"] == q.year) && (arm == "" || e.text("intervention") == arm)
			for k, dim := range dims {
				key := ""
				if v := value(row, k); v != nil {
					key = fmt.Sprint(v)
				}
				in = in && e.dimension(dim) == key
			}
			if in {
				c.members[j] = true
			}
		}
		list = append(list, c)
	}
	arms := map[string]bool{}
	for i := range a.Rows {
		switch {
		case (q.name == "outcomes" || q.name == "trend") && a.at(i, "mean_gain") != nil, q.name == "funnel" && a.at(i, "n") != nil,
			q.name == "spc" && a.at(i, "value") != nil:
			add(i, "")
		case q.name == "compare" && a.at(i, "pooled") == false:
			for _, arm := range []string{"treated", "control"} {
				key := fmt.Sprint(a.Rows[i].Values[:len(q.by)], a.at(i, arm))
				if a.at(i, "n_"+arm) != nil && !arms[key] { // the control has a row with each of the others
					arms[key] = true
					add(i, fmt.Sprint(a.at(i, arm)))
				}
			}
		}
	}
	return list
}

// compared says whether two cohorts tell of the same score of nested people.
func compared(a, b cohortOf) bool {
	inside := func(a, b []string) bool {
		return !slices.ContainsFunc(a, func(c string) bool { return !slices.Contains(b, c) })
	}
	return inside(a.needs, b.needs) || inside(b.needs, a.needs)
}

// subtractors are the questions, of two instruments, at several levels.
func subtractors() (asked []asking) {
	for _, instrument := range []string{"odi", "nrs_back"} {
		for _, q := range []asking{
			{"outcomes", "", nil, 0, nil}, {"outcomes", "", []string{"sex"}, 0, nil}, {"compare", "", nil, 0, []string{"method", "welch"}},
			{"outcomes", "", []string{"provider"}, 0, nil}, {"outcomes", "", []string{"provider"}, 0, []string{"level", "0.8"}},
			{"outcomes", "", []string{"provider", "sex"}, 0, nil}, {"outcomes", "", []string{"year"}, 0, nil},
			{"compare", "", []string{"region"}, 0, nil}, {"compare", "", []string{"icb"}, 0, []string{"method", "welch"}},
			{"outcomes", "", nil, 2023, nil}, {"outcomes", "", []string{"region"}, 0, []string{"level", "0.99"}},
			{"outcomes", "", []string{"icb"}, 0, nil}, {"outcomes", "", []string{"site"}, 0, nil},
			{"compare", "", []string{"region"}, 0, []string{"method", "welch", "level", "0.9"}}, {"outcomes", "", []string{"site", "year"}, 0, nil},
			{"funnel", "", []string{"icb", "sex"}, 0, nil}, {"outcomes", "", []string{"ethnic_group"}, 0, nil},
			{"compare", "", []string{"icb"}, 2024, []string{"level", "0.998"}}, {"outcomes", "", []string{"intervention", "region"}, 0, nil},
			{"outcomes", "", []string{"ethnic_group", "region"}, 2024, nil}, {"funnel", "", []string{"region", "sex", "year"}, 0, nil},
		} {
			q.instrument = instrument
			asked = append(asked, q)
		}
	}
	return asked
}

// byPeriod are questions by period among others, of one instrument.
func byPeriod() []asking {
	period := func(name, period string, by ...string) asking {
		return asking{name, "nrs_back", by, 0, []string{"period", period}}
	}
	return []asking{
		{"outcomes", "nrs_back", nil, 0, nil}, period("trend", "month"), period("spc", "quarter", "region"), period("trend", "quarter"),
		{"outcomes", "nrs_back", []string{"year"}, 0, nil}, period("spc", "month", "region"), period("trend", "year", "provider"),
		{"outcomes", "nrs_back", []string{"month", "sex"}, 0, nil}, period("spc", "month", "sex"), {"trend", "nrs_back", []string{"icb"}, 2023, []string{"period", "quarter"}},
		period("spc", "year"), {"funnel", "nrs_back", []string{"region", "year"}, 0, nil}, period("trend", "month", "icb"),
	}
}

// Two people share notes of everything that they were told, in two orders: no
// two cohorts differ by 1–7 people, and no cohorts within another leave 1–7.
func TestNobodyCanSubtractAnswers(t *testing.T) {
	rows := sparse(900)
	for i, e := range rows {
		if i%90 == 7 {
			delete(e, "age") // counts for a welch test, and not for the model
		}
	}
	withheld, ofCompare := subtract(t, rows, subtractors())
	if withheld < 40 || ofCompare < 40 {
		t.Errorf("%d rows withheld, %d arms told: the population does not try the ledger", withheld, ofCompare)
	}
}

func TestNobodyCanSubtractPeriods(t *testing.T) {
	if withheld, _ := subtract(t, dated(sparse(900), 16), byPeriod()); withheld < 40 {
		t.Errorf("%d rows withheld: the population does not try the ledger", withheld)
	}
}

// subtract asks the questions forwards and backwards and compares all that was told.
func subtract(t *testing.T, rows []episode, asked []asking) (withheld, ofCompare int) {
	t.Helper()
	for _, order := range []string{"forwards", "backwards"} {
		d := open(t, slices.Clone(rows))
		var told []cohortOf
		for i, q := range asked {
			actor := []string{"one", "another"}[i%2]
			mine := d.toldBy(askBy(t, d.Desk, actor, q.name, false, q.params()...), q)
			exact := d.toldBy(askBy(t, d.Desk, actor, q.name, true, q.params()...), q)
			told = append(told, mine...)
			withheld += len(exact) - len(mine)
			if q.name == "compare" {
				ofCompare += len(mine)
			}
		}
		for _, a := range told {
			var others []cohortOf
			for _, b := range told {
				if !compared(a, b) {
					continue
				}
				others = append(others, b)
				shared := 0
				for j := range a.members {
					if b.members[j] {
						shared++
					}
				}
				if n := len(a.members) + len(b.members) - 2*shared; n > 0 && n < 8 {
					t.Errorf("%s: %s and %s differ by %d people", order, a.name, b.name, n)
				}
			}
			leave(t, order, a, others)
		}
		slices.Reverse(asked)
	}
	return withheld, ofCompare
}

// leave checks what the cells of any one other grouping leave of a cohort.
func leave(t *testing.T, order string, a cohortOf, told []cohortOf) {
	t.Helper()
	left := map[string]int{}
	counted := map[string]map[int]bool{}
	for _, b := range told {
		grouping := b.grouping
		inside := len(b.members) < len(a.members)
		for j := range b.members {
			inside = inside && a.members[j]
		}
		if !inside {
			continue
		}
		if counted[grouping] == nil {
			counted[grouping], left[grouping] = map[int]bool{}, len(a.members)
		}
		for j := range b.members {
			if !counted[grouping][j] {
				counted[grouping][j] = true
				left[grouping]--
			}
		}
	}
	for grouping, n := range left {
		if n > 0 && n < 8 {
			t.Errorf("%s: %s less its cells %s leaves %d people", order, a.name, grouping, n)
		}
	}
}
