package http

import (
	"net/http"
	"testing"
	"time"
)

func TestPreferredWait(t *testing.T) {
	for _, c := range []struct {
		headers []string
		want    time.Duration
	}{
		{nil, 0}, {[]string{"respond-async"}, 0}, {[]string{"wait=10"}, 10 * time.Second},
		{[]string{"respond-async, WAIT = \"2\"; x=1"}, 2 * time.Second}, {[]string{"return=minimal", "wait=3, wait=9"}, 3 * time.Second},
		{[]string{"wait=600"}, maxWait}, {[]string{"wait=-1"}, 0}, {[]string{"wait"}, 0}, {[]string{"wait=99999999999999999999"}, 0},
	} {
		r := &http.Request{Header: http.Header{"Prefer": c.headers}}
		if got := preferredWait(r); got != c.want {
			t.Errorf("%q: %v, want %v", c.headers, got, c.want)
		}
	}
}
