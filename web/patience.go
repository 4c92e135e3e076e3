package web

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// bodyPatience is how long a body may take to come, all of it, where the route
// sets no other limit. It holds too for a body that nobody reads: net/http reads
// it over before it sends the reply, and without a limit a sender that trickles
// would hold a refusal, and its connection, for ever.
const bodyPatience = 30 * time.Second

// patient bounds the time of a request's body.
func patient(next http.Handler, limit time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			until := http.NewResponseController(w).SetReadDeadline
			// A test's connection without deadlines is read without.
			_ = until(time.Now().Add(limit))
			r.Body = &bounded{r.Body, until}
		}
		next.ServeHTTP(w, r)
	})
}

// bounded is a body with a deadline, which ends with it: the connection is
// watched afterwards, as long as the reply takes.
type bounded struct {
	io.ReadCloser
	until func(time.Time) error
}

// Read reads what comes in time.
func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		_ = b.until(time.Time{})
	}
	return n, err
}
