package console

import (
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/lumbar-health/lumbar/internal/browser"
)

// TestPagesHaveNoAccessibilityViolation runs axe-core's WCAG 2.2 A and AA rules
// on each kind of page, light and dark, wide and at 320 px.
func TestPagesHaveNoAccessibilityViolation(t *testing.T) {
	axe, err := os.ReadFile("assets/node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Fatalf("%v: run npm ci && npm run build in dashboards/console/assets", err)
	}
	desk, address := serve(t)
	tab := browser.New(t)
	check := func(name, page string) {
		t.Helper()
		for _, scheme := range []string{"light", "dark"} {
			if _, err := chromedp.Call(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
			}); err != nil {
				t.Fatal(err)
			}
			for _, width := range []int64{1280, 320} {
				if err := chromedp.Do(tab, chromedp.EmulateViewport(width, 800), chromedp.Navigate(address+page), chromedp.WaitVisible(chromedp.CSS("main"))); err != nil {
					t.Fatal(err)
				}
				evaluate[chromedp.Void](t, tab, string(axe))
				found, err := chromedp.Run(tab, chromedp.Evaluate[[]string](violations, chromedp.EvalAwaitPromise))
				if err != nil {
					t.Fatal(err)
				}
				if len(found) > 0 {
					t.Errorf("%s, %s, %d px:\n%s", name, scheme, width, strings.Join(found, "\n"))
				}
			}
		}
	}
	check("interventions", "/")
	check("procedures", "/?programme=beta&procedure=knee")
	check("not found", "/?programme=gamma")
	desk.SetVersion(0)
	check("empty", "/")
}

// violations runs axe and says for each rule broken where.
const violations = `axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}).then(function (r) {
	return r.violations.map(function (v) {
		return v.id + ': ' + v.help + ' at ' + v.nodes.map(function (n) { return n.target.join(' ') + ' ' + n.failureSummary }).join('; ')
	})
})`
