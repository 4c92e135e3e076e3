package main

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/prometheus/prometheus/promql/parser"
)

// alertRules are the rules as an operator's Prometheus reads them.
type alertRules struct {
	Groups []struct {
		Rules []struct {
			Alert, Expr string
			Annotations map[string]string
		}
	}
}

func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

// TestAlertRules holds that Prometheus takes the rules, that each fires and stays
// quiet where it should, and has a paragraph that says what to do.
func TestAlertRules(t *testing.T) {
	folder := filepath.Join(repository, "docs", "operations", "alerts")
	for _, args := range [][]string{{"check", "rules", "lumbar.rules.yaml"}, {"test", "rules", "lumbar.rules.test.yaml"}} {
		cmd := exec.CommandContext(t.Context(), "promtool", args...)
		cmd.Dir = folder
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
	var rules alertRules
	readYAML(t, filepath.Join(folder, "lumbar.rules.yaml"), &rules)
	var tests struct {
		Tests []struct {
			Alerts []struct {
				Alertname string
				Expected  []any `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	readYAML(t, filepath.Join(folder, "lumbar.rules.test.yaml"), &tests)
	fires, quiet := map[string]bool{}, map[string]bool{}
	for _, one := range tests.Tests {
		for _, a := range one.Alerts {
			fires[a.Alertname] = fires[a.Alertname] || len(a.Expected) > 0
			quiet[a.Alertname] = quiet[a.Alertname] || len(a.Expected) == 0
		}
	}
	text, err := os.ReadFile(filepath.Join(folder, "..", "alerts.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			if !fires[r.Alert] || !quiet[r.Alert] {
				t.Errorf("%s is not tested to fire and to stay quiet", r.Alert)
			}
			file, heading, _ := strings.Cut(r.Annotations["runbook"], "#")
			if file != "docs/operations/alerts.md" || !strings.Contains(strings.ToLower(string(text)), "\n## "+heading+"\n") || !strings.Contains(string(text), r.Alert) {
				t.Errorf("%s: docs/operations/alerts.md does not say what to do", r.Alert)
			}
		}
	}
}

// TestAlertsNameRealMetrics holds that the product exposes every metric that a
// rule asks for, with the labels that it asks by, before anything has happened.
func TestAlertsNameRealMetrics(t *testing.T) {
	h := openTestHouse(t)
	server, _ := faceOf(t, h, true)
	exposed := string(sent(t, http.MethodGet, server.URL+"/metrics", nil, "").body)
	names := map[string][]string{}
	for line := range strings.SplitSeq(exposed, "\n") {
		if name, _, found := strings.Cut(line, " "); found && !strings.HasPrefix(line, "#") {
			name, labels, _ := strings.Cut(name, "{")
			names[name] = append(names[name], labels)
		}
	}
	var rules alertRules
	readYAML(t, filepath.Join(repository, "docs", "operations", "alerts", "lumbar.rules.yaml"), &rules)
	asked := 0
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			expr, err := parser.ParseExpr(r.Expr)
			if err != nil {
				t.Fatalf("%s: %v", r.Alert, err)
			}
			parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
				v, ok := n.(*parser.VectorSelector)
				if !ok {
					return nil
				}
				asked++
				series, ok := names[v.Name]
				if !ok {
					t.Errorf("%s asks for %s, which is not exposed", r.Alert, v.Name)
				}
				for _, m := range v.LabelMatchers {
					if m.Name != "__name__" && !slices.ContainsFunc(series, func(labels string) bool { return strings.Contains(labels, m.Name+`="`) }) {
						t.Errorf("%s asks for %s by %s, which it does not have", r.Alert, v.Name, m.Name)
					}
				}
				return nil
			})
		}
	}
	if asked < 16 {
		t.Errorf("%d metrics are asked for", asked)
	}
}
