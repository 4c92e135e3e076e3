package schema

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/lumbar-health/lumbar/instruments"
)

// scoredKey is a row of table scored.
type scoredKey struct{ programme, score, algorithm, valueSet string }

// asked are the programmes and instruments of which a response is stored.
type asked map[[2]string]bool

// followScored keeps table scored true under this program: what it computes of
// answers that are not there yet is complete, what it does not compute no
// longer. It says in the log which scores of stored responses are missing, and
// for which the definitions have another algorithm.
func (c *Catalogue) followScored(ctx context.Context, conn driver.Conn, o Opening) error {
	complete, err := readScored(ctx, conn)
	if err != nil {
		return err
	}
	stored, err := storedInstruments(ctx, conn, complete, c)
	if err != nil {
		return err
	}
	changes, missing := map[scoredKey]bool{}, map[instruments.ID]bool{}
	computed := map[scoredKey]bool{}
	for _, p := range c.of {
		for _, id := range p.Instruments {
			for _, s := range scoresOf(id) {
				key := scoredKey{p.ID, s.Name, s.Algorithm, s.ValueSet}
				computed[key] = true
				if s.NeedsPerson || complete[key] {
					continue
				}
				if !slices.ContainsFunc(containing(s), func(d *instruments.Definition) bool { return stored[[2]string{p.ID, string(d.ID)}] }) {
					changes[key] = true
				} else if c.has(p.ID, s) {
					missing[id] = true
				}
			}
			c.announce(p.ID, id, o)
		}
	}
	for key, yes := range complete {
		if yes && !computed[key] && slices.ContainsFunc(c.Programmes, func(p Programme) bool { return p.ID == key.programme }) {
			changes[key] = false
		}
	}
	for _, id := range slices.Sorted(maps.Keys(missing)) {
		o.Log.Warn("scores of responses stored before are missing: run lumbar rescore", "instrument", string(id))
	}
	return writeScored(ctx, conn, changes)
}

// has says whether the score is current in a programme.
func (c *Catalogue) has(id string, s *instruments.Score) bool {
	for _, p := range c.Programmes {
		if p.ID == id && slices.ContainsFunc(p.Scores, func(o ScoreColumn) bool { return o.Score == s }) {
			return true
		}
	}
	return false
}

// announce says which algorithm a re-score would make current.
func (c *Catalogue) announce(id string, instrument instruments.ID, o Opening) {
	for _, name := range namesOf(instruments.ColumnsOf(instrument)) {
		own, ok := ownChoice(instrument, name)
		if now := c.scoring[Name{id, name}]; ok && now.Algorithm != own.Algorithm {
			o.Log.Warn("another algorithm is current than that of the definitions: run lumbar rescore to switch",
				"programme", id, "instrument", string(instrument), "score", name, "current", now.Algorithm, "definition", own.Algorithm)
		}
	}
}

// containing returns the definitions whose responses have the score.
func containing(s *instruments.Score) []*instruments.Definition {
	return slices.DeleteFunc(instruments.All(), func(d *instruments.Definition) bool {
		return !slices.ContainsFunc(d.Scores, func(o *instruments.Score) bool { return sameScore(o, s) })
	})
}

// FindMissing sets Missing in the list.
func (c *Catalogue) FindMissing(ctx context.Context, conn driver.Conn, list []Current) error {
	complete, err := readScored(ctx, conn)
	if err != nil {
		return err
	}
	for i := range list {
		now := &list[i]
		for _, p := range c.Programmes {
			for _, s := range p.Scores {
				if p.ID == now.Programme && s.Name == now.Score && !s.Score.NeedsPerson {
					now.Missing = now.Missing || !complete[scoredKey{p.ID, s.Name, s.Algorithm, s.ValueSet}]
				}
			}
		}
	}
	return nil
}

func readScored(ctx context.Context, conn driver.Conn) (map[scoredKey]bool, error) {
	rows, err := conn.Query(ctx, "SELECT programme, score, algorithm, value_set, complete FROM scored FINAL")
	if err != nil {
		return nil, fmt.Errorf("schema: read table scored: %w", err)
	}
	defer rows.Close()
	found := map[scoredKey]bool{}
	for rows.Next() {
		var k scoredKey
		var complete uint8
		if err := rows.Scan(&k.programme, &k.score, &k.algorithm, &k.valueSet, &complete); err != nil {
			return nil, fmt.Errorf("schema: read table scored: %w", err)
		}
		found[k] = complete != 0
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("schema: read table scored: %w", err)
	}
	return found, nil
}

// storedInstruments looks into the responses only where something may be
// missing.
func storedInstruments(ctx context.Context, conn driver.Conn, complete map[scoredKey]bool, c *Catalogue) (asked, error) {
	found := asked{}
	all := true
	for _, p := range c.of {
		for _, id := range p.Instruments {
			for _, s := range scoresOf(id) {
				all = all && (s.NeedsPerson || complete[scoredKey{p.ID, s.Name, s.Algorithm, s.ValueSet}])
			}
		}
	}
	if all {
		return found, nil
	}
	rows, err := conn.Query(ctx, "SELECT DISTINCT programme, instrument FROM response")
	if err != nil {
		return nil, fmt.Errorf("schema: read the instruments of response: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var key [2]string
		if err := rows.Scan(&key[0], &key[1]); err != nil {
			return nil, fmt.Errorf("schema: read the instruments of response: %w", err)
		}
		found[key] = true
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("schema: read the instruments of response: %w", err)
	}
	return found, nil
}

func writeScored(ctx context.Context, conn driver.Conn, changes map[scoredKey]bool) error {
	if len(changes) == 0 {
		return nil
	}
	var last uint64
	if err := conn.QueryRow(ctx, "SELECT max(version) FROM scored").Scan(&last); err != nil {
		return fmt.Errorf("schema: read table scored: %w", err)
	}
	var rows []string
	var values []any
	for k, yes := range changes {
		complete := uint8(0)
		if yes {
			complete = 1
		}
		rows = append(rows, "(?, ?, ?, ?, ?, ?)")
		values = append(values, k.programme, k.score, k.algorithm, k.valueSet, last+1, complete)
	}
	err := conn.Exec(ctx, "INSERT INTO scored (programme, score, algorithm, value_set, version, complete) SETTINGS async_insert=0 VALUES "+strings.Join(rows, ", "), values...)
	if err != nil {
		return fmt.Errorf("schema: write table scored: %w", err)
	}
	return nil
}
