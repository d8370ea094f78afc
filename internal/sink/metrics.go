package sink

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	entries    *prometheus.CounterVec
	failures   prometheus.Counter
	unreadable prometheus.Counter
}

// newMetrics registers what is told of one sink, by its name.
func newMetrics(s *Shipper) (*metrics, error) {
	m := &metrics{
		entries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ostiary_sink_entries_total", Help: "Entries that the sink acknowledged, by kind.",
		}, []string{"kind"}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ostiary_sink_failures_total", Help: "Attempts to reach the sink or to read the log that failed.",
		}),
	}
	m.unreadable = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "ostiary_sink_unreadable_bodies_total", Help: "Calls delivered without bodies that the log keeps: forgotten, or this process has no key any more.",
	})
	if s.cfg.Metrics == nil {
		return m, nil
	}
	reg := prometheus.WrapRegistererWith(prometheus.Labels{"sink": s.cfg.Name}, s.cfg.Metrics)
	for _, c := range []prometheus.Collector{
		m.entries, m.failures, m.unreadable,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "ostiary_sink_lag_entries", Help: "Entries of the log that the sink has not acknowledged yet.",
		}, func() float64 { return float64(s.lag()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "ostiary_sink_lag_seconds", Help: "Age of the oldest record that was read and not acknowledged; 0 if there is none.",
		}, func() float64 {
			at := s.oldest.Load()
			if at == 0 {
				return 0
			}
			return max(time.Since(time.Unix(0, at)).Seconds(), 0)
		}),
	} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) delivered(entries []Entry) {
	for i := range entries {
		m.entries.WithLabelValues(entries[i].Kind).Inc()
	}
}

// lag is how many entries of the log are not acknowledged.
func (s *Shipper) lag() uint64 {
	have, acked := s.cfg.Source.Durable(), s.acked.Load()
	return have - min(acked, have)
}
