package console

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/lumbar-health/lumbar/dashboards/internal/fixture"
	"github.com/lumbar-health/lumbar/web"
)

// stream starts a console whose feed looks and beats every millisecond, behind
// a server with short deadlines, and opens its stream.
func stream(t *testing.T) (*fixture.Desk, *Console, *bufio.Scanner) {
	t.Helper()
	desk := fixture.New()
	c, err := New(desk, fixture.Programmes(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	c.feed.every, c.feed.beat = time.Millisecond, 20*time.Millisecond
	r := web.Router(c.Routes(), everybody)
	server := httptest.NewUnstartedServer(r)
	server.Config.ReadTimeout, server.Config.WriteTimeout = 50*time.Millisecond, 50*time.Millisecond
	server.Start()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() {
		cancel()
		c.Close()
		server.Close()
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if kind := resp.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Fatalf("content type %q", kind)
	}
	return desk, c, bufio.NewScanner(resp.Body)
}

func until(t *testing.T, lines *bufio.Scanner, want string) {
	t.Helper()
	for lines.Scan() {
		if lines.Text() == want {
			return
		}
		if strings.HasPrefix(lines.Text(), "data:") {
			t.Fatalf("got %q, want %q", lines.Text(), want)
		}
	}
	t.Fatalf("the stream ended before %q: %v", want, lines.Err())
}

func TestStreamTellsOfNewVersions(t *testing.T) {
	desk, c, lines := stream(t)
	until(t, lines, "data: 1")
	for range 6 { // longer than the server's deadlines
		until(t, lines, ": still here")
	}
	desk.SetVersion(7)
	until(t, lines, "data: 7")
	c.Close()
	for lines.Scan() {
		// what was on its way
	}
	if err := lines.Err(); err != nil && err != io.ErrUnexpectedEOF {
		t.Errorf("the stream ends with %v", err)
	}
}

func TestFeedRestsWhenNobodyListens(t *testing.T) {
	desk := fixture.New()
	f := newFeed(desk, time.Millisecond, time.Second, slog.New(slog.DiscardHandler))
	versions, leave, ok := f.listen()
	if !ok || <-versions != 1 {
		t.Fatal("the first listener is not told the version")
	}
	again, leaveAgain, ok := f.listen()
	if !ok || <-again != 1 {
		t.Fatal("a later listener is not told the version at once")
	}
	leave()
	leaveAgain()
	f.mu.Lock()
	if f.stop != nil || len(f.listeners) != 0 {
		t.Error("the watch goes on without listeners")
	}
	f.mu.Unlock()
	var leaves []func()
	for range maxStreams {
		_, leave, ok := f.listen()
		if !ok {
			t.Fatal("a stream is refused too early")
		}
		leaves = append(leaves, leave)
	}
	if _, _, ok := f.listen(); ok {
		t.Error("there is no bound on streams")
	}
	for _, leave := range leaves {
		leave()
	}
	f.close()
	f.close()
	if _, _, ok := f.listen(); ok {
		t.Error("a closed feed takes listeners")
	}
}
