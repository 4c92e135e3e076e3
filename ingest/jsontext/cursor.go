package jsontext

import "encoding/json"

// Cursor walks over a JSON text that is valid, without building documents.
type Cursor struct {
	text []byte
	at   int
}

// Walk returns a cursor at the value that text is. The text is valid JSON.
func Walk(text []byte) Cursor { return Cursor{text: text, at: SkipBlank(text, 0)} }

// Kind is the first byte of the value at the cursor; 0 at the end.
func (c *Cursor) Kind() byte {
	if c.at >= len(c.text) {
		return 0
	}
	return c.text[c.at]
}

// Enter steps into the value at the cursor where it is an object or array that
// begins with open; any other value is read over.
func (c *Cursor) Enter(open byte) bool {
	if c.Kind() != open {
		c.Raw()
		return false
	}
	c.at = SkipBlank(c.text, c.at+1)
	return true
}

// More reports whether a further member or element follows, and steps to it; at
// the end it steps out of the object or array.
func (c *Cursor) More() bool {
	c.at = SkipBlank(c.text, c.at)
	switch c.Kind() {
	case 0:
		return false
	case '}', ']':
		c.at = SkipBlank(c.text, c.at+1)
		return false
	case ',':
		c.at = SkipBlank(c.text, c.at+1)
	}
	return true
}

// Name returns the name of the member at the cursor and steps to its value.
func (c *Cursor) Name() []byte {
	raw := c.Raw()
	c.at = SkipBlank(c.text, SkipBlank(c.text, c.at)+1) // the colon
	return unquote(raw)
}

// Raw returns the text of the value at the cursor and steps over it.
func (c *Cursor) Raw() []byte {
	if c.at >= len(c.text) {
		return nil
	}
	start := c.at
	c.at = SkipValue(c.text, start)
	return c.text[start:c.at]
}

// String returns the string at the cursor and steps over it; ok is false where
// the value is none.
func (c *Cursor) String() (s []byte, ok bool) {
	raw := c.Raw()
	if len(raw) == 0 || raw[0] != '"' {
		return nil, false
	}
	return unquote(raw), true
}

// unquote returns what a valid JSON string says.
func unquote(raw []byte) []byte {
	inner := raw[1 : len(raw)-1]
	for _, b := range inner {
		if b == '\\' {
			var s string
			if json.Unmarshal(raw, &s) != nil {
				return inner // impossible: the text is valid
			}
			return []byte(s)
		}
	}
	return inner
}
