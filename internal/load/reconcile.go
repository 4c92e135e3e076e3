package load

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/lumbar-health/lumbar/record"
)

// Balance holds what was acknowledged against what is there.
type Balance struct {
	// Acknowledged and Found count answers; an answer is found where response,
	// score and outcome all have it as it was posted.
	Acknowledged, Found int
	// Doubled counts answers and episodes that one of the tables has twice.
	Doubled int
	// Missing names at most ten answers that are lost or changed, and where.
	Missing []string
	// Others counts rows of the world that were never acknowledged.
	Others int
	// Copies counts further copies of the very same row in response, which the
	// engine merges; they are no loss and counted nowhere.
	Copies int
}

// String is one line.
func (b Balance) String() string {
	return fmt.Sprintf("acknowledged %d, found %d, doubled %d", b.Acknowledged, b.Found, b.Doubled)
}

// Err is not nil where an answer is lost, changed or doubled.
func (b Balance) Err() error {
	if b.Found != b.Acknowledged || b.Doubled != 0 {
		return fmt.Errorf("load: %s: %s", b, strings.Join(b.Missing, "; "))
	}
	return nil
}

// Reconcile reads the rows of the ledger's world from the tables response,
// score, episode and outcome and compares them with it, one by one.
func (s *Store) Reconcile(ctx context.Context, l *Ledger) (Balance, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := counting{ledger: l, store: s, seen: map[uint64]int{}, twice: map[uint64]bool{}}
	for _, step := range []func(context.Context) error{c.responses, c.scores, c.episodes, c.outcome} {
		if err := step(ctx); err != nil {
			return Balance{}, err
		}
	}
	b := c.balance
	b.Acknowledged, b.Doubled = len(l.answers), b.Doubled+len(c.twice)
	for n := range l.answers {
		// An answer whose episode nobody sent has no outcome.
		want := inResponse | inScore
		if l.episodes[n/Slots] {
			want |= inOutcome
		}
		if missing := want &^ c.seen[n]; missing == 0 {
			b.Found++
		} else if len(b.Missing) < 10 {
			b.Missing = append(b.Missing, AnswerName(n)+" is not "+where(missing))
		}
	}
	return b, nil
}

// Where an answer was seen as it was posted.
const (
	inResponse = 1 << iota
	inScore
	inOutcome
)

func where(places int) string {
	var out []string
	for i, name := range []string{"in response", "in score", "in outcome"} {
		if places&(1<<i) != 0 {
			out = append(out, name)
		}
	}
	return strings.Join(out, ", ")
}

// counting is a reconciliation under way.
type counting struct {
	ledger  *Ledger
	store   *Store
	seen    map[uint64]int
	twice   map[uint64]bool
	balance Balance
}

func (c *counting) source() string { return quoted(c.ledger.World.System()) }

// responses: the row of each answer, of the right person and identifier, once.
func (c *counting) responses(ctx context.Context) error {
	w := c.ledger.World
	sql := `SELECT source_id, count(), toString(any(response_id)), toString(any(patient_id)), arraySum(x -> ifNull(x, 0), any(codes))
FROM response FINAL WHERE source = ` + c.source() + ` GROUP BY source_id`
	if err := c.store.rows(ctx, sql, func(cells []json.RawMessage) error {
		var name, id, patient string
		var rows, sum int
		if err := scan(cells, &name, &rows, &id, &patient, &sum); err != nil {
			return err
		}
		n, err := strconv.ParseUint(strings.TrimPrefix(name, "a"), 10, 64)
		if err != nil {
			return fmt.Errorf("load: response %q is none of the world's", name)
		}
		if !c.ledger.answers[n] {
			c.balance.Others++
		}
		if rows > 1 {
			c.twice[n] = true
		}
		if id == strconv.FormatUint(record.RowID(w.System(), name), 10) && patient == decimal(w.Patient(n/Slots)) && sum == w.sum(n) {
			c.seen[n] |= inResponse
		}
		return nil
	}); err != nil {
		return err
	}
	copies, err := c.store.Number(ctx, `SELECT count() - uniqExact(patient_id, response_id, version) FROM response WHERE source = `+c.source())
	c.balance.Copies = int(copies)
	return err
}

