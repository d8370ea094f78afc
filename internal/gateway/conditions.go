package gateway

import "github.com/prometheus/client_golang/prometheus"

// conditions tells metrics how the backends in force are, when it is asked.
type conditions struct{ rules *ruling }

func (conditions) broken() *prometheus.Desc {
	return prometheus.NewDesc("ostiary_gateway_backend_broken",
		"1 while a backend is left alone because it failed, until a call has found it well again; else 0.", []string{"backend"}, nil)
}

func (conditions) throttled() *prometheus.Desc {
	return prometheus.NewDesc("ostiary_gateway_backend_throttled_deployments",
		"Deployments of a backend that take no calls for now.", []string{"backend"}, nil)
}

// Describe is part of prometheus.Collector.
func (c conditions) Describe(to chan<- *prometheus.Desc) { to <- c.broken(); to <- c.throttled() }

// Collect is part of prometheus.Collector.
func (c conditions) Collect(to chan<- prometheus.Metric) {
	for _, b := range c.rules.current.Load().Backends.Conditions() {
		broken := 0.0
		if b.Broken {
			broken = 1
		}
		to <- prometheus.MustNewConstMetric(c.broken(), prometheus.GaugeValue, broken, b.Name)
		to <- prometheus.MustNewConstMetric(c.throttled(), prometheus.GaugeValue, float64(b.Throttled), b.Name)
	}
}
