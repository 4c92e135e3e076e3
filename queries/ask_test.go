package queries_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/queries"
)

func TestAskRefusesWhatItDoesNotUnderstand(t *testing.T) {
	d := queries.New(queries.Config{})
	for _, c := range []struct {
		name   string
		params map[string][]string
		kind   queries.Kind
		says   string
	}{
		{"result", nil, queries.NotFound, "outcomes"},
		{"outcomes", map[string][]string{"colour": {"red"}}, queries.InvalidArgument, "it has programme, instrument"},
		{"outcomes", map[string][]string{"programme": {"feet"}}, queries.InvalidArgument, "back-pain"},
		{"outcomes", map[string][]string{"programme": {"back-pain", "nhs-proms"}}, queries.InvalidArgument, "one value"},
		{"outcomes", map[string][]string{"instrument": {"ohs"}}, queries.InvalidArgument, "odi"},
		{"outcomes", map[string][]string{"timepoint": {"baseline"}}, queries.InvalidArgument, "12m"},
		{"outcomes", map[string][]string{"by": {"procedure"}}, queries.InvalidArgument, "region"},
		{"outcomes", map[string][]string{"by": {"sex", "region", "icb", "year"}}, queries.InvalidArgument, "at most 3"},
		{"outcomes", map[string][]string{"year": {"2016/18"}}, queries.InvalidArgument, "2025/26"},
		{"outcomes", map[string][]string{"level": {"95"}}, queries.InvalidArgument, "0.8, 0.9, 0.95, 0.99, 0.998"},
		{"outcomes", map[string][]string{"level": {"0.93"}}, queries.InvalidArgument, "0.8, 0.9, 0.95, 0.99, 0.998"},
		{"compare", map[string][]string{"level": {"0.9500001"}}, queries.InvalidArgument, "0.8, 0.9, 0.95, 0.99, 0.998"},
		{"funnel", map[string][]string{"overdispersed": {"perhaps"}}, queries.InvalidArgument, "true or false"},
		{"trend", map[string][]string{"period": {"week"}}, queries.InvalidArgument, "month, quarter, year, not by \"week\""},
		{"trend", map[string][]string{"programme": {"nhs-proms"}, "period": {"quarter"}}, queries.InvalidArgument, "known by year"},
		{"trend", map[string][]string{"by": {"month"}}, queries.InvalidArgument, "leave month out"},
		{"trend", map[string][]string{"by": {"sex", "region", "icb"}}, queries.InvalidArgument, "at most 2"},
		{"trend", map[string][]string{"measure": {"mean_gain"}}, queries.InvalidArgument, "it has programme, instrument"},
		{"trend", map[string][]string{"level": {"2"}}, queries.InvalidArgument, "0.8, 0.9"},
		{"spc", map[string][]string{"by": {"year"}}, queries.InvalidArgument, "leave year out"},
		{"spc", map[string][]string{"measure": {"waits"}}, queries.InvalidArgument, "mean_gain, responder_ratio, response_ratio"},
		{"spc", map[string][]string{"fix_after": {"1"}}, queries.InvalidArgument, "from 2 on"},
		{"spc", map[string][]string{"fix_after": {"12.5"}}, queries.InvalidArgument, "whole number"},
		{"spc", map[string][]string{"target": {"ten"}}, queries.InvalidArgument, "give a number"},
		{"spc", map[string][]string{"target": {"NaN"}}, queries.InvalidArgument, "give a number"},
		{"spc", map[string][]string{"target": {"50"}, "measure": {"response_ratio"}}, queries.InvalidArgument, "from 0 to 1"},
		{"spc", map[string][]string{"measure": {"responder_ratio"}, "instrument": {"eqvas"}}, queries.InvalidArgument, "no responder rule"},
		{"compare", map[string][]string{"programme": {"nhs-proms"}}, queries.InvalidArgument, "no interventions"},
		{"compare", map[string][]string{"interventions": {"cppp"}}, queries.InvalidArgument, "two or more"},
		{"compare", map[string][]string{"interventions": {"cppp", "magnets"}}, queries.InvalidArgument, "core_therapy"},
		{"compare", map[string][]string{"by": {"intervention"}}, queries.InvalidArgument, "region"},
		{"compare", map[string][]string{"by": {"region", "sex", "year"}}, queries.InvalidArgument, "at most 2"},
		{"compare", map[string][]string{"method": {"magic"}}, queries.InvalidArgument, "one of ancova, welch"},
		{"compare", map[string][]string{"covariates": {"age +"}}, queries.InvalidArgument, "formula term"},
		{"compare", map[string][]string{"covariates": {"log(age)"}}, queries.InvalidArgument, "whole powers"},
		{"compare", map[string][]string{"covariates": {"rcs(age, c(90, 92, 94))"}}, queries.InvalidArgument, "at quantiles"},
		{"compare", map[string][]string{"covariates": {"odi_12m"}}, queries.InvalidArgument, "before treatment"},
		{"compare", map[string][]string{"instrument": {"odi", "nrs_back"}}, queries.InvalidArgument, "one value"},
	} {
		_, err := d.Ask(context.Background(), queries.Question{Name: c.name, Params: c.params})
		var e *queries.Error
		if !errors.As(err, &e) || e.Kind != c.kind || !strings.Contains(e.Message, c.says) {
			t.Errorf("ask %s %v: %v, want %s saying %q", c.name, c.params, err, c.kind, c.says)
		}
	}
}

