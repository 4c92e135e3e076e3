package load

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// ErrNotLoopback says that an address is not one of this machine's own.
var ErrNotLoopback = errors.New("load: only a loopback address may be put under load")

// Client knows where the program is. It may be used by several goroutines.
type Client struct{ at atomic.Pointer[string] }

// Open returns a client of the program at a URL, http://127.0.0.1:8080.
func Open(address string) (*Client, error) {
	c := &Client{}
	return c, c.Move(address)
}

// Move lets the client go on at another address, as after a restart.
func (c *Client) Move(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" {
		return fmt.Errorf("load: %q is no http URL", address)
	}
	ip := net.ParseIP(u.Hostname())
	if ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("%w, not %s", ErrNotLoopback, u.Host)
	}
	host := u.Host
	c.at.Store(&host)
	return nil
}

// URL is where the program is now.
func (c *Client) URL() string { return "http://" + *c.at.Load() }

// attemptPatience ends an attempt that nobody answers.
const attemptPatience = 2 * time.Minute

// line is one kept-alive connection. It speaks HTTP itself: net/http's client
// costs twice as much, and the two cores are shared with the program.
type line struct {
	client *Client
	conn   net.Conn
	host   string
	in     *bufio.Reader
	out    []byte
}

func (c *Client) line() *line { return &line{client: c} }

func (l *line) close() {
	if l.conn != nil {
		_ = l.conn.Close() // nothing is left to be written
		l.conn = nil
	}
}

// message is a request. Header lines end in \r\n each.
type message struct {
	method, path, media, header string
	body                        []byte
	wait                        bool // the header asks to wait until it can be read
}

// answer is what came back.
type answer struct {
	status     int
	retryAfter time.Duration
	hasRetry   bool
	header     http.Header
	body       []byte
}

// do sends one request once. An error is one of the connection.
func (l *line) do(ctx context.Context, m message) (answer, error) {
	a, err := l.exchange(ctx, m)
	if err != nil {
		l.close()
	}
	return a, err
}

func (l *line) exchange(ctx context.Context, m message) (a answer, err error) {
	if host := *l.client.at.Load(); l.conn == nil || host != l.host {
		l.close()
		d := net.Dialer{Timeout: 5 * time.Second}
		if l.conn, err = d.DialContext(ctx, "tcp", host); err != nil {
			l.conn = nil
			return a, err
		}
		l.host, l.in = host, bufio.NewReader(l.conn)
	}
	if err := l.conn.SetDeadline(time.Now().Add(attemptPatience)); err != nil {
		return a, err
	}
	conn := l.conn
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // ends the wait for a reply
	defer stop()
	b := append(l.out[:0], m.method...)
	b = append(append(b, ' '), m.path...)
	b = append(append(b, " HTTP/1.1\r\nHost: "...), l.host...)
	b = append(b, "\r\n"...)
	if m.media != "" {
		b = append(append(append(b, "Content-Type: "...), m.media...), "\r\n"...)
	}
	b = append(b, m.header...)
	b = strconv.AppendInt(append(b, "Content-Length: "...), int64(len(m.body)), 10)
	b = append(append(b, "\r\n\r\n"...), m.body...)
	l.out = b
	if _, err := l.conn.Write(b); err != nil {
		return a, err
	}
	res, err := http.ReadResponse(l.in, &http.Request{Method: m.method})
	if err != nil {
		return a, err
	}
	defer res.Body.Close()
	if a.body, err = io.ReadAll(res.Body); err != nil {
		return a, err
	}
	a.status, a.header = res.StatusCode, res.Header
	if text := res.Header.Get("Retry-After"); text != "" {
		if seconds, bad := strconv.Atoi(text); bad == nil {
			a.retryAfter, a.hasRetry = time.Duration(seconds)*time.Second, true
		}
	}
	if res.Close {
		l.close()
	}
	return a, nil
}

// reply is what the record routes answer.
type reply struct {
	Read, Stored, Duplicate, Rejected int
	Rows                              []struct {
		Row    int
		ID     string
		Result string
	}
}

// fates reads what became of each row of a parcel. An error says that the
// program did something with it that no retry would help against.
func fates(p Parcel, a answer) ([]string, error) {
	if a.status != http.StatusOK {
		return nil, fmt.Errorf("load: %s with %d rows: status %d: %.300s", p.path(), len(p.Numbers), a.status, a.body)
	}
	var r reply
	if err := json.Unmarshal(a.body, &r); err != nil {
		return nil, fmt.Errorf("load: %s: the reply is not one: %w", p.path(), err)
	}
	if r.Read != len(p.Numbers) || r.Read != r.Stored+r.Duplicate+r.Rejected || len(r.Rows) != r.Read {
		return nil, fmt.Errorf("load: %s with %d rows: %d read, %d stored, %d duplicate, %d rejected, %d told", p.path(), len(p.Numbers), r.Read, r.Stored, r.Duplicate, r.Rejected, len(r.Rows))
	}
	out := make([]string, len(r.Rows))
	for i, row := range r.Rows {
		if row.Row != i+1 || row.Result != Stored && row.Result != Duplicate {
			return nil, fmt.Errorf("load: %s: row %d of %d: %+v", p.path(), i+1, len(r.Rows), row)
		}
		out[i] = row.Result
	}
	return out, nil
}

// again says whether a status asks for the same request once more.
func again(status int) bool {
	return status >= 500 || status == http.StatusTooManyRequests || status == http.StatusConflict || status == http.StatusRequestTimeout
}

// Get asks for a document once.
func (c *Client) Get(ctx context.Context, path string) (status int, body []byte, err error) {
	l := c.line()
	defer l.close()
	a, err := l.do(ctx, message{method: http.MethodGet, path: path})
	return a.status, a.body, err
}

// Metric reads a number from /metrics, summed over its labels; ok is false
// where the program has no such one.
func (c *Client) Metric(ctx context.Context, name string) (value float64, ok bool, err error) {
	status, body, err := c.Get(ctx, "/metrics")
	if err != nil || status != http.StatusOK {
		return 0, false, errors.Join(err, fmt.Errorf("load: /metrics: status %d", status))
	}
	for text := range strings.Lines(string(body)) {
		rest, found := strings.CutPrefix(text, name)
		if !found || rest == "" || rest[0] != ' ' && rest[0] != '{' {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(rest[strings.LastIndexByte(rest, ' ')+1:]), 64)
		if err != nil {
			return 0, false, fmt.Errorf("load: metric %s: %w", name, err)
		}
		value, ok = value+v, true
	}
	return value, ok, nil
}
