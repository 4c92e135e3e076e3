package jsontext_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/ingest/jsontext"
)

// TestObjects: the framings, and that what is too long is read over with its
// beginning and end kept.
func TestObjects(t *testing.T) {
	long := `{"head":1,"x":"` + strings.Repeat("x", 3<<20) + `","tail":1}`
	for name, c := range map[string]struct{ text, want string }{
		"lines":        {"{\"a\":1}\n\n{\"b\":2}\r\n" + long + "\n{}", `1 {"a":1}, 3 {"b":2}, 4 long, 5 {}`},
		"array":        {"[{\"a\":1},\n" + long + ", 7, \"s\", {}]", `1 {"a":1}, 2 long, 2 none, 2 none, 2 {}`},
		"over lines":   {"{\n\"a\":1}\n{\"b\":{}}", "1 {\n\"a\":1}, 3 {\"b\":{}}"},
		"array cut":    {`[{"a":1},{`, `1 {"a":1}, broken`},
		"after an end": {`[{}] x`, `1 {}, broken`},
	} {
		o, err := jsontext.NewObjects(bufio.NewReader(strings.NewReader(c.text)))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for {
			text, err := o.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			said := string(text)
			switch {
			case errors.Is(err, jsontext.ErrTooLong):
				said = "long"
				if kept := string(o.Text); !strings.HasPrefix(kept, `{"head"`) || !strings.HasSuffix(strings.TrimSpace(kept), `"tail":1}`) || len(kept) > jsontext.MaxObject+128<<10 {
					t.Errorf("%s: of a long object %d bytes are kept", name, len(kept))
				}
			case errors.Is(err, jsontext.ErrMalformed):
				said = "none"
			case err != nil:
				got = append(got, "broken")
			}
			if err != nil && got != nil && got[len(got)-1] == "broken" {
				break
			}
			got = append(got, fmt.Sprint(o.Line, " ", said))
		}
		if list := strings.Join(got, ", "); list != c.want {
			t.Errorf("%s: %s, want %s", name, list, c.want)
		}
	}
}

// TestCursor walks over a document once, values of other types too.
func TestCursor(t *testing.T) {
	c := jsontext.Walk([]byte(` { "a" : [ 1 , {"x":"}"} , "s" ] , "é\"" : "\u00e9", "n":null ,"o":{} } `))
	var got []string
	for c.Enter('{'); c.More(); {
		name := string(c.Name())
		switch name {
		case "a":
			for c.Enter('['); c.More(); {
				got = append(got, string(c.Raw()))
			}
		case `é"`:
			s, ok := c.String()
			got = append(got, fmt.Sprint(string(s), ok))
		case "n":
			_, ok := c.String()
			got = append(got, fmt.Sprint(ok))
		default:
			got = append(got, fmt.Sprint(name, c.Enter('['), c.Kind() == 0))
		}
	}
	if list := strings.Join(got, " "); list != `1 {"x":"}"} "s" étrue false ofalse false` || c.Kind() != 0 {
		t.Errorf("%s", list)
	}
	members, ok := jsontext.Members([]byte(`{"a":1,"a":{"b":[2]}}`), nil)
	if !ok || len(members) != 2 || string(members[1].Raw) != `{"b":[2]}` {
		t.Errorf("members %v", members)
	}
	if _, ok := jsontext.Members([]byte(`[]`), nil); ok {
		t.Error("a list has members")
	}
}
