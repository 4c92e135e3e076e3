package http

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Why a request was told to come again: labels of lumbar_ingest_refused_total.
const (
	whyRequests    = "rate_requests"
	whyRows        = "rate_rows"
	whyConcurrency = "concurrency"
	whyJournalFull = "journal_full"
	whyBusy        = "busy"
	whyClosing     = "closing"
	whyStore       = "not_stored"
	whySpool       = "spool"
	whyImports     = "imports_waiting"
)

// metrics are what an operator watches of the routes. No label holds what a
// client sent: routes are those of the list, and reasons those above.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	bytes    *prometheus.CounterVec
	inFlight prometheus.Gauge
	refused  *prometheus.CounterVec
	replayed prometheus.Counter
	waiting  prometheus.Gauge
	imports  *prometheus.CounterVec
	retries  prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	m := &metrics{
		requests: counter("lumbar_ingest_requests_total", "Requests to the routes that take records, by route and class of status.", "route", "class"),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "lumbar_ingest_request_seconds", Help: "Time from the head of a request to its reply, by route.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 16),
		}, []string{"route"}),
		bytes:    counter("lumbar_ingest_received_bytes_total", "Bytes of bodies as sent, by route.", "route"),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "lumbar_ingest_requests_in_flight", Help: "Requests under way on the routes that take records."}),
		refused:  counter("lumbar_ingest_refused_total", "Requests that were told to come again (429, 503, 507), by reason.", "why"),
		replayed: prometheus.NewCounter(prometheus.CounterOpts{Name: "lumbar_ingest_replayed_total", Help: "Requests answered with the reply to an earlier one of the same Idempotency-Key."}),
		waiting:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "lumbar_ingest_imports_waiting", Help: "Imports over HTTP that are accepted and not finished."}),
		imports:  counter("lumbar_ingest_imports_total", "Imports over HTTP that are finished, by how.", "result"),
		retries:  prometheus.NewCounter(prometheus.CounterOpts{Name: "lumbar_ingest_import_retries_total", Help: "Imports over HTTP that broke off and are tried again."}),
	}
	for _, why := range []string{whyRequests, whyRows, whyConcurrency, whyJournalFull, whyBusy, whyClosing, whyStore, whySpool, whyImports} {
		m.refused.WithLabelValues(why) // an alert on growth must see the first
	}
	for _, result := range []string{importDone, importFailed} {
		m.imports.WithLabelValues(result)
	}
	if reg != nil {
		m.requests, m.seconds, m.bytes = registered(reg, m.requests), registered(reg, m.seconds), registered(reg, m.bytes)
		m.inFlight, m.refused, m.replayed = registered(reg, m.inFlight), registered(reg, m.refused), registered(reg, m.replayed)
		m.waiting, m.imports, m.retries = registered(reg, m.waiting), registered(reg, m.imports), registered(reg, m.retries)
	}
	return m
}

// registered registers a collector, or returns the one that another Records of
// this process has registered.
func registered[C prometheus.Collector](reg prometheus.Registerer, c C) C {
	var twice prometheus.AlreadyRegisteredError
	err := reg.Register(c)
	if errors.As(err, &twice) {
		return twice.ExistingCollector.(C)
	}
	if err != nil {
		panic("ingest/http: metrics: " + err.Error()) // impossible: names and labels are constant
	}
	return c
}

// route makes the series of a route, at zero.
func (m *metrics) route(path string) {
	for _, class := range []string{"2xx", "4xx", "5xx"} {
		m.requests.WithLabelValues(path, class)
	}
	m.seconds.WithLabelValues(path)
	m.bytes.WithLabelValues(path)
}

// answered counts a request that is over.
func (m *metrics) answered(path string, status int, took time.Duration) {
	m.requests.WithLabelValues(path, strconv.Itoa(status/100)+"xx").Inc()
	m.seconds.WithLabelValues(path).Observe(took.Seconds())
}

// noted is a reply that knows its status.
type noted struct {
	http.ResponseWriter
	status int
}

// WriteHeader notes the status.
func (n *noted) WriteHeader(status int) {
	if n.status == 0 {
		n.status = status
	}
	n.ResponseWriter.WriteHeader(status)
}

// Write is a reply with status 200 where no other was given.
func (n *noted) Write(p []byte) (int, error) {
	if n.status == 0 {
		n.status = http.StatusOK
	}
	return n.ResponseWriter.Write(p)
}

// Unwrap gives http.ResponseController the connection.
func (n *noted) Unwrap() http.ResponseWriter { return n.ResponseWriter }
