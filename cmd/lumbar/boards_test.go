package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/knadh/koanf/v2"
	promapi "github.com/prometheus/client_golang/api"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/lumbar-health/lumbar/dashboards/grafana"
	"github.com/lumbar-health/lumbar/internal/browser"
	"github.com/lumbar-health/lumbar/simulate"
	"github.com/lumbar-health/lumbar/web"
)

// openTestHouse opens a house on a new data directory, as serve does.
func openTestHouse(t testing.TB) *house {
	t.Helper()
	k := koanf.New(".")
	for key, value := range settings {
		if err := k.Set(key, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.Set("data", t.TempDir()); err != nil {
		t.Fatal(err)
	}
	h, err := takeHouse(t.Context(), k, "test", slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// serveOpen serves all faces of a house to everybody, as demo does.
func serveOpen(t testing.TB, h *house) *httptest.Server {
	t.Helper()
	f, err := h.faces(func(*http.Request) (web.Identity, bool) { return web.Identity{Name: "test"}, true }, "")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(f.router)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// get reads an answer from the API.
func get(t *testing.T, url string) answer {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(res.Body)
		t.Fatalf("GET %s: %s\n%s", url, res.Status, body)
	}
	var a answer
	if err := json.NewDecoder(res.Body).Decode(&a); err != nil {
		t.Fatal(err)
	}
	return a
}

// TestBoardAndPageShowTheAPIsNumbers runs every query of the committed board
// through Prometheus's own client, and looks at the page in a real browser.
func TestBoardAndPageShowTheAPIsNumbers(t *testing.T) {
	h := openTestHouse(t)
	if err := h.fill(t.Context(), simulate.Options{Patients: 6000, Seed: 7, Live: true}, io.Discard); err != nil {
		t.Fatal(err)
	}
	server := serveOpen(t, h)
	t.Run("board", func(t *testing.T) { checkBoard(t, server.URL) })
	t.Run("page", func(t *testing.T) { checkPage(t, server.URL) })
	t.Run("follows", func(t *testing.T) { checkFollows(t, h, server.URL) })
}

// boardChoice is what a person has chosen in the board's variables.
var boardChoice = map[string]string{"programme": "back-pain", "instrument": "odi", "procedure": "", "intervention": "cppp"}

func checkBoard(t *testing.T, address string) {
	client, err := promapi.NewClient(promapi.Config{Address: address + grafana.BasePath})
	if err != nil {
		t.Fatal(err)
	}
	prometheus := promv1.NewAPI(client)
	outcomes := get(t, address+"/v1/outcomes?programme=back-pain&instrument=odi")
	funnel := get(t, address+"/v1/funnel?programme=back-pain&instrument=odi&by=provider")
	checked := 0
	for _, board := range grafana.Boards() {
		questions, err := grafana.Targets(board, boardChoice)
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range questions {
			value, _, _, err := prometheus.Query(t.Context(), q.Expr, time.Now())
			if err != nil {
				t.Fatalf("panel %q: %s: %v", q.Panel, q.Expr, err)
			}
			vector := value.(model.Vector)
			if len(vector) == 0 {
				t.Errorf("panel %q: %s has no series", q.Panel, q.Expr)
			}
			checked += compareSeries(t, q, vector, outcomes, funnel)
		}
		out, err := exec.CommandContext(t.Context(), "promtool", "query", "instant", address+grafana.BasePath, questions[0].Expr).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "=>") {
			t.Errorf("promtool query instant %s: %v\n%s", questions[0].Expr, err, out)
		}
		lookups, err := grafana.Lookups(board, boardChoice)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range lookups {
			values, _, _, err := prometheus.LabelValues(t.Context(), l.Label, []string{l.Match}, time.Now().Add(-time.Hour), time.Now())
			if err != nil {
				t.Fatalf("variable %s: %v", l.Variable, err)
			}
			if len(values) == 0 && l.Variable != "procedure" { // of which this programme has none
				t.Errorf("variable %s: label_values(%s, %s) is empty", l.Variable, l.Match, l.Label)
			}
		}
	}
	if checked < 50 {
		t.Errorf("compared %d samples with the API, want 50 and more", checked)
	}
}

// compareSeries holds the samples of outcomes' and funnel's metrics against the
// API's rows, and counts them.
func compareSeries(t *testing.T, q grafana.Question, vector model.Vector, outcomes, funnel answer) int {
	t.Helper()
	columns := map[string]string{
		"lumbar_eligible": "n_eligible", "lumbar_patients": "n_modelled", "lumbar_gain_mean": "mean_gain", "lumbar_responder_ratio": "responder_ratio",
		"lumbar_funnel_patients": "n", "lumbar_funnel_value": "value", "lumbar_funnel_target": "target",
		"lumbar_funnel_lower_95": "lower_95", "lumbar_funnel_upper_95": "upper_95", "lumbar_funnel_lower_998": "lower_998", "lumbar_funnel_upper_998": "upper_998",
	}
	n := 0
	for _, s := range vector {
		column, ok := columns[string(s.Metric["__name__"])]
		if !ok {
			continue
		}
		rows := outcomes.Rows
		if strings.HasPrefix(string(s.Metric["__name__"]), "lumbar_funnel") {
			rows = funnel.Rows
		}
		for _, r := range rows {
			if r.text("provider") != string(s.Metric["provider"]) {
				continue
			}
			n++
			if want, ok := r[column].(float64); !ok || math.Abs(want-float64(s.Value)) > 1e-12 {
				t.Errorf("panel %q: %s = %v, /v1 says %v", q.Panel, s.Metric, s.Value, r[column])
			}
		}
	}
	return n
}

// checkPage holds the built-in page's plot and table against /v1/funnel.
func checkPage(t *testing.T, address string) {
	funnel := get(t, address+"/v1/funnel?programme=back-pain&instrument=odi&by=provider")
	tab := browser.New(t)
	if err := chromedp.Do(tab, chromedp.Navigate(address+"/"), chromedp.WaitVisible(chromedp.CSS("#funnel-table"))); err != nil {
		t.Fatal(err)
	}
	marks := inPage[[]string](t, tab, `[...document.querySelector('#funnel-table').closest('section').querySelectorAll('svg .mark[data-id]')].map(m => m.dataset.id)`)
	cells := inPage[[][]string](t, tab, `[...document.querySelectorAll('#funnel-table tbody tr')].map(r => [...r.children].map(c => c.textContent.trim()))`)
	plotted := map[string]bool{}
	for _, m := range marks {
		plotted[m] = true
	}
	if len(plotted) != len(marks) {
		t.Errorf("%d marks for %d providers", len(marks), len(plotted))
	}
	if len(cells) != len(funnel.Rows) {
		t.Fatalf("the table has %d rows, /v1/funnel %d", len(cells), len(funnel.Rows))
	}
	for i, r := range funnel.Rows {
		if got := cells[i][0]; got != r.text("provider") {
			t.Errorf("row %d is of %q, /v1/funnel says %q", i, got, r.text("provider"))
		}
		if _, ok := r["value"].(float64); ok != plotted[r.text("provider")] {
			t.Errorf("provider %s: value %v, plotted %v", r.text("provider"), r["value"], plotted[r.text("provider")])
		}
		for place, column := range map[int]string{1: "n", 2: "value"} {
			if want := shownNumber(r, column); strings.ReplaceAll(cells[i][place], ",", "") != want {
				t.Errorf("provider %s: %s shown as %q, want %q", r.text("provider"), column, cells[i][place], want)
			}
		}
	}
	if len(marks) < 20 {
		t.Errorf("the funnel has %d marks, want at least 20 providers", len(marks))
	}
}

// shownNumber is how the page writes a value: * where it is withheld, a dash
// where there is none.
func shownNumber(r row, column string) string {
	v, ok := r[column].(float64)
	if ok && column == "n" {
		return fmt.Sprintf("%.0f", v)
	}
	if ok {
		return strings.Replace(fmt.Sprintf("%.1f", v), "-", "−", 1)
	}
	list, _ := r["suppressed"].([]any)
	for _, name := range list {
		if name == column {
			return "*"
		}
	}
	return "–"
}

// checkFollows holds that an answer that lands moves the open page.
func checkFollows(t *testing.T, h *house, address string) {
	before, err := h.desk.DataVersion(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	generator, err := simulate.New(simulate.Options{Patients: 6000, Seed: 7, Live: true})
	if err != nil {
		t.Fatal(err)
	}
	tab := browser.New(t)
	if err := chromedp.Do(tab, chromedp.Navigate(address+"/"), chromedp.WaitVisible(chromedp.CSS(madeOf(before)))); err != nil {
		t.Fatalf("the page does not name data version %d: %v", before, err)
	}
	for row := range generator.Trickle() {
		if got := sent(t, http.MethodPost, address+"/v1/responses", row, mediaJSON); got.status != http.StatusOK {
			t.Fatalf("POST: %d %s", got.status, got.body)
		}
		break
	}
	after, err := h.desk.DataVersion(t.Context())
	if err != nil || after <= before {
		t.Fatalf("data version after an answer: %d, %v; before: %d", after, err, before)
	}
	if err := chromedp.Do(tab, chromedp.WaitVisible(chromedp.CSS(madeOf(after)))); err != nil {
		t.Errorf("the open page did not follow to data version %d: %v", after, err)
	}
}

// madeOf selects the page's note of the data version it shows.
func madeOf(version uint64) string { return fmt.Sprintf(`#made[data-version="%d"]`, version) }

// inPage evaluates a script in the page.
func inPage[T any](t *testing.T, tab context.Context, script string) T {
	t.Helper()
	v, err := chromedp.Run(tab, chromedp.Evaluate[T](script))
	if err != nil {
		t.Fatal(err)
	}
	return v
}
