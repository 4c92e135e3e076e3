package http

import (
	"bytes"
	"container/list"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"net/http"
	"sync"
	"time"
)

// Limits of what is remembered under Idempotency-Key.
const (
	// maxKey is the longest key, in bytes.
	maxKey = 255
	// keepReplies is how long a reply is remembered.
	keepReplies = 24 * time.Hour
	// maxReplies and maxReplyBytes bound all of them; the oldest go first. A reply
	// larger than a quarter of all is not remembered.
	maxReplies    = 10_000
	maxReplyBytes = 64 << 20
)

// replies remembers what requests with an Idempotency-Key were answered, in
// memory: after a restart the rows' own identity makes a repetition a duplicate.
type replies struct {
	now func() time.Time

	mu    sync.Mutex
	known map[replyKey]*list.Element // of *remembered
	order *list.List                 // of those that are answered, the oldest in front
	bytes int
}

// replyKey is whose key it is, and for which route.
type replyKey struct{ client, route, key string }

// remembered is a request and, once it is answered, the reply.
type remembered struct {
	key    replyKey
	sum    [sha256.Size]byte // of the request
	done   bool
	at     time.Time
	status int
	header http.Header
	body   []byte
}

func newReplies(now func() time.Time) *replies {
	return &replies{now: now, known: map[replyKey]*list.Element{}, order: list.New()}
}

// begin returns what is known under the key; nil where it is new, and then noted
// as under way.
func (m *replies) begin(key replyKey) *remembered {
	m.mu.Lock()
	defer m.mu.Unlock()
	for e := m.order.Front(); e != nil && m.now().Sub(e.Value.(*remembered).at) >= keepReplies; e = m.order.Front() {
		m.drop(e)
	}
	if e, known := m.known[key]; known {
		found := *e.Value.(*remembered)
		return &found
	}
	m.known[key] = &list.Element{Value: &remembered{key: key}}
	return nil
}

// end remembers the reply of a request that was under way; nil forgets it.
func (m *replies) end(key replyKey, reply *remembered) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.known, key)
	if reply == nil || len(reply.body) > maxReplyBytes/4 {
		return
	}
	reply.key, reply.done, reply.at = key, true, m.now()
	m.known[key] = m.order.PushBack(reply)
	m.bytes += reply.size()
	for m.order.Len() > maxReplies || m.bytes > maxReplyBytes {
		m.drop(m.order.Front())
	}
}

// drop forgets an answered one. The lock is held.
func (m *replies) drop(e *list.Element) {
	old := m.order.Remove(e).(*remembered)
	delete(m.known, old.key)
	m.bytes -= old.size()
}

// size is about what a reply takes in memory.
func (r *remembered) size() int {
	return len(r.body) + len(r.key.client) + len(r.key.route) + len(r.key.key) + 512
}

// replayedHeaders are those of a reply that its repetition has too.
var replayedHeaders = []string{"Content-Type", "Content-Location", "Cache-Control", "Preference-Applied"}

// once answers a repetition under the same Idempotency-Key as the first time,
// without doing anything again.
func (h *Records) once(w http.ResponseWriter, r *http.Request, route, client string, next http.HandlerFunc) {
	values := r.Header.Values("Idempotency-Key")
	if len(values) == 0 {
		next(w, r)
		return
	}
	if len(values) > 1 || !validKey(values[0]) {
		h.refuse(w, r, &refusal{status: http.StatusBadRequest, detail: fmt.Sprintf("Idempotency-Key is one word of 1 to %d visible ASCII characters", maxKey)})
		return
	}
	key := replyKey{client, route, values[0]}
	digest := newDigest(r)
	switch first := h.replies.begin(key); {
	case first == nil:
	case !first.done:
		h.refuse(w, r, &refusal{status: http.StatusConflict, again: afterBusy, detail: "a request with this Idempotency-Key is under way: ask again in a moment"})
		return
	default:
		h.repeat(w, r, first, digest)
		return
	}
	var reply *remembered
	defer func() { h.replies.end(key, reply) }()
	out := &copied{ResponseWriter: w}
	next(out, r)
	if out.status/100 != 2 && out.status != http.StatusUnprocessableEntity || out.spilt {
		return
	}
	sum, ok := digest.finish()
	if !ok || w.Header().Get("Content-Type") == "application/problem+json" {
		return
	}
	reply = &remembered{sum: sum, status: out.status, header: http.Header{}, body: out.body.Bytes()}
	for _, name := range replayedHeaders {
		if v := w.Header().Get(name); v != "" {
			reply.header.Set(name, v)
		}
	}
}

// repeat answers as the first time, or refuses another body.
func (h *Records) repeat(w http.ResponseWriter, r *http.Request, first *remembered, digest *digest) {
	sum, ok := digest.finish()
	switch {
	case !ok:
		h.refuse(w, r, problemOf(digest.err, nil))
		return
	case sum != first.sum:
		h.refuse(w, r, &refusal{status: http.StatusUnprocessableEntity, detail: "this Idempotency-Key was used for another body: take a new key for each request, and the same one only to repeat it"})
		return
	}
	h.metrics.replayed.Inc()
	for name, values := range first.header {
		w.Header()[name] = values
	}
	w.Header().Set("Idempotent-Replayed", "true")
	w.WriteHeader(first.status)
	// A client that has gone away will ask again.
	_, _ = w.Write(first.body)
}

// validKey reports whether a key may be one: visible ASCII, in quotes or not.
func validKey(key string) bool {
	for _, c := range []byte(key) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return key != "" && len(key) <= maxKey
}

// digest is the sum of a request, taken while its body is read.
type digest struct {
	io.ReadCloser
	hash hash.Hash
	left int64
	err  error
}

// newDigest puts a digest in the place of the request's body.
func newDigest(r *http.Request) *digest {
	d := &digest{ReadCloser: r.Body, hash: sha256.New(), left: MaxImport}
	fmt.Fprintf(d.hash, "%q %q\n", r.Header.Get("Content-Type"), r.Header.Get("Content-Encoding"))
	r.Body = d
	return d
}

func (d *digest) Read(p []byte) (int, error) {
	if d.err != nil {
		return 0, d.err
	}
	n, err := d.ReadCloser.Read(p)
	d.hash.Write(p[:n])
	if d.left -= int64(n); d.left < 0 && err == nil {
		err = errUnpacked
	}
	d.err = err
	return n, err
}

// finish reads the body to its end and returns the sum.
func (d *digest) finish() (sum [sha256.Size]byte, ok bool) {
	if _, err := io.Copy(io.Discard, struct{ io.Reader }{d}); err != nil {
		return sum, false
	}
	d.hash.Sum(sum[:0])
	return sum, true
}

// copied is a reply that is kept while it is sent.
type copied struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
	spilt  bool // it is too large to be kept
}

// WriteHeader keeps the status.
func (c *copied) WriteHeader(status int) {
	if c.status == 0 {
		c.status = status
	}
	c.ResponseWriter.WriteHeader(status)
}

// Write keeps the body.
func (c *copied) Write(p []byte) (int, error) {
	if c.status == 0 {
		c.status = http.StatusOK
	}
	if c.spilt = c.spilt || c.body.Len()+len(p) > maxReplyBytes/4; c.spilt {
		c.body = bytes.Buffer{}
	} else {
		c.body.Write(p)
	}
	return c.ResponseWriter.Write(p)
}

// Unwrap gives http.ResponseController the connection.
func (c *copied) Unwrap() http.ResponseWriter { return c.ResponseWriter }
