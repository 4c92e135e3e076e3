package ingest

import (
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/record"
)

// Rescorer scores stored responses again, by the code that scores new ones: for
// one response and one definition both make the same row of score. One
// goroutine uses it.
type Rescorer struct {
	setting  Setting
	targets  []*instruments.Score
	table    *scoreTable
	response Response
	record   Record
}

// NewRescorer returns a rescorer for the targets: scores by name, algorithm and
// value set, of which a response may have any. A nil allocator is one that
// uses its memory again.
func NewRescorer(targets []*instruments.Score, alloc memory.Allocator) *Rescorer {
	if alloc == nil {
		alloc = new(pooled)
	}
	return &Rescorer{targets: targets, table: newScoreTable(alloc)}
}

// Add scores a response under the version of the instrument that it was given
// in, and keeps the rows of those targets whose bits are set in missing. It
// returns how many. final says that no other version of the response can exist.
// It is false where the response can not be scored: its version of the
// instrument is not known, or refuses its answers.
func (r *Rescorer) Add(stored *record.Response, final bool, missing uint64) (rows int, ok bool) {
	v := &r.response
	*v = Response{Response: *stored, Final: final, Definition: v.Definition, scored: v.scored}
	r.record.Reset()
	r.setting.rescore(&r.record, v)
	if len(r.record.Reasons) > 0 {
		return 0, false
	}
	for i, s := range v.Definition.Scores {
		target := slices.IndexFunc(r.targets, func(t *instruments.Score) bool {
			return t == s || t.Name == s.Name && t.Algorithm == s.Algorithm && t.ValueSet == s.ValueSet
		})
		if target < 0 || missing&(1<<target) == 0 || !v.has(i) {
			continue
		}
		r.table.add(v, s, &v.scored[i])
		rows++
	}
	return rows, true
}

// Scores hands the rows over, nil where there are none. The caller releases
// them.
func (r *Rescorer) Scores() arrow.Record { return r.table.record() }

// Release gives the memory of the columns back.
func (r *Rescorer) Release() { r.table.release() }
