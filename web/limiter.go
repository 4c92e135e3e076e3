package web

import (
	"container/list"
	"fmt"
	"math"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxClients is how many clients a limiter remembers. Beyond it the one that was
// away for longest is forgotten and starts anew.
const maxClients = 10_000

// Limiter holds each client to a rate. It is safe for concurrent use; a nil one
// limits nobody.
type Limiter struct {
	name      string
	perSecond float64
	burst     int
	now       func() time.Time

	mu      sync.Mutex
	clients map[string]*list.Element // of *visitor
	recent  *list.List               // the last one to come in front
}

// visitor is what is left to one client.
type visitor struct {
	name   string
	tokens *rate.Limiter
}

// NewLimiter returns a limiter of what name says, so many a second; what a
// client saves up is at most burst. It is nil where perSecond is not positive.
func NewLimiter(name string, perSecond float64, burst int, now func() time.Time) *Limiter {
	if !(perSecond > 0) {
		return nil
	}
	return &Limiter{name: name, perSecond: perSecond, burst: max(burst, 1), now: now, clients: map[string]*list.Element{}, recent: list.New()}
}

// Admit takes n tokens, which may leave the client in debt, where it has one at
// least. Else it takes none and wait, which is positive then, says when there
// will be one.
func (l *Limiter) Admit(client string, n int) (wait time.Duration) {
	if l == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	v, now := l.visitor(client), l.now()
	if left := v.tokens.TokensAt(now); left < 1 {
		return time.Duration(math.Ceil((1 - left) / l.perSecond * float64(time.Second)))
	}
	l.take(v, now, n)
	return 0
}

// Charge takes n tokens for what is done already. The debt that it leaves is
// paid off at the client's rate, and until then it is not admitted.
func (l *Limiter) Charge(client string, n int) {
	if l == nil || n <= 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.take(l.visitor(client), l.now(), n)
}

func (l *Limiter) take(v *visitor, now time.Time, n int) {
	for n > 0 {
		part := min(n, l.burst)
		v.tokens.ReserveN(now, part)
		n -= part
	}
}

// visitor finds a client. The lock is held.
func (l *Limiter) visitor(client string) *visitor {
	if e, known := l.clients[client]; known {
		l.recent.MoveToFront(e)
		return e.Value.(*visitor)
	}
	if l.recent.Len() >= maxClients {
		oldest := l.recent.Back()
		delete(l.clients, oldest.Value.(*visitor).name)
		l.recent.Remove(oldest)
	}
	v := &visitor{name: client, tokens: rate.NewLimiter(rate.Limit(l.perSecond), l.burst)}
	l.clients[client] = l.recent.PushFront(v)
	return v
}

// Describe tells a refused client of its limit in the RateLimit fields of the
// IETF's draft and in Retry-After.
func (l *Limiter) Describe(w http.ResponseWriter, wait time.Duration) {
	seconds := int(math.Ceil(wait.Seconds()))
	w.Header().Set("RateLimit-Policy", fmt.Sprintf("%q;q=%d;w=%d", l.name, l.burst, int(math.Ceil(float64(l.burst)/l.perSecond))))
	w.Header().Set("RateLimit", fmt.Sprintf("%q;r=0;t=%d", l.name, seconds))
	RetryAfter(w, wait)
}

// RetryAfter says when to come again: whole seconds, one at least.
func RetryAfter(w http.ResponseWriter, wait time.Duration) {
	w.Header().Set("Retry-After", fmt.Sprint(max(int(math.Ceil(wait.Seconds())), 1)))
}
