package write

import (
	"fmt"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/record"
)

// interned gives equal words one text, so that no row holds on to a block.
type interned map[string]string

func (w interned) text(s, last string) string {
	if s == last {
		return last
	}
	if known, ok := w[s]; ok {
		return known
	}
	s = strings.Clone(s)
	w[s] = s
	return s
}

// responseColumns are a block's columns, in the order of responsesQuery.
type responseColumns struct {
	patient                                                    *array.FixedSizeBinary
	id, version, episode, missing                              *array.Uint64
	status, reporter                                           *array.Int8
	programme, instrument, instrumentVersion, timepoint, admin *array.String
	answeredAt, receivedAt                                     *array.Int64
	answeredOn                                                 *array.Int32
	codes, ticks, reasons                                      *array.List
	supplied, predicted                                        *array.Float64
	final                                                      *array.Uint8
}

func columnsOf(rec arrow.Record) (c responseColumns, err error) {
	if rec.NumCols() != 21 {
		return c, fmt.Errorf("store: read response: %d columns, want 21", rec.NumCols())
	}
	take := func(i int) arrow.Array { return rec.Column(i) }
	ok := true
	typed(take(0), &c.patient, &ok)
	for i, into := range map[int]**array.Uint64{1: &c.id, 2: &c.version, 4: &c.episode, 20: &c.missing} {
		typed(take(i), into, &ok)
	}
	for i, into := range map[int]**array.Int8{3: &c.status, 12: &c.reporter} {
		typed(take(i), into, &ok)
	}
	for i, into := range map[int]**array.String{5: &c.programme, 6: &c.instrument, 7: &c.instrumentVersion, 8: &c.timepoint, 13: &c.admin} {
		typed(take(i), into, &ok)
	}
	for i, into := range map[int]**array.Int64{9: &c.answeredAt, 11: &c.receivedAt} {
		typed(take(i), into, &ok)
	}
	for i, into := range map[int]**array.List{14: &c.codes, 15: &c.ticks, 16: &c.reasons} {
		typed(take(i), into, &ok)
	}
	for i, into := range map[int]**array.Float64{17: &c.supplied, 18: &c.predicted} {
		typed(take(i), into, &ok)
	}
	typed(take(10), &c.answeredOn, &ok)
	typed(take(19), &c.final, &ok)
	if !ok {
		return c, fmt.Errorf("store: read response: the engine answers with other types than expected: %s", rec.Schema())
	}
	return c, nil
}

// typed takes an array as its type, or clears ok.
func typed[T any](from arrow.Array, into *T, ok *bool) {
	got, is := from.(T)
	*into, *ok = got, *ok && is
}

// eachResponse hands the rows of a block to each.
func eachResponse(rec arrow.Record, words interned, each func(*StoredResponse) error) error {
	c, err := columnsOf(rec)
	if err != nil {
		return err
	}
	var v StoredResponse
	var supplied, predicted float64
	for i := range int(rec.NumRows()) {
		v = StoredResponse{
			Final: c.final.Value(i) != 0, Missing: c.missing.Value(i),
			Response: record.Response{
				PatientID: fromWire(string(c.patient.Value(i))), ID: c.id.Value(i), Version: c.version.Value(i),
				Status: record.Status(c.status.Value(i)), EpisodeID: c.episode.Value(i),
				Programme:         words.text(c.programme.Value(i), v.Programme),
				Instrument:        instruments.ID(words.text(c.instrument.Value(i), string(v.Instrument))),
				InstrumentVersion: words.text(c.instrumentVersion.Value(i), v.InstrumentVersion),
				Timepoint:         words.text(c.timepoint.Value(i), v.Timepoint),
				AdminMode:         words.text(c.admin.Value(i), v.AdminMode),
				AnsweredAt:        time.UnixMilli(c.answeredAt.Value(i)).UTC(), AnsweredOn: record.Date(c.answeredOn.Value(i)),
				ReceivedAt: time.UnixMilli(c.receivedAt.Value(i)).UTC(), ReportedBy: record.Reporter(c.reporter.Value(i)),
				Codes: v.Codes[:0],
			},
		}
		if err := c.answers(i, &v.Response, words); err != nil {
			return err
		}
		if c.supplied.IsValid(i) {
			supplied = c.supplied.Value(i)
			v.SuppliedScore = &supplied
		}
		if c.predicted.IsValid(i) {
			predicted = c.predicted.Value(i)
			v.Predicted = &predicted
		}
		if err := each(&v); err != nil {
			return err
		}
	}
	return nil
}

// answers reads the codes, the several ticks and the reasons of row i.
func (c *responseColumns) answers(i int, v *record.Response, words interned) error {
	codes, isCodes := c.codes.ListValues().(*array.Int16)
	lists, isTicks := c.ticks.ListValues().(*array.List)
	reasons, isReasons := c.reasons.ListValues().(*array.String)
	if !isCodes || !isTicks || !isReasons {
		return fmt.Errorf("store: read response: the engine answers with other types of answers than expected")
	}
	from, to := c.codes.ValueOffsets(i)
	for at := int(from); at < int(to); at++ {
		code := int16(instruments.Missing)
		if codes.IsValid(at) {
			code = codes.Value(at)
		}
		v.Codes = append(v.Codes, code)
	}
	if from, to = c.ticks.ValueOffsets(i); from < to {
		several, ok := lists.ListValues().(*array.Int16)
		if !ok {
			return fmt.Errorf("store: read response: the engine answers with other types of ticks than expected")
		}
		v.Ticks = make([][]int16, to-from)
		for n := range v.Ticks {
			first, end := lists.ValueOffsets(int(from) + n)
			for at := int(first); at < int(end); at++ {
				v.Ticks[n] = append(v.Ticks[n], several.Value(at))
			}
		}
	}
	if from, to = c.reasons.ValueOffsets(i); from < to {
		for at := int(from); at < int(to); at++ {
			v.MissingReasons = append(v.MissingReasons, words.text(reasons.Value(at), ""))
		}
	}
	return nil
}