func TestListsAreSplitOutsideBrackets(t *testing.T) {
	for text, want := range map[string][]string{
		"age, factor(a, b),sex": {"age", "factor(a, b)", "sex"}, "a": {"a"}, "": {""}, "a),b": {"a)", "b"}, "f(g(a,b),c),d": {"f(g(a,b),c)", "d"},
	} {
		if got := queries.SplitList(text); !slices.Equal(got, want) {
			t.Errorf("SplitList(%q) = %q, want %q", text, got, want)
		}
	}
	// a question takes a list as one text or as several, to the same effect
	for _, list := range [][]string{{"age,factor(sex, bmi)"}, {"age", "factor(sex, bmi)"}} {
		err := queries.Check(queries.Question{Name: "compare", Params: map[string][]string{"covariates": list}})
		if err == nil || !strings.Contains(err.Error(), `"factor(sex, bmi)"`) {
			t.Errorf("covariates %q: %v, want the term named whole", list, err)
		}
	}
}

func TestEveryQuestionIsRegisteredWhole(t *testing.T) {
	for _, q := range queries.Questions() {
		if q.Title == "" || q.Description == "" || len(q.Columns) == 0 {
			t.Errorf("%s lacks a title, a description or columns", q.Name)
		}
		for _, p := range q.Params {
			if p.Description == "" || p.Default == "" && !p.Required {
				t.Errorf("%s: parameter %s lacks a description or default", q.Name, p.Name)
			}
		}
		if err := queries.Check(queries.Question{Name: q.Name}); err != nil {
			t.Errorf("%s without parameters: %v", q.Name, err)
		}
	}
}

func TestTheFirstAnswerIsKept(t *testing.T) {
	d := open(t, backPain(600))
	first := d.ask(t, "outcomes", false, "instrument", "odi", "by", "region")
	// the same in other words
	again := d.ask(t, "outcomes", false, "programme", "back-pain", "instrument", "odi", "by", "region", "timepoint", "12m", "level", "0.950")
	if again.Receipt != first.Receipt || !reflect.DeepEqual(again.Rows, first.Rows) {
		t.Errorf("asked again: receipt %s, first %s", again.Receipt, first.Receipt)
	}
	found, err := d.store.Reader().Receipts(context.Background(), uint64(len(d.rows)))
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 {
		t.Fatalf("%d receipts, want 1", len(found))
	}
	r := found[0]
	text, err := json.Marshal(first.Answer)
	if err != nil {
		t.Fatal(err)
	}
	if r.ID != first.Receipt || r.Question != "outcomes" || r.Actor != "test" || r.Answer != string(text) || r.DisclosureRule == "none" ||
		!r.At.Equal(today) || !strings.Contains(r.Parameters, `"timepoint":["12m"]`) {
		t.Errorf("receipt %+v does not tell how the answer was made", r)
	}
	d.add(t, backPain(10))
	later := d.ask(t, "outcomes", false, "instrument", "odi", "by", "region")
	if later.Receipt == first.Receipt {
		t.Error("further data landed, and the receipt is the old one")
	}
}

