package jsontext

// maxDepth is how deep objects and arrays may stand in each other, as
// encoding/json has it.
const maxDepth = 10_000

// Valid reports whether text is one JSON value, exactly as json.Valid does, in a
// fraction of the time.
func Valid(text []byte) bool {
	at, ok := value(text, SkipBlank(text, 0), 0)
	return ok && SkipBlank(text, at) == len(text)
}

// value checks the value that begins at at and returns the place after it.
func value(text []byte, at, depth int) (int, bool) {
	if at >= len(text) {
		return at, false
	}
	switch c := text[at]; c {
	case '{', '[':
		if depth == maxDepth {
			return at, false
		}
		return group(text, at, depth+1)
	case '"':
		return quoted(text, at)
	case 't':
		return literal(text, at, "true")
	case 'f':
		return literal(text, at, "false")
	case 'n':
		return literal(text, at, "null")
	}
	return number(text, at)
}

// group checks an object or an array.
func group(text []byte, at, depth int) (_ int, ok bool) {
	object := text[at] == '{'
	end := byte(']')
	if object {
		end = '}'
	}
	if at = SkipBlank(text, at+1); at < len(text) && text[at] == end {
		return at + 1, true
	}
	for {
		if object {
			if at >= len(text) || text[at] != '"' {
				return at, false
			}
			if at, ok = quoted(text, at); !ok {
				return at, false
			}
			if at = SkipBlank(text, at); at >= len(text) || text[at] != ':' {
				return at, false
			}
			at = SkipBlank(text, at+1)
		}
		if at, ok = value(text, at, depth); !ok {
			return at, false
		}
		if at = SkipBlank(text, at); at >= len(text) {
			return at, false
		}
		switch text[at] {
		case end:
			return at + 1, true
		case ',':
			at = SkipBlank(text, at+1)
		default:
			return at, false
		}
	}
}

// quoted checks a string.
func quoted(text []byte, at int) (int, bool) {
	for at++; at < len(text); at++ {
		switch c := text[at]; {
		case c == '"':
			return at + 1, true
		case c < ' ':
			return at, false
		case c == '\\':
			at++
			if at >= len(text) {
				return at, false
			}
			switch text[at] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				for range 4 {
					if at++; at >= len(text) || !hex(text[at]) {
						return at, false
					}
				}
			default:
				return at, false
			}
		}
	}
	return at, false
}

func hex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func literal(text []byte, at int, word string) (int, bool) {
	end := at + len(word)
	return end, end <= len(text) && string(text[at:end]) == word
}

// number checks a number.
func number(text []byte, at int) (_ int, ok bool) {
	if text[at] == '-' {
		at++
	}
	switch {
	case at < len(text) && text[at] == '0':
		at++
	default:
		if at, ok = digits(text, at); !ok {
			return at, false
		}
	}
	if at < len(text) && text[at] == '.' {
		if at, ok = digits(text, at+1); !ok {
			return at, false
		}
	}
	if at < len(text) && (text[at] == 'e' || text[at] == 'E') {
		if at++; at < len(text) && (text[at] == '+' || text[at] == '-') {
			at++
		}
		return digits(text, at)
	}
	return at, true
}

// digits checks that there is at least one digit.
func digits(text []byte, at int) (int, bool) {
	start := at
	for at < len(text) && text[at] >= '0' && text[at] <= '9' {
		at++
	}
	return at, at > start
}
