package jsontext

import (
	"encoding/json"
	"strings"
)

// Member is a name and its value in an object.
type Member struct {
	Name string
	Raw  json.RawMessage
}

// Members appends the members of an object in their order, repeated ones too,
// to a list, which is best that of the object before, emptied. The text is valid
// JSON.
func Members(text []byte, list []Member) ([]Member, bool) {
	at := SkipBlank(text, 0)
	if at >= len(text) || text[at] != '{' {
		return nil, false
	}
	for at = SkipBlank(text, at+1); text[at] != '}'; {
		end := SkipValue(text, at)
		// The names of one object are mostly those of the one before.
		var name string
		if n := len(list); n < cap(list) {
			name = list[:n+1][n].Name
		}
		if written := text[at+1 : end-1]; name != string(written) {
			name = string(written)
		}
		if strings.IndexByte(name, '\\') >= 0 && json.Unmarshal(text[at:end], &name) != nil {
			return nil, false
		}
		at = SkipBlank(text, SkipBlank(text, end)+1) // the colon
		end = SkipValue(text, at)
		list = append(list, Member{name, text[at:end]})
		if at = SkipBlank(text, end); text[at] == ',' {
			at = SkipBlank(text, at+1)
		}
	}
	return list, true
}

// SkipValue returns the place after the value that begins at at. The text is
// valid JSON.
func SkipValue(text []byte, at int) int {
	switch text[at] {
	case '"':
		return skipString(text, at)
	case '{', '[':
		for depth := 0; ; at++ {
			switch text[at] {
			case '"':
				at = skipString(text, at) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return at + 1
				}
			}
		}
	}
	for at < len(text) && strings.IndexByte(",]} \t\r\n", text[at]) < 0 {
		at++
	}
	return at
}

func skipString(text []byte, at int) int {
	for at++; text[at] != '"'; at++ {
		if text[at] == '\\' {
			at++
		}
	}
	return at + 1
}

// SkipBlank returns the place of the next byte from at on that is no blank.
func SkipBlank(raw []byte, at int) int {
	for at < len(raw) && (raw[at] == ' ' || raw[at] == '\n' || raw[at] == '\t' || raw[at] == '\r') {
		at++
	}
	return at
}
