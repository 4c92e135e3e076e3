package instruments

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
)

const (
	// maxCode bounds the size of any code an item may allow; what is larger
	// on the wire becomes maxCode, which no item allows.
	maxCode = 32000
	// profileMissing is the digit of an unanswered item in a profile string.
	profileMissing = 9
	maxAge         = 130
)

// Sentinels of ParseAdministration.
var (
	// ErrNotJSON: the text is no JSON document.
	ErrNotJSON = errors.New("not JSON")
	// ErrNotAnswers: the document has none of the forms of a response.
	ErrNotAnswers = errors.New("not an answered questionnaire")
)

// ParseAdministration reads one answered questionnaire from JSON, in one of
// three forms:
//
//	[2, 1, null, [1, 3], 0]      codes in order; null is missing, a list is several ticks
//	"21232"                      a profile, where the instrument has one; 9 is missing
//	{"answers": …, "admin_mode": "…", "age": 54, "sex": "female",
//	 "missing": {"odi.8": "declined"}, "supplied_score": 40}
//
// where answers is one of the first two or an object by item key; other keys
// are left to whoever reads a whole response. true and false are 1 and 0 on
// items coded 0/1; 2.0 is 2; an item in hundredths takes fractions, to the
// nearest hundredth, and one whose codes have names takes a name. A code that is no whole number is Unreadable and
// one out of range is kept out of range: both make the response invalid when it
// is scored, and the other answers stay readable.
//
// The error is ErrNotJSON or ErrNotAnswers; it carries no answer.
func (d *Definition) ParseAdministration(text []byte) (*Administration, error) {
	doc, err := decodeJSON(text)
	if err != nil {
		return nil, err
	}
	a := new(Administration)
	fields, ok := doc.(map[string]any)
	if !ok {
		return a, d.readAnswers(a, doc)
	}
	answers, ok := fields["answers"]
	if !ok {
		return nil, fmt.Errorf("%w: the object has no answers", ErrNotAnswers)
	}
	if err := errors.Join(a.readPerson(fields), d.readRest(a, fields)); err != nil {
		return nil, err
	}
	if byKey, ok := answers.(map[string]any); ok {
		return a, d.readKeyed(a, byKey)
	}
	return a, d.readAnswers(a, answers)
}

func decodeJSON(text []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var doc any
	if err := decoder.Decode(&doc); err != nil {
		return nil, ErrNotJSON
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, ErrNotJSON
	}
	return doc, nil
}

func (a *Administration) readPerson(fields map[string]any) error {
	for name, into := range map[string]*string{"admin_mode": &a.AdminMode, "sex": &a.Sex} {
		switch v := fields[name].(type) {
		case nil:
		case string:
			*into = v
		default:
			return fmt.Errorf("%w: %s is not a text", ErrNotAnswers, name)
		}
	}
	switch v := fields["age"].(type) {
	case nil:
	case json.Number:
		age := wholeCode(v)
		if age < 0 || age > maxAge {
			return fmt.Errorf("%w: age is not a whole number of years from 0 to %d", ErrNotAnswers, maxAge)
		}
		a.Age = int(age)
	default:
		return fmt.Errorf("%w: age is not a number", ErrNotAnswers)
	}
	return nil
}

// readRest reads why items have no answer, and the sender's own score.
func (d *Definition) readRest(a *Administration, fields map[string]any) error {
	switch v := fields["supplied_score"].(type) {
	case nil:
	case json.Number:
		x, err := v.Float64()
		if err != nil {
			return fmt.Errorf("%w: supplied_score is too large", ErrNotAnswers)
		}
		a.Supplied = &x
	default:
		return fmt.Errorf("%w: supplied_score is not a number", ErrNotAnswers)
	}
	reasons, ok := fields["missing"].(map[string]any)
	if !ok && fields["missing"] != nil {
		return fmt.Errorf("%w: missing is not an object by item key", ErrNotAnswers)
	}
	for key, why := range reasons {
		at, known := d.ItemIndex(key)
		reason, isText := why.(string)
		if !known || !isText {
			return fmt.Errorf("%w: missing names an item key and a reason", ErrNotAnswers)
		}
		if a.Reasons == nil {
			a.Reasons = make([]string, len(d.Items))
		}
		a.Reasons[at] = reason
	}
	return nil
}

