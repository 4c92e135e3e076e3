package load_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/internal/chtest"
	"github.com/lumbar-health/lumbar/internal/load"
)

func TestMain(m *testing.M) { chtest.Main(m) }

func TestOnlyLoopback(t *testing.T) {
	for _, address := range []string{"http://192.0.2.1:80", "http://lumbar.example:80", "http://localhost.example:1", "http://0.0.0.0:8080", "https://127.0.0.1:1", "127.0.0.1:8080", ""} {
		if _, err := load.Open(address); err == nil {
			t.Errorf("Open(%q) takes it", address)
		}
	}
	c, err := load.Open("http://[::1]:8080")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Move("http://192.0.2.1:80"); !errors.Is(err, load.ErrNotLoopback) || c.URL() != "http://[::1]:8080" {
		t.Errorf("Move: %v, now at %s", err, c.URL())
	}
}

func TestQuantiles(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var all []time.Duration
	var halves [2]load.Latency
	for i := range 20_000 {
		d := time.Duration(math.Exp(r.NormFloat64()*3+6)) * time.Microsecond
		all = append(all, d)
		halves[i%2].Add(d)
	}
	slices.Sort(all)
	l := &halves[0]
	l.Merge(&halves[1])
	for _, q := range []float64{0.001, 0.01, 0.5, 0.9, 0.99, 0.999, 1} {
		want := all[int(math.Ceil(q*float64(len(all))))-1]
		if got := l.Quantile(q); got < want || float64(got) > float64(want)*1.01+1000 {
			t.Errorf("Quantile(%v) = %s, want %s", q, got, want)
		}
	}
	if l.Max() != all[len(all)-1] || l.Count() != 20_000 {
		t.Errorf("longest %s of %d", l.Max(), l.Count())
	}
	if got := new(load.Latency).Quantile(0.5); got != 0 {
		t.Errorf("of none: %s", got)
	}
}

// TestWorldIsScoredAsExpected compares the expected scores with the product's.
func TestWorldIsScoredAsExpected(t *testing.T) {
	w := load.World{Name: "test", Programme: "back-pain"}
	seen := map[string]bool{}
	for n := range 200 * load.Slots {
		var row struct {
			ID                             struct{ System, Value string }
			Instrument, Instrument_Version string
			Answers                        []int16
			Patient                        struct{ Pseudonym string }
		}
		text := w.AppendAnswer(nil, n)
		if err := json.Unmarshal(text, &row); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		d, err := instruments.Lookup(instruments.ID(row.Instrument), row.Instrument_Version)
		if err != nil {
			t.Fatal(err)
		}
		a := &instruments.Administration{Codes: row.Answers}
		out := make([]instruments.Scored, len(d.Scores))
		if err := d.Score(a, out); err != nil {
			t.Fatal(err)
		}
		if int64(out[0].Units) != w.Expected(n) {
			t.Errorf("answer %d: %v is scored %d, expected %d", n, row.Answers, out[0].Units, w.Expected(n))
		}
		if seen[row.ID.Value] || row.ID.System != w.System() || row.Patient.Pseudonym != w.Pseudonym(n/load.Slots) {
			t.Errorf("answer %d: %+v", n, row)
		}
		seen[row.ID.Value] = true
	}
	same := load.World{Name: "test", Programme: "back-pain"}
	if a, b := w.AppendFile(nil, 3, 5), same.AppendFile(nil, 3, 5); string(a) != string(b) {
		t.Error("equal worlds send different bytes")
	}
}

func TestPlanDealsEachOnce(t *testing.T) {
	p := load.NewPlan(3)
	seen := map[string]int{}
	for range 500 {
		parcel, ok := p.Next()
		if !ok {
			t.Fatal("the plan ended")
		}
		for _, n := range parcel.Numbers {
			seen[fmt.Sprint(parcel.Episodes, n)]++
		}
	}
	for what, n := range seen {
		if n > 1 {
			t.Errorf("%s was dealt %d times", what, n)
		}
	}
	p.StopAfter(2)
	for i := range 3 {
		if _, ok := p.Next(); ok != (i < 2) {
			t.Errorf("parcel %d after the stop: %v", i+1, ok)
		}
	}
}

