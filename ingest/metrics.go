package ingest

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/lumbar-health/lumbar/instruments"
)

// metrics are what an operator watches of the ingest.
type metrics struct {
	rows       *prometheus.CounterVec
	mismatches prometheus.Counter
	flags      *prometheus.CounterVec
	batch      prometheus.Histogram
	insert     prometheus.Histogram
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
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "lumbar_ingest_batch_rows", Help: "Rows of a written batch, all tables.",
			Buckets: prometheus.ExponentialBuckets(1, 8, 7),
		}),
		insert: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "lumbar_ingest_insert_seconds", Help: "Time to write a batch until it is durable.",
			Buckets: prometheus.ExponentialBuckets(0.005, 2, 12),
		}),
	}
	for _, r := range []Result{ResultStored, ResultDuplicate, ResultRejected} {
		m.rows.WithLabelValues(string(r)) // there from the start, at zero
	}
	for _, f := range []string{
		instruments.FlagItem9Positive, instruments.FlagItem9Missing, instruments.FlagSafetyUnreadable,
		instruments.FlagCES + "p0", instruments.FlagCES + "p1", instruments.FlagCES + "p2",
	} {
		m.flags.WithLabelValues(f) // an alert on growth must see the first
	}
	if reg != nil {
		reg.MustRegister(m.rows, m.mismatches, m.flags, m.batch, m.insert)
	}
	return m
}

// flagged counts the safety flags of a record. Flags are words of the
// definitions: no label holds what a sender wrote.
func (m *metrics) flagged(flags []string) {
	for _, f := range flags {
		if f != instruments.FlagSuppliedDiffers {
			m.flags.WithLabelValues(f).Inc()
		}
	}
}
