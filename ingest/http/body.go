package http

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lumbar-health/lumbar/ingest"
)

// slowest is the rate in bytes a second under which a body is cut off once it
// has used up its first patience: one that trickles holds a place that others
// wait for. There is no limit to the whole time of a body that flows.
const slowest = 8 << 10

// paced is a body that must flow: it waits a limited time for each read, and
// counts what comes.
type paced struct {
	body  io.ReadCloser
	until func(time.Time) error // sets the deadline of the connection
	idle  time.Duration
	bytes prometheus.Counter

	read   int64
	waited time.Duration
	err    error
}

// newPaced paces the body of a request.
func newPaced(w http.ResponseWriter, r *http.Request, idle time.Duration, bytes prometheus.Counter) *paced {
	return &paced{body: r.Body, until: http.NewResponseController(w).SetReadDeadline, idle: idle, bytes: bytes}
}

// Read reads what comes in time. A test's connection without deadlines is read
// without.
func (p *paced) Read(b []byte) (int, error) {
	if p.err != nil {
		return 0, p.err
	}
	left := p.idle + time.Duration(float64(p.read)/slowest*float64(time.Second)) - p.waited
	start := time.Now()
	_ = p.until(start.Add(min(p.idle, left)))
	n, err := p.body.Read(b)
	p.waited += time.Since(start)
	p.read += int64(n)
	p.bytes.Add(float64(n))
	p.err = err
	if errors.Is(err, io.EOF) {
		// The reply may take longer, and the connection is watched meanwhile.
		_ = p.until(time.Time{})
	}
	return n, err
}

// Close ends the body. What is left of it, net/http reads over within the last
// deadline.
func (p *paced) Close() error { return p.body.Close() }

// late reports whether a body did not come in time.
func late(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// unpacked is the body without the compression that its header names.
func unpacked(body io.Reader, r *http.Request) (_ io.Reader, done func(), _ *refusal) {
	switch strings.ToLower(r.Header.Get("Content-Encoding")) {
	case "", "identity":
		return body, func() {}, nil
	case "gzip", "zstd":
		plain, err := ingest.Decompress(body)
		if err != nil {
			return nil, nil, problemOf(err, nil)
		}
		return plain, func() { plain.Close() }, nil
	}
	return nil, nil, &refusal{status: http.StatusUnsupportedMediaType, detail: "compress with gzip or zstd, or not at all"}
}

// errUnpacked says that a body grew beyond its limit.
var errUnpacked = errors.New("the body is too large unpacked")

// capped refuses to read more than it may: a small body can hide a huge one.
type capped struct {
	r    io.Reader
	left int64
}

func (c *capped) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errUnpacked
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	return n, err
}
