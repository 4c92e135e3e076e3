package main

import (
	"github.com/prometheus/client_golang/prometheus"
)

// showVitals registers what alerts ask of the house itself. limit is what the
// journal may hold, in bytes.
func (h *house) showVitals(limit int64) {
	h.registry.MustRegister(
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "lumbar_engine_restarts_total", Help: "How often the database engine died and was brought back.",
		}, func() float64 { return float64(h.engine.Restarts()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "lumbar_journal_limit_bytes", Help: "What the journal may hold; beyond it senders are told to come again.",
		}, func() float64 { return float64(limit) }),
	)
}
