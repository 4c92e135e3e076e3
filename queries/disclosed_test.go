package queries_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/queries"
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
	d := open(t, sparse(700))
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
		if m.N == "" || strings.HasPrefix(m.N, "_") || v == nil {
			continue
		}
		if n, _ := exact.at(i, m.N).(int64); n < 8 && v != int64(0) {
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

// cohortOf is who a told row is about, as positions in the rows.
type cohortOf struct {
	name    string
	measure string
	members map[int]bool
}

// toldBy lists the cohorts of a question's told rows.
func (d *desk) toldBy(a table, q string, by []string, year int) (list []cohortOf) {
	for i := range a.Rows {
		if q == "outcomes" && a.at(i, "mean_gain") == nil || q == "funnel" && a.at(i, "n") == nil {
			continue
		}
		instrument := fmt.Sprint(a.at(i, "instrument"))
		needs := slices.Clone(modelColumns[:4])
		needs[0], needs[1] = instrument+"_baseline", instrument+"_12m"
		c := cohortOf{name: fmt.Sprintf("%s by %v of %d: %v", q, by, year, a.Rows[i].Values[:len(by)]), measure: instrument, members: map[int]bool{}}
		for j, e := range d.rows {
			in := e.has(needs...) && (year == 0 || e["fy"] == year)
			for k, dim := range by {
				key := ""
				if v := a.Rows[i].Values[k]; v != nil {
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
	return list
}

// Two people share notes of everything that they were told, in two orders: no
// two cohorts differ by 1–7 people, and no cohorts within another leave 1–7.
func TestNobodyCanSubtractAnswers(t *testing.T) {
	rows := sparse(900)
	type question struct {
		name string
		by   []string
		year int
	}
	asked := []question{
		{"outcomes", nil, 0}, {"outcomes", []string{"sex"}, 0}, {"outcomes", []string{"provider"}, 0},
		{"outcomes", []string{"provider", "sex"}, 0}, {"outcomes", []string{"year"}, 0}, {"outcomes", nil, 2023},
		{"outcomes", []string{"region"}, 0}, {"outcomes", []string{"icb"}, 0}, {"outcomes", []string{"site"}, 0},
		{"outcomes", []string{"site", "year"}, 0}, {"funnel", []string{"icb", "sex"}, 0}, {"outcomes", []string{"ethnic_group"}, 0},
		{"outcomes", []string{"ethnic_group", "region"}, 2024}, {"funnel", []string{"region", "sex", "year"}, 0},
	}
	withheld := 0
	for _, order := range []string{"forwards", "backwards"} {
		d := open(t, slices.Clone(rows))
		var told []cohortOf
		for i, q := range asked {
			desk := []*queries.Desk{d.Desk, d.Desk}[i%2] // two clients of one desk
			params := []string{"instrument", "odi", "by", "none"}
			if len(q.by) > 0 {
				params[3] = strings.Join(q.by, ",")
			}
			if q.year != 0 {
				params = append(params, "year", fmt.Sprint(q.year))
			}
			told = append(told, d.toldBy(askOf(t, desk, q.name, false, params...), q.name, q.by, q.year)...)
			exact := d.toldBy(askOf(t, desk, q.name, true, params...), q.name, q.by, q.year)
			withheld += len(exact)
		}
		withheld -= len(told)
		for _, a := range told {
			for _, b := range told {
				if a.measure != b.measure {
					continue
				}
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
			leave(t, order, a, told)
		}
		slices.Reverse(asked)
	}
	if withheld < 20 {
		t.Errorf("%d rows withheld: the population does not try the ledger", withheld)
	}
}

// leave checks what the cells of any one other grouping leave of a cohort.
func leave(t *testing.T, order string, a cohortOf, told []cohortOf) {
	t.Helper()
	left := map[string]int{}
	counted := map[string]map[int]bool{}
	for _, b := range told {
		grouping := strings.Split(strings.SplitN(b.name, " ", 2)[1], ":")[0]
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