// A desk of another process remembers what was told before it began.
func TestTheLedgerOutlivesTheProcess(t *testing.T) {
	rows := backPain(400)
	for i := range rows {
		rows[i]["sex"] = "female"
		if i%100 == 0 {
			rows[i]["sex"] = "male"
		}
	}
	d := open(t, rows)
	first := d.ask(t, "outcomes", false, "instrument", "nrs_back", "by", "none")
	other := d.another()
	split := askOf(t, other, "outcomes", false, "instrument", "nrs_back", "by", "sex")
	if split.at(0, "sex") != "female" || split.at(0, "mean_gain") != nil {
		t.Errorf("396 of 400 told after all 400: %v, want it withheld", split.Rows[0].Values)
	}
	again := askOf(t, other, "outcomes", false, "instrument", "nrs_back", "by", "none")
	if again.Receipt != first.Receipt || !reflect.DeepEqual(again.Rows, first.Rows) {
		t.Error("another process gave another first answer")
	}
	found, err := d.store.Reader().Receipts(context.Background(), uint64(len(d.rows)))
	if err != nil || len(found) != 2 {
		t.Errorf("%d receipts, %v, want 2", len(found), err)
	}
}

// No question reads more rows than it has groups or cells: nothing grows with
// the people.
func TestQuestionsReadGroupsNotPeople(t *testing.T) {
	d := open(t, dated(backPain(5000), 24))
	reader := d.store.Reader()
	for _, c := range []struct {
		name   string
		params []string
		most   int64
	}{
		// 16 providers × 3 years twice (reference, groups), levels and counts of covariates
		{"outcomes", []string{"instrument", "odi", "by", "none"}, 2*48 + 60},
		{"funnel", []string{"instrument", "odi"}, 48 + 60},
		// 24 months × 16 providers in one scan, levels; the same without providers
		{"trend", []string{"instrument", "odi", "by", "provider"}, 24*16 + 60},
		{"spc", []string{"instrument", "odi", "by", "region"}, 24*4 + 60},
		{"spc", []string{"instrument", "odi", "by", "region", "measure", "response_ratio"}, 24*4 + 24 + 10},
		// 4 regions × 3 arms, one pass for each of 8 contrasts
		{"compare", []string{"instrument", "odi", "interventions", "core_therapy,cppp,surgery", "covariates", "age,factor(sex)"}, 12 + 8 + 60},
	} {
		before := reader.RowsRead()
		d.ask(t, c.name, true, c.params...)
		if read := reader.RowsRead() - before; read > c.most {
			t.Errorf("%s read %d rows, at most %d", c.name, read, c.most)
		}
	}
}

// The arms of a comparison are cohorts too.
func TestComparisonsCanNotBeSubtracted(t *testing.T) {
	rows := backPain(800)
	for i := range rows {
		for _, c := range modelColumns[4:] {
			delete(rows[i], c)
		}
		rows[i]["sex"] = "female"
		if i%150 == 0 {
			rows[i]["sex"], rows[i]["intervention"] = "male", "surgery"
		}
	}
	d := open(t, rows)
	ask := func(by string) table {
		return d.ask(t, "compare", false, "instrument", "nrs_back", "interventions", "core_therapy,surgery", "method", "welch", "by", by)
	}
	if first := ask("none"); first.at(0, "estimate") == nil {
		t.Fatalf("everyone: %v, want an estimate", first.Rows[0].Values)
	}
	if later := ask("sex"); later.at(0, "sex") != "female" || later.at(0, "estimate") != nil {
		t.Errorf("all but a few men of the arm: %v, want it withheld", later.Rows[0].Values)
	}
}
