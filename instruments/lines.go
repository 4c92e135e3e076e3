package instruments

import (
	"bufio"
	"bytes"
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
	var pair struct {
		Baseline json.RawMessage `json:"baseline"`
		FollowUp json.RawMessage `json:"follow_up"`
	}
	if json.Unmarshal(line, &pair) != nil || pair.Baseline == nil && pair.FollowUp == nil {
		r, err := d.resultOf(line)
		return r, !errors.Is(err, ErrNotJSON)
	}
	primary := d.Primary()
	p := PairResult{Instrument: d.ID, InstrumentVersion: d.Version, AlgorithmVersion: primary.Algorithm}
	p.Baseline, p.FollowUp = d.half(pair.Baseline), d.half(pair.FollowUp)
	var scores [2]*float64
	for i, r := range []*Result{p.Baseline, p.FollowUp} {
		if r != nil {
			scores[i] = r.Score
		}
	}
	p.Change = primary.Change(scores[0], scores[1])
	return p, true
}

func (d *Definition) half(text json.RawMessage) *Result {
	if text == nil || string(text) == "null" {
		return nil
	}
	r, _ := d.resultOf(text)
	return &r
}

func (d *Definition) resultOf(text []byte) (Result, error) {
	a, err := d.ParseAdministration(text)
	switch {
	case errors.Is(err, ErrNotJSON):
		return d.invalid(ReasonNotJSON), err
	case err != nil:
		return d.invalid(ReasonNotAnswers), err
	}
	return d.Result(a), nil
}