// scores: one score of each answer, with the points that its codes make.
func (c *counting) scores(ctx context.Context) error {
	sql := `SELECT source_id, score, count(), any(units), any(toString(status)) FROM score FINAL
INNER JOIN (SELECT patient_id, response_id, source_id FROM response FINAL WHERE source = ` + c.source() + `) AS r USING (patient_id, response_id)
GROUP BY source_id, score`
	return c.store.rows(ctx, sql, func(cells []json.RawMessage) error {
		var name, score, status string
		var rows int
		var units *int64
		if err := scan(cells, &name, &score, &rows, &units, &status); err != nil {
			return err
		}
		n, err := strconv.ParseUint(strings.TrimPrefix(name, "a"), 10, 64)
		if err != nil {
			return err
		}
		if score != slots[n%Slots].instrument {
			return nil
		}
		if rows > 1 {
			c.twice[n] = true
		}
		if units != nil && *units == c.ledger.World.Expected(n) && status == "complete" {
			c.seen[n] |= inScore
		}
		return nil
	})
}

// episodes: the row of each, once.
func (c *counting) episodes(ctx context.Context) error {
	found := map[string]bool{}
	sql := `SELECT source_id, count() FROM episode FINAL WHERE source = ` + c.source() + ` GROUP BY source_id`
	if err := c.store.rows(ctx, sql, func(cells []json.RawMessage) error {
		var name string
		var rows int
		if err := scan(cells, &name, &rows); err != nil {
			return err
		}
		if found[name] = true; rows > 1 {
			c.balance.Doubled++
		}
		return nil
	}); err != nil {
		return err
	}
	for person := range c.ledger.episodes {
		if name := EpisodeName(person); !found[name] {
			return fmt.Errorf("load: acknowledged episode %s is not in table episode", name)
		}
	}
	return nil
}

// outcome: one row of each episode, with every answer in its place.
func (c *counting) outcome(ctx context.Context) error {
	var columns []string
	for i := range Slots {
		columns = append(columns, Column(i))
	}
	sql := `SELECT source_id, count(), ` + anyOf(columns) + ` FROM (SELECT * FROM outcome FINAL WHERE live = 1) AS o
INNER JOIN (SELECT patient_id, episode_id, source_id FROM episode FINAL WHERE source = ` + c.source() + `) AS e USING (patient_id, episode_id) GROUP BY source_id`
	return c.store.rows(ctx, sql, func(cells []json.RawMessage) error {
		var name string
		var rows int
		values := make([]*int64, Slots)
		into := []any{&name, &rows}
		for i := range values {
			into = append(into, &values[i])
		}
		if err := scan(cells, into...); err != nil {
			return err
		}
		person, err := strconv.ParseUint(strings.TrimPrefix(name, "e"), 10, 64)
		if err != nil {
			return err
		}
		if rows > 1 {
			c.balance.Doubled++
		}
		for i, v := range values {
			if n := person*Slots + uint64(i); v != nil && *v == c.ledger.World.Expected(n) {
				c.seen[n] |= inOutcome
			}
		}
		return nil
	})
}

func anyOf(columns []string) string {
	return "any(" + strings.Join(columns, "), any(") + ")"
}

func scan(cells []json.RawMessage, into ...any) error {
	if len(cells) != len(into) {
		return fmt.Errorf("load: the engine gave %d columns, want %d", len(cells), len(into))
	}
	for i, v := range into {
		if err := json.Unmarshal(cells[i], v); err != nil {
			return fmt.Errorf("load: column %d of the engine's answer: %w", i+1, err)
		}
	}
	return nil
}
