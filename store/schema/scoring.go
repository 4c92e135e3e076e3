package schema

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/lumbar-health/lumbar/instruments"
)

// Name is the name of a score in one programme: the key of table scoring.
type Name struct{ Programme, Score string }

// Choice is what is current for all scores of one name: the algorithm of every
// column, and the value set that stands for the instrument.
type Choice struct{ Algorithm, ValueSet string }

// Scoring is what is current, a row of table scoring each.
type Scoring map[Name]Choice

// UnavailableError says that what is current is not among the program's
// definitions: it can neither score new answers alike nor say what the old
// numbers mean.
type UnavailableError struct {
	Programme, Score string
	Choice
	Instrument instruments.ID
	algorithm  bool // it is the algorithm that is missing
}

// Error says what to do.
func (e *UnavailableError) Error() string {
	if e.algorithm {
		return fmt.Sprintf("store: the scores %s of programme %s were made by algorithm %s, which this program does not have: run lumbar rescore --instrument %s once, or use definitions that keep %s as superseded",
			e.Score, e.Programme, e.Algorithm, e.Instrument, e.Algorithm)
	}
	return fmt.Sprintf("store: value set %s is current for %s in programme %s, and this program does not have it: configure its tables (instruments.dsu_dir) or definitions (instruments.definitions_dir), or choose another with lumbar rescore --instrument %s --value-set V",
		e.ValueSet, e.Score, e.Programme, e.Instrument)
}

func readScoring(ctx context.Context, conn driver.Conn) (Scoring, error) {
	rows, err := conn.Query(ctx, "SELECT programme, score, algorithm, value_set FROM scoring FINAL")
	if err != nil {
		return nil, fmt.Errorf("schema: read table scoring: %w", err)
	}
	defer rows.Close()
	current := Scoring{}
	for rows.Next() {
		var key Name
		var row Choice
		if err := rows.Scan(&key.Programme, &key.Score, &row.Algorithm, &row.ValueSet); err != nil {
			return nil, fmt.Errorf("schema: read table scoring: %w", err)
		}
		current[key] = row
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("schema: read table scoring: %w", err)
	}
	return current, nil
}

// Switch makes the choices current: one row a name, all of them in one insert,
// which is stored whole or not at all.
func Switch(ctx context.Context, conn driver.Conn, changes Scoring, now time.Time) error {
	if len(changes) == 0 {
		return nil
	}
	var last uint64
	if err := conn.QueryRow(ctx, "SELECT max(version) FROM scoring").Scan(&last); err != nil {
		return fmt.Errorf("schema: read table scoring: %w", err)
	}
	var rows []string
	var values []any
	for _, key := range slices.SortedFunc(maps.Keys(changes), Name.compare) {
		rows = append(rows, "(?, ?, ?, ?, ?, fromUnixTimestamp64Milli(toInt64(?)))")
		values = append(values, key.Programme, key.Score, last+1, changes[key].Algorithm, changes[key].ValueSet, now.UnixMilli())
	}
	err := conn.Exec(ctx, "INSERT INTO scoring (programme, score, version, algorithm, value_set, switched_at) SETTINGS async_insert=0 VALUES "+strings.Join(rows, ", "), values...)
	if err != nil {
		return fmt.Errorf("schema: switch table scoring: %w", err)
	}
	return nil
}

func (n Name) compare(o Name) int {
	if c := strings.Compare(n.Programme, o.Programme); c != 0 {
		return c
	}
	return strings.Compare(n.Score, o.Score)
}

// scoresOf returns every score that is the instrument's own, of all versions
// and algorithms. Of scores that versions share, the one with a column is it.
func scoresOf(id instruments.ID) []*instruments.Score {
	all := instruments.ColumnsOf(id)
	for _, d := range instruments.All() {
		for _, s := range d.Scores {
			known := slices.ContainsFunc(all, func(o *instruments.Score) bool { return sameScore(o, s) })
			if d.ID == id && s.Instrument == id && !known && !s.NeedsPerson && !s.Absent() {
				all = append(all, s)
			}
		}
	}
	return all
}

func sameScore(a, b *instruments.Score) bool {
	return a.Name == b.Name && a.Algorithm == b.Algorithm && a.ValueSet == b.ValueSet
}

// namesOf returns the names of scores, each once, in their order.
func namesOf(scores []*instruments.Score) []string {
	var names []string
	for _, s := range scores {
		if !slices.Contains(names, s.Name) {
			names = append(names, s.Name)
		}
	}
	return names
}

// ownChoice is what the program's definitions make current for a name.
func ownChoice(id instruments.ID, name string) (Choice, bool) {
	preferred := ""
	if d, err := instruments.Lookup(id, ""); err == nil {
		preferred = d.DefaultValueSet
	}
	var own Choice
	found := false
	for _, s := range instruments.ColumnsOf(id) {
		if s.Name != name || s.NeedsPerson || found && s.ValueSet != preferred {
			continue
		}
		own, found = Choice{s.Algorithm, s.ValueSet}, true
	}
	return own, found
}

// underAlgorithm returns the score of each column of a name where the algorithm
// is current, and whether the program has that algorithm. A column for which
// only a later algorithm exists is not there yet; one that the algorithm leaves
// as it was keeps its own. A mapped index is made of the others when it is read.
func underAlgorithm(scores []*instruments.Score, name, algorithm string) (columns []*instruments.Score, known bool) {
	old := false
	for _, s := range scores {
		if s.Name == name && s.Algorithm == algorithm {
			known = true
			old = old || s.Superseded
		}
	}
	for _, s := range scores {
		if s.Name != name {
			continue
		}
		has := slices.ContainsFunc(scores, func(o *instruments.Score) bool {
			return o.Name == name && o.ValueSet == s.ValueSet && o.Algorithm == algorithm
		})
		own := slices.Contains(instruments.ColumnsOf(s.Instrument), s)
		if s.Algorithm == algorithm || own && s.NeedsPerson || own && !has && !old {
			columns = append(columns, s)
		}
	}
	return columns, known
}

// Current is what is current for the scores of one name, and what a re-score
// without further wishes would make current.
type Current struct {
	Programme  string         `json:"programme"`
	Instrument instruments.ID `json:"instrument"`
	Score      string         `json:"score"`
	Algorithm  string         `json:"algorithm"`
	ValueSet   string         `json:"value_set,omitempty"`
	// Program is the algorithm of the definitions; it differs where a re-score
	// is due.
	Program string `json:"program_algorithm"`
	// Missing says that responses stored before lack some of these scores: a
	// re-score is due for them.
	Missing bool `json:"scores_missing"`
}

// Currents lists what is current for an instrument, or for all where it is
// empty, by programme and in the programme's order.
func (c *Catalogue) Currents(instrument instruments.ID) []Current {
	var out []Current
	for _, p := range c.of {
		for _, id := range p.Instruments {
			if instrument != "" && instrument != id {
				continue
			}
			for _, name := range namesOf(scoresOf(id)) {
				now, ok := c.scoring[Name{p.ID, name}]
				own, _ := ownChoice(id, name)
				if ok {
					out = append(out, Current{Programme: p.ID, Instrument: id, Score: name, Algorithm: now.Algorithm, ValueSet: now.ValueSet, Program: own.Algorithm})
				}
			}
		}
	}
	return out
}
