package web

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// TestLimiter walks a client through its burst, into debt and out of it.
func TestLimiter(t *testing.T) {
	at := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	l := NewLimiter("rows", 10, 20, func() time.Time { return at })
	step := func(what string, got, want time.Duration) {
		t.Helper()
		if d := got - want; d < -time.Millisecond || d > time.Millisecond {
			t.Errorf("%s: wait %v, want %v", what, got, want)
		}
	}
	for i := range 20 {
		step(fmt.Sprint("token ", i), l.Admit("ann", 1), 0)
	}
	step("an empty bucket", l.Admit("ann", 1), 100*time.Millisecond)
	step("another client", l.Admit("bob", 1), 0)
	at = at.Add(time.Second)
	step("a second later, for as many as were saved", l.Admit("ann", 10), 0)
	l.Charge("ann", 45) // more than a burst
	step("in debt", l.Admit("ann", 1), 4600*time.Millisecond)
	at = at.Add(4600 * time.Millisecond)
	step("the debt is paid", l.Admit("ann", 1), 0)
	at = at.Add(-time.Hour)
	step("a clock stepped back gives nothing", l.Admit("ann", 1), 100*time.Millisecond)
	var none *Limiter
	none.Charge("ann", 1)
	if NewLimiter("rows", 0, 1, time.Now) != nil || none.Admit("ann", 1) != 0 {
		t.Error("a rate of 0 limits")
	}
}

// TestLimiterForgets holds that the table of clients is bounded.
func TestLimiterForgets(t *testing.T) {
	at := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	l := NewLimiter("requests", 1, 1, func() time.Time { return at })
	for i := range maxClients {
		l.Admit(fmt.Sprint(i), 1)
	}
	l.Admit("0", 0) // comes again, so it is not the oldest
	l.Admit("one more", 1)
	if len(l.clients) != maxClients || l.recent.Len() != maxClients {
		t.Errorf("%d clients are remembered, want %d", len(l.clients), maxClients)
	}
	if l.Admit("0", 1) == 0 {
		t.Error("a client that came lately was forgotten")
	}
	if l.Admit("1", 1) != 0 {
		t.Error("the oldest client was not forgotten")
	}
}

func TestLimiterDescribes(t *testing.T) {
	w := httptest.NewRecorder()
	NewLimiter("rows", 10, 25, time.Now).Describe(w, 1100*time.Millisecond)
	for name, want := range map[string]string{"Retry-After": "2", "RateLimit": `"rows";r=0;t=2`, "RateLimit-Policy": `"rows";q=25;w=3`} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestClient(t *testing.T) {
	for _, c := range []struct {
		id            Identity
		address, want string
	}{
		{Identity{Name: "clinic"}, "192.0.2.7:5000", "key clinic"},
		{Identity{Name: "demo", Role: RoleDemo}, "192.0.2.7:5000", "address 192.0.2.7"},
		{Identity{}, "192.0.2.7:5000", "address 192.0.2.7"},
		{Identity{}, "[::ffff:192.0.2.7]:1", "address 192.0.2.7"},
		{Identity{}, "[2001:db8:1:2:3:4:5:6]:5000", "address 2001:db8:1:2::/64"},
		{Identity{}, "[fe80::1%eth0]:5000", "address fe80::/64"},
		{Identity{}, "@", "address unknown"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.RemoteAddr = c.address
		if got := Client(r.WithContext(context.WithValue(r.Context(), identityKey{}, c.id))); got != c.want {
			t.Errorf("%v at %s: %q, want %q", c.id, c.address, got, c.want)
		}
	}
}
