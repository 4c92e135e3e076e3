package ingest

import "github.com/prometheus/client_golang/prometheus"

// metrics are what an operator watches of the ingest.
type metrics struct {
	rows       *prometheus.CounterVec
	mismatches prometheus.Counter
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
	if reg != nil {
		reg.MustRegister(m.rows, m.mismatches, m.batch, m.insert)
	}
	return m
}
