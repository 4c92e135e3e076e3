package instruments

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxLine is the longest line that ScoreLines reads as a response.
const maxLine = 1 << 20

// Reasons of a line that is no response.
const (
	ReasonNotJSON     = "not_json"
	ReasonNotAnswers  = "not_answers"
	ReasonLineTooLong = "line_too_long"
	// ReasonUnknownVersion: the response is of a version without a definition.
	ReasonUnknownVersion = "unknown_instrument_version"
)

// PairResult is the result of two administrations of one instrument. Baseline
// or FollowUp is null where it was not given.
type PairResult struct {
	Instrument        ID      `json:"instrument"`
	InstrumentVersion string  `json:"instrument_version"`
	AlgorithmVersion  string  `json:"algorithm_version"`
	Baseline          *Result `json:"baseline"`
	FollowUp          *Result `json:"follow_up"`
	Change            Change  `json:"change"`
	// Changes has the change of every score, by column, of an instrument that
	// has several.
	Changes map[string]Change `json:"changes,omitempty"`
}

// ScoreLines reads one response a line and writes exactly one JSON result a
// line, in the same order. A line is one of the forms of ParseAdministration,
// or an object with baseline and follow_up in these forms, whose result has
// their change beside both. A line that is not JSON gives a result of status
// invalid and counts in bad; so does one longer than 1 MiB. The error is only
// of reading or writing.
func ScoreLines(r io.Reader, w io.Writer, d *Definition) (bad int, err error) {
	in, out := bufio.NewReaderSize(r, 64<<10), bufio.NewWriterSize(w, 64<<10)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for {
		line, tooLong, readErr := readLine(in)
		if readErr != nil && !errors.Is(readErr, io.EOF) {
			return bad, errors.Join(fmt.Errorf("instruments: read responses: %w", readErr), out.Flush())
		}
		if readErr != nil && len(line) == 0 && !tooLong {
			break
		}
		result, isJSON := any(d.invalid(ReasonLineTooLong)), false
		if !tooLong {
			result, isJSON = d.scoreLine(line)
		}
		if !isJSON {
			bad++
		}
		if err := encoder.Encode(result); err != nil {
			return bad, fmt.Errorf("instruments: write results: %w", err)
		}
		// Someone may be typing, or a program waiting for each answer.
		if in.Buffered() == 0 {
			if err := out.Flush(); err != nil {
				return bad, fmt.Errorf("instruments: write results: %w", err)
			}
		}
		if readErr != nil {
			break
		}
	}
	if err := out.Flush(); err != nil {
		return bad, fmt.Errorf("instruments: write results: %w", err)
	}
	return bad, nil
}