// moody answers as a program in trouble does: every third request is refused,
// every third cut off after it was taken.
type moody struct {
	mu   sync.Mutex
	n    int
	rows map[string]int
	keys map[string]string // Idempotency-Key to body
}

func (m *moody) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.n++
	if m.n%3 == 1 {
		if m.n%2 == 0 {
			w.Header().Set("Retry-After", "1")
		}
		w.WriteHeader([]int{500, 429, 503, 409}[m.n/3%4])
		return
	}
	var reply struct {
		Read, Stored, Duplicate int
		Rows                    []map[string]any
	}
	dec := json.NewDecoder(r.Body)
	for {
		var row struct{ ID struct{ Value string } }
		if dec.Decode(&row) != nil {
			break
		}
		reply.Read++
		result := load.Stored
		if m.rows[row.ID.Value]++; m.rows[row.ID.Value] > 1 {
			result = load.Duplicate
			reply.Duplicate++
		} else {
			reply.Stored++
		}
		reply.Rows = append(reply.Rows, map[string]any{"row": reply.Read, "id": row.ID.Value, "result": result})
	}
	if key := r.Header.Get("Idempotency-Key"); key != "" {
		m.keys[key] += "x"
	}
	if m.n%3 == 2 {
		panic(http.ErrAbortHandler)
	}
	_ = json.NewEncoder(w).Encode(reply)
}

func TestLoadEndsWhenAllIsAcknowledged(t *testing.T) {
	m := &moody{rows: map[string]int{}, keys: map[string]string{}}
	server := httptest.NewServer(m)
	defer server.Close()
	c, err := load.Open(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	ledger := load.NewLedger(load.World{Name: "moody", Programme: "back-pain"})
	parcels := slices.Concat(load.Numbers(true, 0, 4, 2), load.Singles(1, 0, 20), load.Numbers(false, 20, 36, 8))
	l := load.Start(t.Context(), c, load.Options{
		Plan: load.Deal(parcels), Ledger: ledger, Workers: 4, Keyed: 100, MaxPause: 10 * time.Millisecond,
	})
	report, err := l.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if report.Requests != len(parcels) || report.Rows != 36 || ledger.Answers() != 36 || report.Cut == 0 || l.Refused() == 0 || report.Unadvised == 0 || l.InFlight() != 0 {
		t.Errorf("%s; %d in the ledger, %d refused, %d unadvised", &report, ledger.Answers(), l.Refused(), report.Unadvised)
	}
	if len(m.rows) != 40 || len(m.keys) != len(parcels) {
		t.Errorf("%d rows and %d keys came, want 40 and %d", len(m.rows), len(m.keys), len(parcels))
	}
}

// TestLoadEndsAtARefusal: what no retry helps against ends the load.
func TestLoadEndsAtARefusal(t *testing.T) {
	for _, reply := range []string{"", `{"read":1,"rejected":1,"rows":[{"row":1,"result":"rejected"}]}`, `{"read":0,"rows":[]}`, `{`} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if reply == "" {
				w.WriteHeader(http.StatusBadRequest)
			}
			_, _ = w.Write([]byte(reply))
		}))
		c, err := load.Open(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		ledger := load.NewLedger(load.World{Name: "refused", Programme: "back-pain"})
		if _, err := load.Post(t.Context(), c, ledger, 3, load.Singles(1, 0, 20)...); err == nil || ledger.Answers() != 0 {
			t.Errorf("reply %q: %v, %d acknowledged", reply, err, ledger.Answers())
		}
		server.Close()
	}
}

func TestMetric(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("# HELP a_total x\na_total{k=\"1\"} 2\na_total{k=\"2\"} 3.5\na_total_more 9\nb 0\n"))
	}))
	defer server.Close()
	c, err := load.Open(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a_total": "5.5 true", "b": "0 true", "c": "0 false"} {
		v, ok, err := c.Metric(t.Context(), name)
		if got := fmt.Sprint(v, ok); err != nil || got != want {
			t.Errorf("Metric(%s) = %s, %v, want %s", name, got, err, want)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := "http://" + l.Addr().String()
	_ = l.Close()
	if err := c.Move(gone); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Metric(t.Context(), "b"); err == nil || strings.Contains(err.Error(), "<nil>") {
		t.Errorf("from nobody: %v", err)
	}
}
