package study

import (
	"reflect"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/store/read"
)

func TestParseCondition(t *testing.T) {
	number := func(v float64) []read.Value { return []read.Value{{Number: v}} }
	tests := []struct {
		in   string
		want read.Predicate
	}{
		{"age >= 18", read.Compare{Column: "age", Op: read.Ge, Values: number(18)}},
		{"age>=18 and odi_baseline < 20.5", read.And{
			read.Compare{Column: "age", Op: read.Ge, Values: number(18)},
			read.Compare{Column: "odi_baseline", Op: read.Lt, Values: number(20.5)}}},
		{"a = 1 or b = 2 and c = 3", read.Or{
			read.Compare{Column: "a", Op: read.Eq, Values: number(1)},
			read.And{
				read.Compare{Column: "b", Op: read.Eq, Values: number(2)},
				read.Compare{Column: "c", Op: read.Eq, Values: number(3)}}}},
		{`NOT (sex == "male")`, read.Not{Of: read.Compare{Column: "sex", Op: read.Eq, Values: []read.Value{{Text: "male", IsText: true}}}}},
		{`region in ("A", 'B east') and gain > -2`, read.And{
			read.Compare{Column: "region", Op: read.In, Values: []read.Value{{Text: "A", IsText: true}, {Text: "B east", IsText: true}}},
			read.Compare{Column: "gain", Op: read.Gt, Values: number(-2)}}},
	}
	for _, tt := range tests {
		got, err := ParseCondition(tt.in)
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("ParseCondition(%q) = %#v, %v, want %#v", tt.in, got, err, tt.want)
		}
	}
}

func TestParseConditionRefuses(t *testing.T) {
	for _, in := range []string{"", "age", "age >=", "age >= 18 and", "18 <= age", "(age > 1", "age > 1)", "age ~ 2",
		`sex = male`, `region in ()`, `region in "A"`, `"unclosed`, `a = 'unclosed`, strings.Repeat("(", 10000) + "a = 1", strings.Repeat("not ", 10000)} {
		if got, err := ParseCondition(in); err == nil {
			t.Errorf("ParseCondition(%.40q) = %#v, want an error", in, got)
		}
	}
}

func FuzzParseCondition(f *testing.F) {
	f.Add(`age >= 18 and not (region in ("A", 'B')) or odi_baseline < -1.5`)
	f.Fuzz(func(t *testing.T, in string) {
		if c, err := ParseCondition(in); err == nil && c == nil {
			t.Errorf("ParseCondition(%q) gave neither a condition nor an error", in)
		}
	})
}
