package write

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/store/schema"
)

// job is one run of a re-score as table rescore remembers it: a run that a
// crash ended goes on where it was.
type job struct {
	w      *Writer
	id     string
	run    uint64
	slices int
	// done is when each finished slice was begun, by its number from 1.
	done   map[int]time.Time
	scores uint64 // rows that the finished slices wrote
}

// jobID identifies what is scored again under which definitions.
func jobID(p schema.Plan) string {
	parts := []string{string(p.Instrument), strings.Join(p.Programmes, ","), instruments.RegistryVersion()}
	for _, s := range p.Targets {
		parts = append(parts, s.Name, s.Algorithm, s.ValueSet)
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// openJob returns the plan's unfinished run, or a new one of that many slices.
func (w *Writer) openJob(ctx context.Context, p schema.Plan, slices int) (*job, error) {
	j := &job{w: w, id: jobID(p), slices: slices, done: map[int]time.Time{}}
	wrap := func(err error) error { return fmt.Errorf("store: read table rescore: %w", err) }
	var of uint16
	var over uint8
	err := w.conn.QueryRow(ctx, `SELECT max(run), argMaxIf(slices, run, state = 'begun'), toUInt8(max(run) = maxIf(run, state = 'switched')) FROM rescore WHERE job = ?`, j.id).
		Scan(&j.run, &of, &over)
	if err != nil {
		return nil, wrap(err)
	}
	if j.run == 0 || over != 0 {
		j.run++
		return j, j.record(ctx, 0, "begun", w.cfg.Clock(), 0)
	}
	j.slices = int(of)
	rows, err := w.conn.Query(ctx, "SELECT slice, at, scores FROM rescore FINAL WHERE job = ? AND run = ? AND state = 'scored'", j.id, j.run)
	if err != nil {
		return nil, wrap(err)
	}
	defer rows.Close()
	for rows.Next() {
		var slice uint16
		var at time.Time
		var scores uint64
		if err := rows.Scan(&slice, &at, &scores); err != nil {
			return nil, wrap(err)
		}
		j.done[int(slice)] = at
		j.scores += scores
	}
	if err := rows.Err(); err != nil {
		return nil, wrap(err)
	}
	// Another may have switched since it was begun: from now on it counts as the
	// later one, whose rows outcome lacks.
	return j, j.record(ctx, 0, "begun", w.cfg.Clock(), 0)
}

func (j *job) record(ctx context.Context, slice int, state string, at time.Time, scores int64) error {
	err := j.w.conn.Exec(ctx, "INSERT INTO rescore (job, run, slice, state, slices, at, scores) SETTINGS async_insert=0 VALUES (?, ?, ?, ?, ?, fromUnixTimestamp64Milli(toInt64(?)), ?)",
		j.id, j.run, uint16(slice), state, uint16(j.slices), at.UnixMilli(), uint64(scores))
	if err != nil {
		return fmt.Errorf("store: write table rescore: %w", err)
	}
	return nil
}

// between says whether a re-score has written rows that outcome has not been
// derived from since: an unfinished run that began after the last switch.
func (w *Writer) between(ctx context.Context) (bool, error) {
	var n uint64
	err := w.conn.QueryRow(ctx, `SELECT count() FROM (
  SELECT job, run, max(at) AS at FROM rescore GROUP BY job, run HAVING countIf(state = 'switched') = 0)
WHERE at >= (SELECT maxIf(at, state = 'switched') FROM rescore)`).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("store: read table rescore: %w", err)
	}
	return n > 0, nil
}

const (
	// rescoreRows is about how many responses a slice of a re-score holds,
	// rescoreSlices how many slices there are at most: a kill costs one of them.
	rescoreRows   = 50_000
	rescoreSlices = 128
)

// countResponses counts the stored versions of responses that can have some of
// the plan's scores.
func (w *Writer) countResponses(ctx context.Context, p schema.Plan) (int64, error) {
	if len(p.Targets) == 0 {
		return 0, nil
	}
	var n uint64
	err := w.conn.QueryRow(ctx, "SELECT count() FROM response WHERE programme IN ("+literals(p.Programmes)+") AND "+ofInstruments(p)).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("store: count response: %w", err)
	}
	return int64(n), nil
}

// order lists the numbers of the slices still to be scored, from 1; those that
// are done come last, for what arrived since.
func (j *job) order() []int {
	all := make([]int, j.slices)
	for i := range all {
		all[i] = i + 1
	}
	slices.SortStableFunc(all, func(a, b int) int {
		_, aDone := j.done[a]
		_, bDone := j.done[b]
		switch {
		case aDone == bDone:
			return 0
		case aDone:
			return 1
		}
		return -1
	})
	return all
}