// readLine returns the next line without its end. Of a line longer than
// maxLine it reads to the end and keeps nothing.
func readLine(in *bufio.Reader) (line []byte, tooLong bool, err error) {
	for {
		chunk, err := in.ReadSlice('\n')
		if tooLong = tooLong || len(line)+len(chunk) > maxLine; tooLong {
			line = nil
		} else {
			line = append(line, chunk...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return bytes.TrimSuffix(line, []byte("\n")), tooLong, err
		}
	}
}

func (d *Definition) scoreLine(line []byte) (result any, isJSON bool) {
	var pair map[string]json.RawMessage
	if json.Unmarshal(line, &pair) != nil || pair[baselineKey] == nil && pair[followUpKey] == nil {
		r, err := d.resultOf(line)
		return r, !errors.Is(err, ErrNotJSON)
	}
	return d.pair(inherit(pair, baselineKey), inherit(pair, followUpKey)), true
}

// Keys of a pair. What stands beside them holds for both administrations.
const (
	baselineKey = "baseline"
	followUpKey = "follow_up"
)

// inherit returns one administration of a pair, with the pair's own fields
// (instrument_version, sex, …) where it has none of its own.
func inherit(pair map[string]json.RawMessage, key string) json.RawMessage {
	own := pair[key]
	if own == nil || string(own) == "null" || len(pair) == 1 || len(pair) == 2 && pair[baselineKey] != nil && pair[followUpKey] != nil {
		return own
	}
	fields := map[string]json.RawMessage{}
	if json.Unmarshal(own, &fields) != nil {
		fields = map[string]json.RawMessage{"answers": own}
	}
	for name, value := range pair {
		if _, there := fields[name]; !there && name != baselineKey && name != followUpKey {
			fields[name] = value
		}
	}
	whole, err := json.Marshal(fields)
	if err != nil {
		return own // it was JSON a moment ago
	}
	return whole
}

// pair scores two administrations and compares them.
func (d *Definition) pair(baseline, followUp json.RawMessage) PairResult {
	before, after := d.half(baseline), d.half(followUp)
	p := PairResult{
		Instrument: d.ID, InstrumentVersion: d.Version, AlgorithmVersion: d.Primary().Algorithm,
		Baseline: before.result, FollowUp: after.result,
	}
	if before.result != nil && after.result != nil && before.of != after.of {
		p.Change = d.Primary().NoChange(ReasonVersionDiffers)
		return p
	}
	of := cmp.Or(before.of, after.of, d)
	change := func(i int) Change { return of.Scores[i].Change(before.value(i), after.value(i)) }
	if p.Change = change(of.primary); of.NoTotal || !of.Primary().Measured() {
		p.Change = of.Primary().NoChange(ReasonNoSingleScore)
	}
	for i, s := range of.Scores {
		if i == of.primary && !of.NoTotal || !s.Measured() || s.Superseded || s.Absent() {
			continue
		}
		if p.Changes == nil {
			p.Changes = map[string]Change{}
		}
		p.Changes[s.Column()] = change(i)
	}
	return p
}

// half is one administration of a pair.
type half struct {
	result *Result
	of     *Definition
	scored []Scored
}

func (h half) value(i int) *float64 {
	if h.scored == nil {
		return nil
	}
	return h.of.Scores[i].value(h.scored[i])
}

func (d *Definition) half(text json.RawMessage) half {
	if text == nil || string(text) == "null" {
		return half{}
	}
	of, a, result, _ := d.read(text)
	h := half{result: &result, of: of}
	if a != nil {
		h.scored = make([]Scored, len(of.Scores))
		_ = of.Score(a, h.scored) // its only error is the wrong room
	}
	return h
}

func (d *Definition) resultOf(text []byte) (Result, error) {
	_, _, r, err := d.read(text)
	return r, err
}

// read reads and scores one administration, under the version that it names.
// The administration is nil where it can not be read.
func (d *Definition) read(text []byte) (*Definition, *Administration, Result, error) {
	var named struct {
		Version any             `json:"instrument_version"`
		Answers json.RawMessage `json:"answers"`
	}
	// What is no object names no version.
	if json.Unmarshal(text, &named) == nil && named.Version != nil && named.Version != "" {
		version, isText := named.Version.(string)
		of, err := Lookup(d.ID, version)
		if err != nil || !isText {
			r := d.refused(ReasonUnknownVersion, named.Answers)
			r.InstrumentVersion = version
			return d, nil, r, nil
		}
		d = of
	}
	a, err := d.ParseAdministration(text)
	switch {
	case errors.Is(err, ErrNotJSON):
		return d, nil, d.invalid(ReasonNotJSON), err
	case err != nil:
		return d, nil, d.refused(ReasonNotAnswers, named.Answers), err
	}
	return d, a, d.Result(a), nil
}

// refused is the result of a response that is not scored, with what its answers
// say of safety all the same.
func (d *Definition) refused(reason string, answers []byte) Result {
	r := d.invalid(reason)
	a, flags := d.safetyOf(answers)
	if len(d.Safety) > 0 {
		r.Flags = append([]string{}, flags...)
	}
	for i := range d.Safety {
		for j := range r.Parts {
			if rule := &d.Safety[i]; a != nil && r.Parts[j].Key == rule.Key {
				r.Parts[j].Value = rule.state(d, a)
			}
		}
	}
	return r
}
