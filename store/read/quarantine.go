package read

import (
	"context"
	"strconv"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/lumbar-health/lumbar/record"
)

// quarantineColumns are those of a refused row but for its body.
const quarantineColumns = "quarantine_id, version, toInt8(state), received_at, batch, line, source, reasons.field, reasons.rule, flags"

// Quarantine returns at most limit refused rows that fit the filter, without
// their bodies, those that came last first.
func (r *Reader) Quarantine(ctx context.Context, f record.QuarantineFilter, limit int) ([]record.Quarantined, error) {
	s := newStatement(r.catalogue())
	text := "SELECT " + quarantineColumns + " FROM quarantine FINAL WHERE " + s.quarantined(f) +
		" ORDER BY received_at DESC, batch, line, quarantine_id LIMIT " + strconv.Itoa(limit)
	var list []record.Quarantined
	err := r.direct(ctx, "read quarantine", s, text, func(rows driver.Rows) error {
		q, err := scanQuarantined(rows)
		list = append(list, q)
		return err
	})
	return list, err
}

// QuarantineCounts returns how many refused rows fit the filter, and how many of
// them break each rule.
func (r *Reader) QuarantineCounts(ctx context.Context, f record.QuarantineFilter) (rows int, byRule map[string]int, err error) {
	byRule = map[string]int{}
	s := newStatement(r.catalogue())
	// The empty rule stands for the row itself.
	text := "SELECT arrayJoin(arrayConcat([''], arrayDistinct(reasons.rule))) AS rule, count() FROM quarantine FINAL WHERE " + s.quarantined(f) + " GROUP BY rule"
	err = r.direct(ctx, "count quarantine", s, text, func(found driver.Rows) error {
		var rule string
		var n uint64
		if err := found.Scan(&rule, &n); err != nil {
			return err
		}
		if rule == "" {
			rows = int(n)
		} else {
			byRule[rule] = int(n)
		}
		return nil
	})
	return rows, byRule, err
}

// QuarantineIDs returns the ids of the refused rows that fit the filter, in the
// order in which they are stored.
func (r *Reader) QuarantineIDs(ctx context.Context, f record.QuarantineFilter) ([]uint64, error) {
	s := newStatement(r.catalogue())
	var ids []uint64
	text := "SELECT quarantine_id FROM quarantine FINAL WHERE " + s.quarantined(f) + " ORDER BY quarantine_id"
	err := r.direct(ctx, "read ids of quarantine", s, text, func(rows driver.Rows) error {
		var id uint64
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	})
	return ids, err
}

// QuarantineBodies returns refused rows with their sealed bodies, of ids as
// QuarantineIDs returns them.
func (r *Reader) QuarantineBodies(ctx context.Context, ids []uint64) ([]record.Quarantined, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	s := newStatement(r.catalogue())
	// The range lets the engine leave out all other bodies.
	text := "SELECT " + quarantineColumns + ", body_sealed FROM quarantine FINAL WHERE quarantine_id >= " + s.bind("UInt64", strconv.FormatUint(ids[0], 10)) +
		" AND quarantine_id <= " + s.bind("UInt64", strconv.FormatUint(ids[len(ids)-1], 10)) + " AND " + s.quarantined(record.QuarantineFilter{IDs: ids}) +
		" ORDER BY quarantine_id"
	var list []record.Quarantined
	err := r.direct(ctx, "read bodies of quarantine", s, text, func(rows driver.Rows) error {
		var sealed string
		q, err := scanQuarantined(rows, &sealed)
		q.Sealed = []byte(sealed)
		list = append(list, q)
		return err
	})
	return list, err
}

// quarantined is the condition of a filter.
func (s *statement) quarantined(f record.QuarantineFilter) string {
	conditions := []string{"1"}
	if len(f.IDs) > 0 {
		ids := make([]string, len(f.IDs))
		for i, id := range f.IDs {
			ids[i] = strconv.FormatUint(id, 10)
		}
		conditions = append(conditions, "quarantine_id IN "+s.bind("Array(UInt64)", "["+strings.Join(ids, ",")+"]"))
	}
	if f.State != 0 {
		conditions = append(conditions, "state = "+s.text(f.State.String()))
	}
	if f.Rule != "" {
		conditions = append(conditions, "has(reasons.rule, "+s.text(f.Rule)+")")
	}
	if f.Without != "" {
		conditions = append(conditions, "NOT has(reasons.rule, "+s.text(f.Without)+")")
	}
	if f.Format != "" {
		conditions = append(conditions, "source = "+s.text(f.Format))
	}
	if !f.Since.IsZero() {
		conditions = append(conditions, "received_at >= fromUnixTimestamp64Milli("+s.bind("Int64", strconv.FormatInt(f.Since.UnixMilli(), 10))+")")
	}
	return strings.Join(conditions, " AND ")
}

// scanQuarantined reads a row of quarantineColumns, and what stands behind them.
func scanQuarantined(rows driver.Rows, further ...any) (q record.Quarantined, err error) {
	var state int8
	var line uint64
	var fields, rules []string
	into := []any{&q.ID, &q.Version, &state, &q.ReceivedAt, &q.Delivery, &line, &q.Format, &fields, &rules, &q.Flags}
	if err := rows.Scan(append(into, further...)...); err != nil {
		return q, err
	}
	q.State, q.Line = record.QuarantineState(state), int(line)
	for i := range fields {
		q.Reasons = append(q.Reasons, record.Reason{Field: fields[i], Rule: rules[i]})
	}
	return q, nil
}
