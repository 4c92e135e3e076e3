package methods

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
)

// compare says what differs between the case's expected and an answer, "" when
// nothing does. The answer is read back from its JSON: what a caller sees.
func (c goldenCase) compare(a Answer) string {
	raw, err := json.Marshal(a)
	if err != nil {
		return err.Error()
	}
	var got map[string]any
	if err := json.Unmarshal(raw, &got); err != nil {
		return err.Error()
	}
	for _, k := range sortedKeys(c.Expected) {
		if strings.HasPrefix(k, "input_") || strings.HasPrefix(k, "_check_") {
			continue
		}
		value, ok := got[k]
		if !ok && c.Expected[k] != nil && c.Expected[k] != "NaN" {
			return k + ": missing"
		}
		if why := c.differ(k, c.Expected[k], value); why != "" {
			return why
		}
	}
	return ""
}

// differ compares two values of the same place.
func (c goldenCase) differ(at string, want, got any) string {
	want, got = bare(want, got)
	switch w := want.(type) {
	case nil:
		if got != nil {
			return at + ": want null"
		}
		return ""
	case string:
		// What R calls not a number is undefined, and what is undefined is null here.
		if w == "NaN" && got == nil {
			return ""
		}
	case float64:
		g, ok := got.(float64)
		if !ok {
			return fmt.Sprintf("%s: want a number, got %T", at, got)
		}
		if !(math.Abs(g-w) <= c.Tol.Abs+c.Tol.Rel*math.Abs(w)) {
			return fmt.Sprintf("%s: got %.17g, want %.17g", at, g, w)
		}
		return ""
	case []any:
		return c.differList(at, w, got)
	case map[string]any:
		return c.differObject(at, w, got)
	}
	if want != got { // text and flags
		return fmt.Sprintf("%s: got %v, want %v", at, got, want)
	}
	return ""
}

func (c goldenCase) differList(at string, want []any, got any) string {
	g, ok := got.([]any)
	if !ok || len(g) != len(want) {
		return fmt.Sprintf("%s: want a list of %d", at, len(want))
	}
	for i := range want {
		if why := c.differ(fmt.Sprintf("%s[%d]", at, i), want[i], g[i]); why != "" {
			return why
		}
	}
	return ""
}

// differObject compares nested objects: the same keys, null standing for absent.
func (c goldenCase) differObject(at string, want map[string]any, got any) string {
	g, ok := got.(map[string]any)
	if !ok {
		return at + ": want an object"
	}
	for _, k := range sortedKeys(want) {
		value, ok := g[k]
		if !ok && want[k] != nil && want[k] != "NaN" {
			return at + "." + k + ": missing"
		}
		if why := c.differ(at+"."+k, want[k], value); why != "" {
			return why
		}
	}
	for _, k := range sortedKeys(g) {
		if _, ok := want[k]; !ok && g[k] != nil {
			return at + "." + k + ": not expected"
		}
	}
	return ""
}

// bare takes the value out of a list of one where the other side is no list.
func bare(want, got any) (any, any) {
	w, wantList := want.([]any)
	g, gotList := got.([]any)
	switch {
	case wantList && !gotList && len(w) == 1:
		return w[0], got
	case gotList && !wantList && len(g) == 1:
		return want, g[0]
	}
	return want, got
}
