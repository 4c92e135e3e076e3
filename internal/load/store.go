package load

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/lumbar-health/lumbar/store/engine"
)

// Store reads what the engine of a data directory holds, past the program.
type Store struct{ info engine.OwnerInfo }

// StoreOf finds the engine of a data directory whose owner runs.
func StoreOf(ctx context.Context, dir string) (*Store, error) {
	a, err := engine.Attach(ctx, dir)
	if err != nil {
		return nil, err
	}
	return &Store{a.Owner}, a.Close()
}

// StoreAt is the engine at an address that somebody else knows.
func StoreAt(info engine.OwnerInfo) *Store { return &Store{info} }

// rows asks the engine and calls each for every row, which is an array.
func (s *Store) rows(ctx context.Context, sql string, each func(cells []json.RawMessage) error) error {
	u := url.URL{Scheme: "http", Host: s.info.HTTPAddr, Path: "/", RawQuery: url.Values{
		"database": {s.info.Database}, "default_format": {"JSONCompactEachRow"}, "wait_end_of_query": {"1"},
		"output_format_json_quote_64bit_integers": {"0"},
	}.Encode()}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), strings.NewReader(sql))
	if err != nil {
		return err
	}
	req.SetBasicAuth(s.info.User, s.info.Password)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("load: ask the engine: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 500))
		return fmt.Errorf("load: ask the engine: %s: %s", res.Status, text)
	}
	for dec := json.NewDecoder(res.Body); ; {
		var cells []json.RawMessage
		if err := dec.Decode(&cells); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("load: read the engine's answer: %w", err)
		}
		if err := each(cells); err != nil {
			return err
		}
	}
}

// Number asks for one number.
func (s *Store) Number(ctx context.Context, sql string) (n float64, err error) {
	err = s.rows(ctx, sql, func(cells []json.RawMessage) error { return json.Unmarshal(cells[0], &n) })
	return n, err
}

// Do has the engine execute a statement that returns nothing.
func (s *Store) Do(ctx context.Context, sql string) error {
	return s.rows(ctx, sql, func([]json.RawMessage) error { return nil })
}

// quoted is a text constant of SQL.
func quoted(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}
