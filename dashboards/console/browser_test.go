package console

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/lumbar-health/lumbar/internal/browser"
)

// TestPageInABrowser looks at the page as a person does: one mark a provider
// that can be drawn, a table beside it, nothing that the policy refuses,
// nothing asked of another host, no overflow on a narrow screen, and new
// answers without loading the page again.
func TestPageInABrowser(t *testing.T) {
	desk, address := serve(t)
	tab := browser.New(t)
	complaints, hosts := watch(t, tab)
	if err := chromedp.Do(tab, chromedp.Navigate(address+"/"), chromedp.WaitVisible(chromedp.CSS("#funnel-table"))); err != nil {
		t.Fatal(err)
	}
	for script, want := range map[string]int{
		`document.querySelectorAll('.plot-funnel .mark').length`:                                 6, // one withheld, one too small
		`document.querySelectorAll('#funnel-table tbody tr').length`:                             8,
		`document.querySelectorAll('.plot-forest .mark').length`:                                 7, // one withheld
		`document.querySelectorAll('#compare-table tbody tr').length`:                            8,
		`Math.round(document.querySelector('.plot-funnel').getBoundingClientRect().width / 100)`: 10,
	} {
		if got := evaluate[int](t, tab, script); got != want {
			t.Errorf("%s = %d, want %d", script, got, want)
		}
	}
	shoot(t, tab, "light.png")

	desk.SetVersion(2)
	if err := chromedp.Do(tab, chromedp.WaitVisible(chromedp.CSS(`#made[data-version="2"]`))); err != nil {
		t.Errorf("the page does not follow the data: %v", err)
	}
	if err := chromedp.Do(tab, chromedp.Click(chromedp.CSS("#live-pause"))); err != nil {
		t.Fatal(err)
	}
	if words := evaluate[string](t, tab, `document.getElementById('live-words').textContent`); words != "Updates are paused." {
		t.Errorf("after a click on pause the page says %q", words)
	}

	if _, err := chromedp.Call(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}},
	}); err != nil {
		t.Fatal(err)
	}
	shoot(t, tab, "dark.png")
	if err := chromedp.Do(tab, chromedp.EmulateViewport(320, 800)); err != nil {
		t.Fatal(err)
	}
	if width := evaluate[int](t, tab, `document.documentElement.scrollWidth`); width > 320 {
		t.Errorf("at 320 px the page is %d px wide", width)
	}
	shoot(t, tab, "narrow.png")
	if found := complaints(); len(found) > 0 {
		t.Errorf("the browser complains: %q", found)
	}
	for _, host := range hosts() {
		if !strings.HasPrefix(host, address+"/") && !strings.HasPrefix(host, "data:") {
			t.Errorf("the page asks for %s", host)
		}
	}
}

func evaluate[T any](t *testing.T, tab context.Context, script string) T {
	t.Helper()
	v, err := chromedp.Run(tab, chromedp.Evaluate[T](script))
	if err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	return v
}

// watch collects what the browser complains of, and every address it asks for.
func watch(t *testing.T, tab context.Context) (complaints, asked func() []string) {
	t.Helper()
	var mu sync.Mutex
	var said, urls []string
	if err := chromedp.Listen(tab, func(event any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := event.(type) {
		case *log.EventEntryAdded:
			said = append(said, fmt.Sprintf("%s: %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL))
		case *network.EventRequestWillBeSent:
			urls = append(urls, e.Request.URL)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(tab, log.Enable, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(tab, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	list := func(of *[]string) func() []string {
		return func() []string {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(*of)
		}
	}
	return list(&said), list(&urls)
}

// shoot keeps a picture of the page where LUMBAR_SCREENSHOTS names a folder.
func shoot(t *testing.T, tab context.Context, name string) {
	t.Helper()
	dir := os.Getenv("LUMBAR_SCREENSHOTS")
	if dir == "" {
		return
	}
	picture, err := chromedp.Run(tab, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), picture, 0o644); err != nil {
		t.Fatal(err)
	}
}
