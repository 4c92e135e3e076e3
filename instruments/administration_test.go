package instruments

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

// yesNo is an instrument of 0/1 items, of which none is built in yet.
const yesNo = `
id: yesno
version: "1"
current: true
title: Three questions
algorithm: yesno-1
direction: lower_better
several_ticks: highest
items:
  - {key: yesno.1, label: lifting, min: 0, max: 1}
  - {key: yesno.2, label: walking, min: 0, max: 1}
  - {key: yesno.3, label: sitting, min: 0, max: 3}
scores:
  - {name: yesno, label: disability, rule: mean_times_items, unit: 2, min: 0, max: 5, missing: {at_most: 1}, mdc: 2, responder: reliable_change}
licence: ours
sources: [ours]
`

func TestParseAdministration(t *testing.T) {
	const m, u = Missing, Unreadable
	odi, eq, yn := mustLookup(t, "odi"), mustLookup(t, "eq5d5l"), definitionOf(t, "yesno", yesNo)
	for _, c := range []struct {
		d    *Definition
		text string
		want Administration
	}{
		{odi, `[1,0,2,null,1,1,0,3,2,1]`, Administration{Codes: []int16{1, 0, 2, m, 1, 1, 0, 3, 2, 1}}},
		{odi, ` [1, 0.0, 2.0, 2e0, 1, 1, 0, 3, 2, 10e-1] `, Administration{Codes: []int16{1, 0, 2, 2, 1, 1, 0, 3, 2, 1}}},
		{odi, `[1,[],[4],[2,2],1,1,0,3,2,1]`, Administration{Codes: []int16{1, m, 4, 2, 1, 1, 0, 3, 2, 1}}},
		{odi, `[1,[0,3,1],2]`, Administration{Codes: []int16{1, 3, 2}, Ticks: [][]int16{nil, {0, 3, 1}, nil}}},
		{odi, `[1,[0,null],[1,"2"],[[1]],true,"3",2.5,{},1e400,-1e5]`, Administration{Codes: []int16{1, u, u, u, u, u, u, u, maxCode, maxCode}, Ticks: [][]int16{nil, {0}, {1}, nil, nil, nil, nil, nil, nil, nil}}},
		{odi, `[-32768,-32767,32767,-1,99999999999]`, Administration{Codes: []int16{maxCode, maxCode, maxCode, -1, maxCode}}},
		{odi, `{"answers":[1,2],"admin_mode":"paper","age":54,"sex":"female","provider":"X"}`, Administration{Codes: []int16{1, 2}, AdminMode: "paper", Age: 54, Sex: "female"}},
		{odi, `{"answers":{"odi.10":3,"odi.1":0,"odi.2":null},"age":null,"sex":null}`, Administration{Codes: []int16{0, m, m, m, m, m, m, m, m, 3}}},
		{odi, `[]`, Administration{Codes: []int16{}}},
		{eq, `"21232"`, Administration{Codes: []int16{2, 1, 2, 3, 2}}},
		{eq, `"91x0٣"`, Administration{}}, // six bytes
		{eq, `"91x06"`, Administration{Codes: []int16{m, 1, u, 0, 6}}},
		{eq, `"212321"`, Administration{}}, // a VAS has no digit
		{eq, `""`, Administration{}},
		{eq, `{"answers":"11111"}`, Administration{Codes: []int16{1, 1, 1, 1, 1}}},
		{eq, `[1,1,1,1,1,75]`, Administration{Codes: []int16{1, 1, 1, 1, 1, 75}}},
		{yn, `[true,false,3]`, Administration{Codes: []int16{1, 0, 3}}},
		{yn, `[true,[true,false],true,true]`, Administration{Codes: []int16{1, 1, u, u}, Ticks: [][]int16{nil, {1, 0}, nil, nil}}},
	} {
		got, err := c.d.ParseAdministration([]byte(c.text))
		if err != nil || !reflect.DeepEqual(*got, c.want) {
			t.Errorf("%s: ParseAdministration(%s) = %+v, %v, want %+v", c.d.ID, c.text, got, err, c.want)
		}
	}
}

func TestParseAdministrationErrors(t *testing.T) {
	odi := mustLookup(t, "odi")
	for text, want := range map[string]error{
		``: ErrNotJSON, ` `: ErrNotJSON, `[1,`: ErrNotJSON, `[1] [2]`: ErrNotJSON, `NaN`: ErrNotJSON, `[1,NaN]`: ErrNotJSON, "[1]\x00": ErrNotJSON,
		`7`: ErrNotAnswers, `null`: ErrNotAnswers, `true`: ErrNotAnswers, `"21232"`: ErrNotAnswers, `{}`: ErrNotAnswers, `{"answers":null}`: ErrNotAnswers,
		`{"answers":7}`: ErrNotAnswers, `{"answers":{"odi.11":1}}`: ErrNotAnswers, `{"answers":[1],"age":"54"}`: ErrNotAnswers, `{"answers":[1],"age":-1}`: ErrNotAnswers,
		`{"answers":[1],"age":54.5}`: ErrNotAnswers, `{"answers":[1],"age":300}`: ErrNotAnswers, `{"answers":[1],"sex":1}`: ErrNotAnswers, `{"answers":[1],"admin_mode":[]}`: ErrNotAnswers,
	} {
		a, err := odi.ParseAdministration([]byte(text))
		if !errors.Is(err, want) {
			t.Errorf("ParseAdministration(%s) = %v, %v, want %v", text, a, err, want)
		}
		if err != nil && (strings.Contains(err.Error(), "21232") || strings.Contains(err.Error(), "54")) {
			t.Errorf("the error %q repeats what the person said", err)
		}
	}
}

func TestReliableChangeResponder(t *testing.T) {
	s := definitionOf(t, "yesno", yesNo).Primary()
	for _, c := range []struct {
		base, follow float64
		want         bool
	}{{4, 2, true}, {4, 2.5, false}, {2, 4, false}} {
		if got := s.Change(&c.base, &c.follow).Responder; got == nil || *got != c.want {
			t.Errorf("%v to %v: responder %v, want %v", c.base, c.follow, got, c.want)
		}
	}
	if r := s.ResponderRule(); r.ThresholdUnits != 4 || r.Sign != -1 {
		t.Errorf("ResponderRule() = %+v, want 4 units, sign −1", r)
	}
}
