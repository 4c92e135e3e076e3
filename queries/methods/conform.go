package methods

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"strings"
	"time"

	"github.com/lumbar-health/lumbar/analytics/design"
)

// caseLimit is how long one case may take.
const caseLimit = 60 * time.Second

// suite is one file of golden cases.
type suite struct {
	Datasets map[string]struct {
		File   string           `json:"file"`
		Levels map[string][]any `json:"factor_levels"`
	} `json:"datasets"`
	Cases []goldenCase `json:"cases"`
}

// goldenCase is a request with the answer that it must have.
type goldenCase struct {
	ID       string         `json:"id"`
	Method   string         `json:"method"`
	Data     *string        `json:"data"`
	Filter   Filter         `json:"filter"`
	Roles    map[string]any `json:"roles"`
	Params   map[string]any `json:"params"`
	Expected map[string]any `json:"expected"`
	Tol      struct {
		Rel float64 `json:"rel"`
		Abs float64 `json:"abs"`
	} `json:"tol"`
	Informative bool `json:"informative"`
}

// outcome is what became of a case.
type outcome int

const (
	passed outcome = iota
	failed
	unsupported
)

// Conform runs every case of dir/*.json that has cases through Run and compares
// each key of expected with the answer. errw gets a line for every case that
// did not pass, with its id; out ends with `N passed, M failed, K unsupported`.
// The error is one of reading the folder; failed cases are not an error.
func Conform(dir string, out, errw io.Writer) (nPassed, nFailed, nUnsupported int, err error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return 0, 0, 0, err
	}
	if _, err := os.Stat(dir); err != nil {
		return 0, 0, 0, err
	}
	sort.Strings(paths)
	var counts [3]int
	for _, path := range paths {
		s, err := readSuite(path)
		if err != nil {
			return 0, 0, 0, err
		}
		tables := map[string]*design.Table{}
		for _, c := range s.Cases {
			result, why := s.run(c, dir, tables)
			counts[result]++
			switch result {
			case failed:
				fmt.Fprintf(errw, "failed      %s (%s): %s\n", c.ID, c.Method, why)
			case unsupported:
				fmt.Fprintf(errw, "unsupported %s (%s): %s\n", c.ID, c.Method, why)
			}
		}
	}
	_, err = fmt.Fprintf(out, "%d passed, %d failed, %d unsupported\n", counts[passed], counts[failed], counts[unsupported])
	return counts[passed], counts[failed], counts[unsupported], err
}

// readSuite reads a file; one that holds no cases gives an empty suite.
func readSuite(path string) (suite, error) {
	var s suite
	raw, err := os.ReadFile(path)
	if err != nil {
		return s, err
	}
	var probe struct {
		Cases json.RawMessage `json:"cases"`
	}
	if err := json.Unmarshal(raw, &probe); err != nil {
		if raw[0] == '[' {
			return s, nil
		}
		return s, fmt.Errorf("conform: %s: %w", filepath.Base(path), err)
	}
	if probe.Cases == nil {
		return s, nil
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return s, fmt.Errorf("conform: %s: %w", filepath.Base(path), err)
	}
	return s, nil
}

// run runs one case and compares its answer.
func (s suite) run(c goldenCase, dir string, tables map[string]*design.Table) (outcome, string) {
	if _, ok := Find(c.Method); !ok {
		return unsupported, "no such method"
	}
	req, err := s.request(c, dir, tables)
	var answer Answer
	if err == nil {
		answer, err = runLimited(c.Method, req, caseLimit)
	}
	why := ""
	if err != nil {
		why = err.Error()
	} else {
		why = c.compare(answer)
	}
	switch {
	case why == "":
		return passed, ""
	case c.Informative:
		return unsupported, "informative: " + why
	}
	return failed, why
}

// request makes the request of a case; inputs among the expected keys become
// params, roles that are not column names are ignored.
func (s suite) request(c goldenCase, dir string, tables map[string]*design.Table) (Request, error) {
	req := Request{Roles: map[string]string{}, Params: map[string]any{}}
	for k, v := range c.Params {
		req.Params[k] = v
	}
	for k, v := range c.Expected {
		if strings.HasPrefix(k, "input_") {
			req.Params[k] = v
		}
	}
	for role, v := range c.Roles {
		if name, ok := v.(string); ok {
			req.Roles[role] = name
		}
	}
	if c.Data == nil {
		return req, nil
	}
	t, err := s.table(*c.Data, dir, tables)
	if err != nil {
		return req, err
	}
	req.Table, err = c.Filter.Apply(t)
	return req, err
}

// table reads a data set once.
func (s suite) table(name, dir string, tables map[string]*design.Table) (*design.Table, error) {
	if t, ok := tables[name]; ok {
		return t, nil
	}
	set, ok := s.Datasets[name]
	if !ok {
		return nil, fmt.Errorf("data set %q is not described: %w", name, ErrRequest)
	}
	if set.File == "" {
		set.File = name
	}
	if !filepath.IsLocal(set.File) {
		return nil, fmt.Errorf("data set %q lies outside the folder: %w", name, ErrRequest)
	}
	t, err := ReadTable(filepath.Join(dir, set.File), texts(set.Levels))
	if err != nil {
		return nil, err
	}
	tables[name] = t
	return t, nil
}

// runLimited is Run with a limit on its time; a panic is an error. A method that
// overruns keeps its goroutine until it ends.
func runLimited(method string, req Request, limit time.Duration) (Answer, error) {
	type result struct {
		answer Answer
		err    error
	}
	done := make(chan result, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				_, file, line, _ := runtime.Caller(3)
				done <- result{err: fmt.Errorf("panic: %v near %s:%d", p, filepath.Base(file), line)}
			}
		}()
		a, err := Run(method, req)
		done <- result{a, err}
	}()
	select {
	case r := <-done:
		return r.answer, r.err
	case <-time.After(limit):
		return nil, fmt.Errorf("more than %v", limit)
	}
}
