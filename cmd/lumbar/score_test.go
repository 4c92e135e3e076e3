package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestScoreCommand(t *testing.T) {
	for _, c := range []struct {
		args     []string
		in       string
		code     int
		out, err string
	}{
		{[]string{"score", "--instrument", "odi"}, "[2,1,3,2,2,3,1,null,2,2]\n", 0, `"score":40`, ""},
		{[]string{"score", "--version", "2.1a", "--instrument=odi"}, "[2,1,3,2,2,3,1,0,2,2]\n", 0, `"score":36`, ""},
		{[]string{"score", "--instrument", "odi"}, "[2,1,3,2,2,3,1,0,2,9]\n", 0, `"status":"invalid"`, ""},
		{[]string{"score", "--instrument", "odi"}, "what\n", 1, `"reason":"not_json"`, "not JSON: 1"},
		{[]string{"score"}, "", 2, "", "--instrument"},
		{[]string{"score", "--instrument", "phq99"}, "", 2, "", "eq5d5l"},
		{[]string{"score", "--instrument", "odi", "--version", "9"}, "", 2, "", "unknown instrument version of odi"},
		{[]string{"score", "odi"}, "", 2, "", ""},
	} {
		var out, errs bytes.Buffer
		code := run(t.Context(), c.args, strings.NewReader(c.in), &out, &errs)
		if code != c.code || !strings.Contains(out.String(), c.out) || !strings.Contains(errs.String(), c.err) || strings.Count(errs.String(), "\n") > 1 {
			t.Errorf("lumbar %v: exit %d, %s%s, want %d, %s, %s", c.args, code, out.String(), errs.String(), c.code, c.out, c.err)
		}
	}
}
