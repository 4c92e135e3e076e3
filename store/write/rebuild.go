package write

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/lumbar-health/lumbar/store/schema"
)

// ErrDiffers says that outcome is not what a rebuild from the facts gives.
var ErrDiffers = errors.New("outcome differs from a rebuild")

// Difference is one cell of outcome that a rebuild would change. Column is
// empty where one of the two has no row for the episode.
type Difference struct {
	EpisodeID uint64
	Column    string
}

// Rebuild derives all of outcome from the facts into a second table and puts
// it in the first one's place: readers see the old outcome, then the new one,
// and nothing of the old one stays, whatever it held.
func (w *Writer) Rebuild(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.settle(ctx); err != nil {
		return err
	}
	return w.rebuild(ctx)
}

func (w *Writer) rebuild(ctx context.Context) error {
	run := func(statement string) error {
		if err := w.conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("store: rebuild outcome: %w", err)
		}
		return nil
	}
	if err := errors.Join(run("DROP TABLE IF EXISTS "+rebuilt), run("CREATE TABLE "+rebuilt+" AS outcome")); err != nil {
		return err
	}
	if err := w.deriveAll(ctx, w.derivation, rebuilt, false); err != nil {
		return err
	}
	if err := run("EXCHANGE TABLES outcome AND " + rebuilt); err != nil {
		return err
	}
	if err := run("DROP TABLE " + rebuilt); err != nil {
		return err
	}
	w.number++
	return w.commit(ctx, w.number, 0)
}

// RebuildCheck compares outcome with a rebuild and changes nothing. Where they
// differ it returns the number of cells and an error that wraps ErrDiffers and
// names the columns.
func (w *Writer) RebuildCheck(ctx context.Context) (differences int, err error) {
	found, err := w.Differences(ctx)
	if err != nil || len(found) == 0 {
		return 0, err
	}
	byColumn := map[string]int{}
	for _, d := range found {
		if d.Column == "" {
			d.Column = "whole rows"
		}
		byColumn[d.Column]++
	}
	named := make([]string, 0, len(byColumn))
	for column, n := range byColumn {
		named = append(named, column+" "+strconv.Itoa(n))
	}
	slices.Sort(named)
	return len(found), fmt.Errorf("store: %w in %d cells (%s): rebuild it", ErrDiffers, len(found), strings.Join(named, ", "))
}

// Differences returns every cell of outcome that a rebuild would change.
func (w *Writer) Differences(ctx context.Context) ([]Difference, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.settle(ctx); err != nil {
		return nil, err
	}
	scopes, err := w.slices(ctx)
	if err != nil {
		return nil, err
	}
	d := w.derivation
	rescored, err := w.between(ctx)
	if err != nil {
		return nil, err
	}
	if rescored {
		// The rows of an unfinished re-score count in a version, and change nothing
		// else before they are current.
		d.columns = slices.DeleteFunc(slices.Clone(d.columns), func(name string) bool { return name == "version" })
	}
	var found []Difference
	err = w.inSession(ctx, func(c session) error {
		for _, s := range scopes {
			if err := c.snapshot(ctx, d, s); err != nil {
				return err
			}
			some, err := c.compare(ctx, d, s)
			if err != nil {
				return fmt.Errorf("store: compare outcome with a rebuild: %w", err)
			}
			found = append(found, some...)
		}
		return c.release(ctx)
	})
	return found, err
}

// compare returns the differences among the snapshot's patients, a programme at
// a time: of those that the snapshot or their outcome has.
func (c session) compare(ctx context.Context, d derivation, s scope) ([]Difference, error) {
	programmes, err := c.programmes(ctx)
	if err != nil {
		return nil, err
	}
	var stored []string
	row := c.conn.QueryRowContext(checking(ctx), "SELECT groupUniqArray(toString(programme)) FROM outcome FINAL PREWHERE "+s.condition+" WHERE live = 1")
	if err := row.Scan(&stored); err != nil {
		return nil, err
	}
	programmes = append(programmes, stored...)
	var found []Difference
	for _, p := range d.branches {
		if !p.within(programmes) {
			continue
		}
		var n uint64
		if err := c.conn.QueryRowContext(checking(ctx), "SELECT count()"+d.differing(p, s.condition, nil)).Scan(&n); err != nil {
			return nil, err
		}
		if n == 0 {
			continue
		}
		some, err := c.differences(ctx, d, p, s)
		if err != nil {
			return nil, err
		}
		found = append(found, some...)
	}
	return found, nil
}

// differences names the cells that differ among the branch's episodes.
func (c session) differences(ctx context.Context, d derivation, p branch, s scope) ([]Difference, error) {
	rows, err := c.conn.QueryContext(checking(ctx), d.comparison(p, s.condition))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []Difference
	for rows.Next() {
		var episode uint64
		var columns []string
		if err := rows.Scan(&episode, &columns); err != nil {
			return nil, err
		}
		for _, column := range columns {
			found = append(found, Difference{EpisodeID: episode, Column: column})
		}
	}
	return found, rows.Err()
}

// comparison is the statement that names the columns in which derived and stored
// rows differ. A row missing on either side is one difference, of no column.
func (d derivation) comparison(p branch, filter string) string {
	values := d.columns[2:] // beside the key
	side := func(of string) string {
		texts := make([]string, len(values))
		for i, name := range values {
			texts[i] = "toString(tuple(" + of + "." + name + "))"
		}
		return "[" + strings.Join(texts, ", ") + "]"
	}
	labels := make([]string, len(values))
	for i, name := range values {
		labels[i] = schema.Literal(strings.Trim(name, "`"))
	}
	return `SELECT coalesce(d.episode_id, o.episode_id) AS episode,
  if(d.fingerprint IS NULL OR o.fingerprint IS NULL, [''],
    arrayFilter((name, derived, stored) -> derived != stored, [` + strings.Join(labels, ", ") + `], ` + side("d") + `, ` + side("o") + `)) AS differing` +
		d.differing(p, filter, values) + "\nORDER BY episode"
}

// differing joins the derived rows of a branch with the stored ones that differ
// in any column: those that the branch's programme does not have must be
// missing. The rows carry the columns named. A tuple is hashed because the hash
// of several values of which one is NULL is NULL.
func (d derivation) differing(p branch, filter string, carried []string) string {
	hash := "sipHash64(toString(tuple(" + strings.Join(d.columns[2:], ", ") + "))) AS fingerprint"
	row := strings.Join(append([]string{"patient_id", "episode_id"}, carried...), ", ") + ", " + hash
	return `
FROM (SELECT ` + row + ` FROM (` + d.rows(p, p.cells(), d.catalogue.Columns()) + `) WHERE live = 1) AS d
FULL JOIN (SELECT ` + row + ` FROM (SELECT * FROM outcome FINAL PREWHERE ` + filter + ` WHERE live = 1 AND ` + p.of("programme") + `)) AS o
  ON d.patient_id = o.patient_id AND d.episode_id = o.episode_id
WHERE NOT (d.fingerprint IS NOT DISTINCT FROM o.fingerprint)`
}
