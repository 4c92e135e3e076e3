// Package browser starts Debian's Chromium without a window for tests that
// look at pages the way people do.
//
// It is for tests only and never skips: a machine without Chromium fails the
// test with what to install.
package browser

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// patience bounds a whole browser test, so that a page that never comes fails
// it instead of the test run.
const patience = 2 * time.Minute

// New starts a browser with a profile of its own and returns the context of
// its first tab, 1,280 × 900. Browser and profile are gone at the test's end.
func New(t testing.TB, more ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Fatal("no chromium on PATH: apt-get install chromium")
	}
	profile, err := os.MkdirTemp("", "lumbar-browser-")
	if err != nil {
		t.Fatal(err)
	}
	options := append([]chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.UserDataDir(profile), chromedp.WindowSize(1280, 900),
		chromedp.Flag("headless", true), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("hide-scrollbars", true),
		// Whatever the page asks of another host fails at once.
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"),
		chromedp.WSURLReadTimeout(time.Minute),
	}, more...)
	limited, cancelTime := context.WithTimeout(context.Background(), patience)
	allocated, cancelAllocator := chromedp.NewExecAllocator(limited, options...)
	tab, cancelTab := chromedp.NewContext(allocated)
	t.Cleanup(func() {
		// Cancel asks the browser to close, so that it has left its profile.
		_ = chromedp.Cancel(tab)
		cancelTab()
		cancelAllocator()
		cancelTime()
		_ = os.RemoveAll(profile)
	})
	if err := chromedp.Do(tab); err != nil {
		t.Fatalf("the browser does not start: %v", err)
	}
	return tab
}
