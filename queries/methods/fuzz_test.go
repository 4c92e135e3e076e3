package methods

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// FuzzParseTable holds that no file makes the reader panic and that every column
// of an accepted one has the same number of rows.
func FuzzParseTable(f *testing.F) {
	f.Add(people)
	f.Add("a,b\n1,\"x\ny\"\n")
	f.Add("\ufeffa\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		table, err := ParseTable(strings.NewReader(text), nil)
		if err != nil {
			return
		}
		for _, c := range table.Columns() {
			if c.Len() != table.Rows() {
				t.Fatalf("column of %d rows in a table of %d", c.Len(), table.Rows())
			}
		}
	})
}

// FuzzParseRequest holds that no body makes the entry panic: it is refused, or
// every method answers it or says why not.
func FuzzParseRequest(f *testing.F) {
	f.Add([]byte(`{"columns":{"y":[1,2,3],"g":["a","b",null]},"levels":{"g":["b","a"]},"filter":[["y","gt",1]],"roles":{"y":"y","g":"g"},"params":{"level1":"a","formula":"y ~ g"}}`))
	f.Add([]byte(`{"columns":{"yi":[1,-2,3],"vi":[0.1,0.2,1e300]},"roles":{"yi":"yi","vi":"vi"}}`))
	f.Add([]byte(`{"columns":{"y":[1,1],"pr":[1,2],"cl":[true,false]},"roles":{"y":"y","pr":"pr","cl":"cl"},"params":{"formula":"y~pr","formula_cm":"y~1"}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		req, err := ParseRequest(bytes.NewReader(raw))
		if err != nil {
			if !errors.Is(err, ErrRequest) {
				t.Fatalf("%v is no ErrRequest", err)
			}
			return
		}
		for _, m := range All() {
			answer, err := Run(m.Name, req)
			if err != nil {
				continue
			}
			if _, err := answer.MarshalJSON(); err != nil {
				t.Fatalf("%s: %v", m.Name, err)
			}
		}
	})
}
