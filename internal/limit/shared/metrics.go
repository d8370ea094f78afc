package shared

import "github.com/prometheus/client_golang/prometheus"

// metrics have labels from the configuration (workload) and a fixed list.
type metrics struct {
	seconds  prometheus.Histogram
	failures *prometheus.CounterVec
	alone    *prometheus.CounterVec
	lost     prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, h *health) (*metrics, error) {
	m := &metrics{
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "ostiary_gateway_shared_limits_seconds",
			Help:    "How long calls waited for the shared limits.",
			Buckets: []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .25, .5, 1, 5},
		}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ostiary_gateway_shared_limits_failures_total",
			Help: "Questions to the shared limits' Redis that it did not answer, by why: timeout, unreachable, certificate, login, refused, answer.",
		}, []string{"reason"}),
		alone: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ostiary_gateway_shared_limits_alone_total",
			Help: "Calls that this gateway let through or refused by its own count, because the shared limits could not be asked.",
		}, []string{"workload"}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ostiary_gateway_shared_limits_unsettled_total",
			Help: "Settlements that may not have reached the shared limits: what they give back counts for the rest of its minute.",
		}),
	}
	up := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "ostiary_gateway_shared_limits_up", Help: "1 if the shared limits are counted, 0 if their Redis is away.",
	}, func() float64 {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.well {
			return 1
		}
		return 0
	})
	if reg == nil {
		return m, nil
	}
	for _, collector := range []prometheus.Collector{m.seconds, m.failures, m.alone, m.lost, up} {
		if err := reg.Register(collector); err != nil {
			return nil, err
		}
	}
	return m, nil
}
