package jsontext_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/ingest/jsontext"
)

var texts = []string{
	``, ` `, `{}`, `[]`, `{"a":1}`, ` { "a" : [ 1 , {"x":"}"} , "s" ] , "é\"" : "\u00e9", "n":null ,"o":{} } `,
	`[1,-0,0.5,1e9,-1.25E-3,true,false,null,""]`, `{"a":1,"a":{"b":[2]}}`, `"\ud800\t\/"`, `[01]`, `[1.]`, `[.5]`, `[-]`, `[1e]`, `[1,]`,
	`{"a"}`, `{"a":}`, `{"a":1,}`, `{a:1}`, `nul`, `tru e`, `"a`, `"\x"`, `"\u12g4"`, "\"\x01\"", "\"\xff\"", `{}{}`, `[[]`, `]`, `{"a":1]`, "\ufeff{}",
	`{"resourceType":"Patient","id":"1"}`, strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001),
}

// FuzzValid: what is JSON is what encoding/json says, and a valid object can be
// walked over to its end, by members and by cursor.
func FuzzValid(f *testing.F) {
	for _, s := range texts {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if got, want := jsontext.Valid(text), json.Valid(text); got != want {
			t.Fatalf("Valid = %v, encoding/json says %v", got, want)
		}
		if !json.Valid(text) {
			return
		}
		members, object := jsontext.Members(text, nil)
		c := jsontext.Walk(text)
		if object != (c.Kind() == '{') {
			t.Fatalf("members: %v, begins with %q", object, c.Kind())
		}
		n := 0
		if object {
			for c.Enter('{'); c.More(); n++ {
				if name, raw := string(c.Name()), c.Raw(); n >= len(members) || name != members[n].Name || !bytes.Equal(raw, members[n].Raw) || !json.Valid(raw) {
					t.Fatalf("member %d differs between cursor and list", n)
				}
			}
		}
		if n != len(members) || object && c.Kind() != 0 {
			t.Fatalf("%d members by cursor, %d in the list", n, len(members))
		}
	})
}

// FuzzObjects: any source is cut to its end, whatever it holds, and what comes
// of it stands in the source.
func FuzzObjects(f *testing.F) {
	for _, s := range texts {
		f.Add([]byte(s))
		f.Add([]byte("[" + s + "," + s + "]"))
		f.Add([]byte(s + "\n" + s + "\r\n\n" + s))
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		o, err := jsontext.NewObjects(bufio.NewReader(bytes.NewReader(source)))
		if err != nil {
			return
		}
		line := 0
		for range len(source) + 2 {
			text, err := o.Next()
			switch {
			case errors.Is(err, io.EOF), errors.Is(err, jsontext.ErrBroken):
				return
			case err == nil && !bytes.Contains(source, text):
				t.Fatal("an object that the source does not have")
			case err != nil && !errors.Is(err, jsontext.ErrMalformed) && !errors.Is(err, jsontext.ErrTooLong):
				t.Fatal(err)
			case o.Line < line:
				t.Fatalf("line %d after line %d", o.Line, line)
			}
			line = o.Line
		}
		t.Fatal("more objects than bytes")
	})
}
