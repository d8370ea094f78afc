package relay

import "github.com/prometheus/client_golang/prometheus"

// metrics name members and services, never content. Their labels come from
// verified certificates, so strangers cannot make new ones.
type metrics struct {
	waiting prometheus.Gauge
	paired  prometheus.Gauge
	refused *prometheus.CounterVec
	bytes   *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) metrics {
	m := metrics{
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ostiary_relay_waiting_legs", Help: "Legs of outlets that wait for an inlet.",
		}),
		paired: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ostiary_relay_sessions", Help: "Pairs of legs joined right now.",
		}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ostiary_relay_refused_total", Help: "Legs refused, by reason.",
		}, []string{"reason"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ostiary_relay_bytes_total", Help: "Bytes copied in ended sessions, by inlet, service and direction.",
		}, []string{"inlet", "service", "direction"}),
	}
	if reg != nil {
		reg.MustRegister(m.waiting, m.paired, m.refused, m.bytes)
	}
	return m
}
