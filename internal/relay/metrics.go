package relay

import "github.com/prometheus/client_golang/prometheus"

// metrics name members and services, never content. Their labels come from
// verified certificates, so strangers cannot make new ones.
type metrics struct {
	waiting prometheus.Gauge
	paired  prometheus.Gauge
	legs    *prometheus.GaugeVec
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
		legs: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "ostiary_relay_legs", Help: "Legs open right now, by role and member.",
		}, []string{"role", "member"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ostiary_relay_refused_total", Help: "Legs refused, by reason and, once it is verified, member.",
		}, []string{"reason", "member"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ostiary_relay_bytes_total", Help: "Bytes copied, by inlet, service and direction.",
		}, []string{"inlet", "service", "direction"}),
	}
	if reg != nil {
		reg.MustRegister(m.waiting, m.paired, m.legs, m.refused, m.bytes)
	}
	return m
}
