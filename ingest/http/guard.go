package http

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/web"
)

// guarded is what every route that takes records passes first: the client's
// rates, a place to be read in, a body that flows, and what was answered under
// the same key before.
func (h *Records) guarded(route string, next http.HandlerFunc) http.Handler {
	h.metrics.route(route)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		out := &noted{ResponseWriter: w}
		h.metrics.inFlight.Inc()
		defer func() {
			h.metrics.inFlight.Dec()
			h.metrics.answered(route, out.status, time.Since(start))
		}()
		client := web.Client(r)
		if h.limited(out, r, client) {
			return
		}
		release, ok := h.place(r.Context(), h.small, client)
		if !ok {
			h.refuse(out, r, &refusal{status: http.StatusServiceUnavailable, again: afterBusy, why: whyConcurrency, detail: "too many requests are under way: send it again in a moment"})
			return
		}
		free := sync.OnceFunc(release)
		defer free()
		r = r.WithContext(context.WithValue(r.Context(), placeKey{}, free))
		r.Body = newPaced(w, r, h.limits.Idle, h.metrics.bytes.WithLabelValues(route))
		h.once(out, r, route, client, next)
	})
}

// limited refuses a client that sends more than its rates allow.
func (h *Records) limited(w http.ResponseWriter, r *http.Request, client string) bool {
	if wait := h.requests.Admit(client, 1); wait > 0 {
		h.requests.Describe(w, wait)
		h.refuse(w, r, &refusal{status: http.StatusTooManyRequests, why: whyRequests, detail: "too many requests a second: send several records in one, and come again after Retry-After"})
		return true
	}
	if wait := h.rows.Admit(client, 0); wait > 0 {
		h.rows.Describe(w, wait)
		h.refuse(w, r, &refusal{status: http.StatusTooManyRequests, why: whyRows, detail: "too many records a second: come again after Retry-After, or import them as a file"})
		return true
	}
	return false
}

// place waits a moment for a place.
func (h *Records) place(ctx context.Context, s *slots, client string) (release func(), ok bool) {
	ctx, stop := context.WithTimeout(ctx, h.limits.Patience)
	defer stop()
	return s.take(ctx, client)
}

// maxWait is the longest that a reply waits for its rows to be visible.
const maxWait = 30 * time.Second

// preferredWait reads wait of the Prefer headers (RFC 7240), in seconds; 0 where
// there is none.
func preferredWait(r *http.Request) time.Duration {
	for _, line := range r.Header.Values("Prefer") {
		for part := range strings.SplitSeq(line, ",") {
			word, _, _ := strings.Cut(part, ";")
			name, value, _ := strings.Cut(word, "=")
			if !strings.EqualFold(strings.TrimSpace(name), "wait") {
				continue
			}
			seconds, err := strconv.ParseUint(strings.Trim(strings.TrimSpace(value), `"`), 10, 31)
			if err != nil {
				return 0 // what can not be understood is no preference
			}
			return min(time.Duration(seconds)*time.Second, maxWait)
		}
	}
	return 0
}

// placeKey finds the function that gives a request's small place back.
type placeKey struct{}

// await waits for rows to be visible where the client prefers that, and says
// whether they are.
func (h *Records) await(w http.ResponseWriter, r *http.Request, mark ingest.Mark) {
	wait := preferredWait(r)
	if wait == 0 {
		return
	}
	if free, ok := r.Context().Value(placeKey{}).(func()); ok {
		free() // it is read, and others want to be
	}
	ctx, stop := context.WithTimeout(r.Context(), wait)
	defer stop()
	if h.intake.Await(ctx, mark) == nil {
		w.Header().Set("Preference-Applied", "wait")
	}
}
