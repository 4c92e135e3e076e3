//go:build shared

package methods

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/lumbar-health/lumbar/analytics/design"
)

// TestGoldenAnswersFitTheirSchemas runs every golden case and holds its answer,
// and the roles and params it was asked with, against the schemas that --list
// prints.
func TestGoldenAnswersFitTheirSchemas(t *testing.T) {
	dir := filepath.Join(sharedDir(t), "golden")
	paths, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	described := map[string]Description{}
	for _, d := range List() {
		described[d.Method] = d
	}
	seen := map[string]bool{}
	for _, path := range paths {
		s, err := readSuite(path)
		if err != nil {
			t.Fatal(err)
		}
		tables := map[string]*design.Table{}
		for _, c := range s.Cases {
			d, ok := described[c.Method]
			if !ok || seen[c.Method] {
				continue
			}
			req, err := s.request(c, dir, tables)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := Run(c.Method, req)
			if err != nil {
				t.Errorf("%s: %v", c.ID, err)
				continue
			}
			seen[c.Method] = true
			for what, pair := range map[string][2]any{"answer": {d.Answer, answer}, "roles": {d.Roles, req.Roles}, "params": {d.Params, req.Params}} {
				raw, err := json.Marshal(pair[1])
				if err != nil {
					t.Fatal(err)
				}
				validate(t, c.ID+" "+what, pair[0].(Schema), raw)
			}
		}
	}
}
