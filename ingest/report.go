package ingest

import (
	"maps"
	"slices"
)

// maxRejections bounds the rejections that a report lists one by one.
const maxRejections = 1000

// Report reconciles one import: Read = Stored + Duplicate + Rejected, counting
// records, and a record is what the source holds as one: a line, an object.
type Report struct {
	Source    string `json:"source,omitempty"`
	Format    string `json:"format,omitempty"`
	DryRun    bool   `json:"dry_run,omitempty"`
	Read      int    `json:"read"`
	Stored    int    `json:"stored"`
	Duplicate int    `json:"duplicate"`
	Rejected  int    `json:"rejected"`
	// Rows are the rows of the stored records by table.
	Rows map[Table]int `json:"rows,omitempty"`
	// ScoreMismatch counts stored responses whose sender supplied a score that
	// is not ours. Ours is stored.
	ScoreMismatch int `json:"score_mismatch"`
	// Rules counts every reason; Rejections lists the first thousand.
	Rules      map[string]int `json:"rules,omitempty"`
	Rejections []RowError     `json:"rejections,omitempty"`
}

// Reconciles reports whether every record read has exactly one fate.
func (r *Report) Reconciles() bool { return r.Read == r.Stored+r.Duplicate+r.Rejected }

// Add counts other into r, for a total over several files.
func (r *Report) Add(other Report) {
	r.Read += other.Read
	r.Stored += other.Stored
	r.Duplicate += other.Duplicate
	r.Rejected += other.Rejected
	r.ScoreMismatch += other.ScoreMismatch
	for t, n := range other.Rows {
		r.addRows(t, n)
	}
	for rule, n := range other.Rules {
		r.addRule(rule, n)
	}
	room := max(maxRejections-len(r.Rejections), 0)
	r.Rejections = append(r.Rejections, other.Rejections[:min(room, len(other.Rejections))]...)
}

// RuleNames returns the rules that were broken, the most frequent first.
func (r *Report) RuleNames() []string {
	return slices.SortedFunc(maps.Keys(r.Rules), func(a, b string) int {
		if d := r.Rules[b] - r.Rules[a]; d != 0 {
			return d
		}
		if a < b {
			return -1
		}
		return 1
	})
}

// count takes the fate of one record into the report.
func (r *Report) count(rec *Record) {
	r.Read++
	switch rec.Result {
	case ResultStored:
		r.Stored++
		r.ScoreMismatch += rec.mismatches
		r.addRows(Responses, len(rec.Responses))
		r.addRows(Episodes, len(rec.Episodes))
		r.addRows(Events, len(rec.Events))
		r.addRows(Patients, len(rec.Patients))
	case ResultDuplicate:
		r.Duplicate++
	default:
		r.Rejected++
		for _, why := range rec.Reasons {
			r.addRule(why.Rule, 1)
			if len(r.Rejections) < maxRejections {
				r.Rejections = append(r.Rejections, RowError{Source: r.Source, Line: rec.Line, Field: why.Field, Rule: why.Rule})
			}
		}
	}
}

func (r *Report) addRows(t Table, n int) {
	if n == 0 {
		return
	}
	if r.Rows == nil {
		r.Rows = map[Table]int{}
	}
	r.Rows[t] += n
}

func (r *Report) addRule(rule string, n int) {
	if r.Rules == nil {
		r.Rules = map[string]int{}
	}
	r.Rules[rule] += n
}
