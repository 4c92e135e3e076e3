package fhir

import (
	"math"
	"slices"
	"strconv"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/jsontext"
	"github.com/lumbar-health/lumbar/instruments"
)

// absentReasons are FHIR's words for why there is no value, as the domain's.
var absentReasons = map[string]string{
	"unknown": "blank", "asked-unknown": "blank", "temp-unknown": "blank", "not-asked": "not_asked",
	"asked-declined": "declined", "masked": "declined", "not-applicable": "na", "unsupported": "invalid",
	"as-text": "invalid", "error": "invalid", "not-a-number": "invalid", "negative-infinity": "invalid",
	"positive-infinity": "invalid", "not-performed": "not_asked", "not-permitted": "not_asked",
}

// nullFlavors are those of HL7 version 3.
var nullFlavors = map[string]string{
	"ASKU": "blank", "UNK": "blank", "NI": "blank", "NAV": "blank", "MSK": "declined", "NASK": "not_asked",
	"NA": "na", "OTH": "invalid", "INV": "invalid",
}

// yesNo are the answers yes and no of items coded 1 and 0.
var yesNo = map[coding2]int16{
	{systemSNOMED, "373066001"}: 1, {systemSNOMED, "373067005"}: 0,
	{systemLOINC, "LA33-6"}: 1, {systemLOINC, "LA32-8"}: 0,
	{systemYesNo, "Y"}: 1, {systemYesNo, "N"}: 0,
}

// coding2 is a code and its system.
type coding2 struct{ system, code string }

// one reads one answer to item at.
func (a *answers) one(at int, raw []byte) {
	var kind, value, extensions []byte
	c := jsontext.Walk(raw)
	for c.Enter('{'); c.More(); {
		switch name := c.Name(); {
		case len(name) > 5 && string(name[:5]) == "value":
			if value != nil {
				a.rec.Reject(a.key(at), ingest.RuleRepeated)
			}
			kind, value = name[5:], c.Raw()
		case string(name) == "extension":
			extensions = c.Raw()
		case len(name) > 6 && string(name[:6]) == "_value":
			if why := extension(member(c.Raw(), "extension"), extensionAbsent); why != nil {
				a.absent(at, text(why))
			}
		case string(name) == "modifierExtension":
			a.rec.Reject(a.key(at), ingest.RuleNotAllowed)
			c.Raw()
		default:
			c.Raw()
		}
	}
	if why := extension(extensions, extensionAbsent); why != nil {
		a.absent(at, text(why))
	}
	if value == nil {
		a.because(at, "blank")
		return
	}
	a.value(at, kind, value, extensions)
}

// absent notes a stated reason for a missing answer.
func (a *answers) absent(at int, why string) {
	word, ok := absentReasons[why]
	if !ok {
		a.rec.Reject(a.key(at), ingest.RuleNotAllowed)
		return
	}
	a.because(at, word)
}

// value takes a value of one of FHIR's types.
func (a *answers) value(at int, kind, raw, extensions []byte) {
	item := &a.form.definition.Items[at]
	switch string(kind) {
	case "Coding":
		a.coded(at, raw, extensions)
		return
	case "Integer", "Decimal":
		if x, ok := number(raw); ok {
			a.number(at, x, raw)
			return
		}
	case "Boolean":
		if item.Min == 0 && item.Max == 1 && !item.Hundredths && len(raw) > 0 {
			switch string(raw) {
			case "true":
				a.put(at, 1)
				return
			case "false":
				a.put(at, 0)
				return
			}
		}
	case "String": // free text is no answer, but some items name their codes
		if n := slices.Index(item.Words, text(raw)); n >= 0 {
			a.put(at, item.Min+int16(n))
			return
		}
	}
	a.rec.Reject(a.key(at), ingest.RuleType)
	a.put(at, instruments.Unreadable)
}

// maxCode is above every code that an item may allow.
const maxCode = 32000

// number takes a number. What is no whole one is kept as unreadable where the
// item has no fractions, and refused when it is scored.
func (a *answers) number(at int, x float64, raw []byte) {
	code := int16(maxCode)
	switch {
	case math.Abs(x) >= maxCode:
	case x != math.Trunc(x):
		code = instruments.Unreadable
	default:
		code = int16(x)
	}
	if at < len(a.exact) && raw != nil {
		if a.codes[at] != instruments.Missing {
			code, a.exact[at] = instruments.Unreadable, "" // several numbers of hours
		} else {
			a.exact[at] = string(raw)
		}
	}
	a.put(at, code)
}

// coded takes a Coding: by the weight that it bears, the form's answer codes,
// or a code that is ours.
func (a *answers) coded(at int, raw, extensions []byte) {
	k, ok := codingOf(raw)
	if !ok {
		a.rec.Reject(a.key(at), ingest.RuleType)
		a.put(at, instruments.Unreadable)
		return
	}
	if why := absentCode(k); why != "" {
		a.because(at, why)
		return
	}
	code, known := a.codeOf(at, k)
	weight, weighed := weightOf(k.extension, extensions)
	switch {
	case weighed && known && weight != float64(code):
		a.rec.Reject(a.key(at), ingest.RuleContradiction)
		a.put(at, instruments.Unreadable)
		if weight == math.Trunc(weight) && math.Abs(weight) < maxCode {
			a.put(at, int16(weight)) // for safety: the worse of the two counts
		}
		a.put(at, code)
	case known:
		a.put(at, code)
	case weighed:
		a.number(at, weight, nil)
	default:
		a.rec.Reject(a.key(at), ingest.RuleNotAllowed)
		a.put(at, instruments.Unreadable)
	}
}

// absentCode is why there is no answer, where a code says that.
func absentCode(k coding) string {
	switch k.system {
	case systemAbsent:
		return absentReasons[k.code]
	case systemNullFlavor:
		return nullFlavors[k.code]
	}
	return ""
}

// weightOf is the number that an answer bears.
func weightOf(lists ...[]byte) (x float64, ok bool) {
	for _, list := range lists {
		for _, address := range []string{extensionOrdinal, extensionWeight} {
			if v := extension(list, address); v != nil {
				return number(v)
			}
		}
	}
	return 0, false
}

// codeOf is an answer's code as the item has it.
func (a *answers) codeOf(at int, k coding) (int16, bool) {
	item := &a.form.definition.Items[at]
	if code, ok := a.form.shared[k.code]; ok {
		return code, true
	}
	ours := k.system == "" || k.system == systemCode
	if k.system == "" || k.system == systemLOINC {
		if code, ok := a.form.codes[at][k.code]; ok {
			return code, true
		}
	}
	if item.Min == 0 && item.Max == 1 {
		if code, ok := yesNo[coding2{k.system, k.code}]; ok {
			return code, true
		}
	}
	if !ours {
		return 0, false
	}
	if n := slices.Index(item.Words, k.code); n >= 0 {
		return item.Min + int16(n), true
	}
	n, err := strconv.ParseInt(k.code, 10, 16)
	return int16(n), err == nil && n > -maxCode && n < maxCode
}