func (d *Definition) readAnswers(a *Administration, answers any) error {
	switch v := answers.(type) {
	case []any:
		a.Codes = make([]int16, len(v))
		for i, answer := range v {
			d.readAnswer(a, i, answer)
		}
		return nil
	case string:
		return d.readProfile(a, v)
	}
	return fmt.Errorf("%w: want a list of codes, a profile or an object with answers", ErrNotAnswers)
}

// readKeyed reads every answer whose key is the instrument's, also where another
// key makes it an error: safety rules read what there is.
func (d *Definition) readKeyed(a *Administration, answers map[string]any) error {
	a.Codes = slices.Repeat([]int16{Missing}, len(d.Items))
	if len(answers) == 0 && len(d.AdminModes) > 0 {
		// Nothing was handed in: no mode may take that for a page of blanks.
		a.Reasons = slices.Repeat([]string{reasonNotAsked}, len(d.Items))
	}
	var unknown error
	for key, answer := range answers {
		at, ok := d.ItemIndex(key)
		if !ok {
			unknown = fmt.Errorf("%w: an item key is not the instrument's", ErrNotAnswers)
			continue
		}
		d.readAnswer(a, at, answer)
	}
	return unknown
}

func (d *Definition) readProfile(a *Administration, profile string) error {
	if d.Profile == 0 {
		return fmt.Errorf("%w: the instrument has no profile", ErrNotAnswers)
	}
	if len(profile) != d.Profile {
		return nil // no codes are the wrong number of them
	}
	a.Codes = make([]int16, d.Profile)
	for i := range a.Codes {
		switch digit := profile[i]; {
		case digit == '0'+profileMissing:
			a.Codes[i] = Missing
		case digit >= '0' && digit <= '9':
			a.Codes[i] = int16(digit - '0')
		default:
			a.Codes[i] = Unreadable
		}
	}
	return nil
}

// readAnswer reads the answer to item i, which may be several ticks. Where one
// of them is no code the answer is Unreadable, and Ticks has the others, so that
// a safety rule still sees them.
func (d *Definition) readAnswer(a *Administration, i int, answer any) {
	ticked, ok := answer.([]any)
	if !ok {
		a.Codes[i] = d.readCode(i, answer)
		return
	}
	var ticks []int16
	unreadable := false
	for _, t := range ticked {
		code := d.readCode(i, t)
		switch {
		case code == Missing || code == Unreadable:
			unreadable = true
		case !slices.Contains(ticks, code):
			ticks = append(ticks, code)
		}
	}
	if a.Codes[i] = d.TickCode(ticks); unreadable {
		a.Codes[i] = Unreadable
	}
	if len(ticks) > 1 || unreadable && len(ticks) > 0 {
		if a.Ticks == nil {
			a.Ticks = make([][]int16, len(a.Codes))
		}
		a.Ticks[i] = ticks
	}
}

func (d *Definition) readCode(i int, answer any) int16 {
	var item Item // of an answer too many
	if i < len(d.Items) {
		item = d.Items[i]
	}
	switch v := answer.(type) {
	case nil:
		return Missing
	case json.Number:
		if item.Hundredths {
			return hundredthsOf(v)
		}
		return wholeCode(v)
	case string:
		if at := slices.Index(item.Words, v); at >= 0 {
			return item.Min + int16(at)
		}
	case bool:
		if item.Min == 0 && item.Max == 1 {
			if v {
				return 1
			}
			return 0
		}
	}
	return Unreadable
}

// hundredths is the scale of codes of items that take fractions.
const hundredths = 100

// hundredthsOf returns a number in hundredths, to the nearest one.
func hundredthsOf(n json.Number) int16 {
	x, err := strconv.ParseFloat(string(n), 64)
	if err != nil || math.Abs(x) >= maxCode/hundredths {
		return maxCode
	}
	if x < 0 {
		return int16(math.Floor(x * hundredths)) // never a small negative for 0
	}
	return int16(math.Round(x * hundredths))
}

// wholeCode returns a number as a code: Unreadable where it is no whole
// number, maxCode where it is larger than any code.
func wholeCode(n json.Number) int16 {
	x, err := strconv.ParseFloat(string(n), 64)
	switch {
	case err != nil || math.Abs(x) >= maxCode:
		return maxCode
	case x != math.Trunc(x):
		return Unreadable
	}
	return int16(x)
}
