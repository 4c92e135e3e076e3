package ingest

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lumbar-health/lumbar/ingest/journal"
	"github.com/lumbar-health/lumbar/instruments"
)

// metrics are what an operator watches of the ingest.
type metrics struct {
	rows       *prometheus.CounterVec
	mismatches prometheus.Counter
	flags      *prometheus.CounterVec
	rejected   *prometheus.CounterVec
	unheeded   *prometheus.CounterVec
	batch      prometheus.Histogram
	insert     prometheus.Histogram
	// Of the intake.
	fsync       prometheus.Histogram
	drainErrors prometheus.Counter
	unasked     prometheus.Counter
	intake      atomic.Pointer[Intake]
	gauges      []prometheus.Collector
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		rows: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lumbar_ingest_rows_total", Help: "Records read, by what became of them.",
		}, []string{"result"}),
		mismatches: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "lumbar_ingest_score_mismatch_total", Help: "Responses whose sender supplied another score than ours.",
		}),
		flags: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lumbar_ingest_safety_flags_total", Help: "Responses, refused ones too, whose answers someone must look at, by flag.",
		}, []string{"flag"}),
		rejected: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lumbar_ingest_rejected_total", Help: "Reasons why records were refused, by rule; a record may have several.",
		}, []string{"rule"}),
		unheeded: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lumbar_ingest_refused_safety_flags_total", Help: "Refused responses whose answers someone must look at, by flag.",
		}, []string{"flag"}),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "lumbar_ingest_batch_rows", Help: "Rows of a written batch, all tables.",
			Buckets: prometheus.ExponentialBuckets(1, 8, 7),
		}),
		insert: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "lumbar_ingest_insert_seconds", Help: "Time to write a batch until it is durable.",
			Buckets: prometheus.ExponentialBuckets(0.005, 2, 12),
		}),
	}
	m.ofIntake()
	for _, r := range []Result{ResultStored, ResultDuplicate, ResultRejected} {
		m.rows.WithLabelValues(string(r)) // there from the start, at zero
	}
	for _, f := range []string{
		instruments.FlagItem9Positive, instruments.FlagItem9Missing, instruments.FlagSafetyUnreadable,
		instruments.FlagCES + "p0", instruments.FlagCES + "p1", instruments.FlagCES + "p2",
	} {
		m.flags.WithLabelValues(f) // an alert on growth must see the first
		m.unheeded.WithLabelValues(f)
	}
	if reg != nil {
		reg.MustRegister(append(m.gauges, m.rows, m.mismatches, m.flags, m.rejected, m.unheeded, m.batch, m.insert, m.fsync, m.drainErrors, m.unasked)...)
	}
	return m
}

// ofIntake makes the metrics of acknowledging and draining.
func (m *metrics) ofIntake() {
	m.fsync = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "lumbar_journal_append_seconds", Help: "Time until a submission is on disk in the journal.",
		Buckets: prometheus.ExponentialBuckets(0.0002, 2, 14),
	})
	m.drainErrors = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "lumbar_ingest_drain_errors_total", Help: "Attempts to carry the journal into the store that failed and are tried again.",
	})
	m.unasked = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "lumbar_ingest_unasked_total", Help: "Submissions with possible duplicates of which the store did not say in time what it knows; they were taken again.",
	})
	gauge := func(name, help string, value func(journal.State) float64) {
		m.gauges = append(m.gauges, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			if i := m.intake.Load(); i != nil {
				return value(i.journal.State())
			}
			return 0
		}))
	}
	gauge("lumbar_journal_entries", "Submissions that are acknowledged and not in the store yet.", func(s journal.State) float64 { return float64(s.Appended - s.Released) })
	gauge("lumbar_journal_bytes", "Size of the journal on disk.", func(s journal.State) float64 { return float64(s.Bytes) })
	gauge("lumbar_journal_oldest_seconds", "How long ago the oldest submission was acknowledged that is not in the store yet.", func(s journal.State) float64 {
		if s.Oldest.IsZero() {
			return 0
		}
		return max(time.Since(s.Oldest).Seconds(), 0)
	})
}

// watch shows the journal of an intake; unwatch ends that.
func (m *metrics) watch(i *Intake)   { m.intake.Store(i) }
func (m *metrics) unwatch(i *Intake) { m.intake.CompareAndSwap(i, nil) }

// count counts records whose fate is known.
func (m *metrics) count(records []*Record) {
	for _, r := range records {
		m.rows.WithLabelValues(string(r.Result)).Inc()
		if r.Result != ResultDuplicate {
			m.mismatches.Add(float64(r.mismatches))
			m.flagged(m.flags, r.Flags)
		}
		for _, why := range r.Reasons {
			m.rejected.WithLabelValues(why.Rule).Inc()
		}
		if r.Result == ResultRejected {
			m.flagged(m.unheeded, r.Flags)
		}
	}
}

// flagged counts the safety flags of a record. Flags are words of the
// definitions: no label holds what a sender wrote.
func (m *metrics) flagged(in *prometheus.CounterVec, flags []string) {
	for _, f := range flags {
		if f != instruments.FlagSuppliedDiffers {
			in.WithLabelValues(f).Inc()
		}
	}
}
