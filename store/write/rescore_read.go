package write

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/record"
	"github.com/lumbar-health/lumbar/store/schema"
)

// StoredResponse is a stored version of a response with all that a row of score
// takes from it; source, provider, mode, language and journal number stay
// behind. It is valid until the next one is read.
type StoredResponse struct {
	record.Response
	// Final says that no further version of the response can exist: it came
	// without an identifier.
	Final bool
	// Missing are the targets of which the store has no row, bit i the i-th.
	Missing uint64
}

// responsesQuery selects the versions of a scope's responses that lack a row of
// some target. What the engine has no Arrow type of its own for travels as a
// whole number.
func responsesQuery(p schema.Plan, scope string, since time.Time) string {
	where := "(" + scope + ") AND programme IN (" + literals(p.Programmes) + ") AND " + ofInstruments(p)
	if !since.IsZero() {
		where += fmt.Sprintf(" AND received_at >= fromUnixTimestamp64Milli(toInt64(%d))", since.UnixMilli())
	}
	var targets, bits []string
	for i, s := range p.Targets {
		targets = append(targets, "("+literals([]string{s.Name, s.Algorithm, s.ValueSet})+")")
		bits = append(bits, fmt.Sprintf("toUInt64(score = %s AND algorithm = %s AND value_set = %s) * %d",
			schema.Literal(s.Name), schema.Literal(s.Algorithm), schema.Literal(s.ValueSet), uint64(1)<<i))
	}
	return `SELECT reinterpret(r.patient_id, 'FixedString(16)') AS patient, r.response_id AS response_id, r.version AS version, toInt8(r.status) AS status,
  r.episode_id AS episode_id, toString(r.programme) AS programme, toString(r.instrument) AS instrument, toString(r.instrument_version) AS instrument_version,
  toString(r.timepoint) AS timepoint, toUnixTimestamp64Milli(r.answered_at) AS answered_at, toInt32(r.answered_on) AS answered_on,
  toUnixTimestamp64Milli(r.received_at) AS received_at, toInt8(r.reported_by) AS reported_by, toString(r.admin_mode) AS admin_mode,
  r.codes AS codes, r.ticks AS ticks, CAST(r.missing_reasons, 'Array(String)') AS missing_reasons, r.supplied_score AS supplied_score, r.predicted AS predicted,
  r.source_id = '' AS is_final, bitAnd(r.expected, bitNot(s.present)) AS missing
FROM (SELECT *, ` + expected(p) + ` AS expected FROM response WHERE ` + where + `) AS r
LEFT JOIN (
  SELECT patient_id, response_id, version, groupBitOr(` + strings.Join(bits, " + ") + `) AS present
  FROM score WHERE (` + scope + `) AND (score, algorithm, value_set) IN (` + strings.Join(targets, ", ") + `)
  GROUP BY patient_id, response_id, version) AS s
ON r.patient_id = s.patient_id AND r.response_id = s.response_id AND r.version = s.version
WHERE missing != 0`
}

// ofInstruments is the condition that a response is of an instrument that has
// some of the targets.
func ofInstruments(p schema.Plan) string {
	var ids []string
	for d := range p.Masks() {
		if !slices.Contains(ids, string(d.ID)) {
			ids = append(ids, string(d.ID))
		}
	}
	slices.Sort(ids)
	return "instrument IN (" + literals(ids) + ")"
}

// expected is the targets that a response must have, by its instrument and
// version. Of a version that is not known it is all: who scores says so.
func expected(p schema.Plan) string {
	var cases []string
	masks := p.Masks()
	for _, d := range instruments.All() {
		cases = append(cases, fmt.Sprintf("instrument = %s AND instrument_version = %s, toUInt64(%d)", schema.Literal(string(d.ID)), schema.Literal(d.Version), masks[d]))
	}
	slices.Sort(cases)
	return "multiIf(" + strings.Join(cases, ", ") + fmt.Sprintf(", toUInt64(%d))", uint64(1)<<len(p.Targets)-1)
}

func literals(texts []string) string {
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = schema.Literal(text)
	}
	return strings.Join(out, ", ")
}

// readResponses hands each response of a query to each, in bounded memory.
func (w *Writer) readResponses(ctx context.Context, query string, each func(*StoredResponse) error) error {
	words := interned{}
	return w.eachRecord(ctx, "response", query, nil, func(rec arrow.Record) error { return eachResponse(rec, words, each) })
}
