package web

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestUnreadBodyHoldsNoReply: a sender whose body does not come gets the refusal
// all the same, on a route that does not read it.
func TestUnreadBodyHoldsNoReply(t *testing.T) {
	refused := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		WriteProblem(w, r, http.StatusNotFound, "no")
	})
	s := httptest.NewServer(patient(refused, 20*time.Millisecond))
	defer s.Close()
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := fmt.Fprint(c, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n{"); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusNotFound {
		t.Errorf("%s, want 404", res.Status)
	}
}

// TestReplyMayTakeLongerThanTheBody: the limit ends with the body, and does not
// cut off a handler that works on after it.
func TestReplyMayTakeLongerThanTheBody(t *testing.T) {
	const limit = 20 * time.Millisecond
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			t.Error(err)
		}
		select {
		case <-r.Context().Done():
			t.Error("the handler was cut off")
		case <-time.After(5 * limit):
		}
	})
	s := httptest.NewServer(patient(slow, limit))
	defer s.Close()
	res, err := http.Post(s.URL, "text/plain", strings.NewReader("all of it"))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Error(res.Status)
	}
}

// TestPathsAreNotCleaned: a path with empty or dotted segments is no route, and
// not another address, to which a POST would be sent as a GET.
func TestPathsAreNotCleaned(t *testing.T) {
	for _, target := range []string{"//open", "/x/../open", "/open/."} {
		if w := serve(t, somebody, target); w.Code != http.StatusNotFound || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("GET %s = %d %s, want 404 as a problem", target, w.Code, w.Header())
		}
	}
}
