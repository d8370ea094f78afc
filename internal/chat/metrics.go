package chat

import "github.com/prometheus/client_golang/prometheus"

// metrics are numbers of the service. No label comes from a person.
type metrics struct {
	answers *prometheus.CounterVec
	first   prometheus.Histogram
	logins  *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer, people func() float64) *metrics {
	m := &metrics{
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ostiary_chat_answers_total", Help: "Answers, by what became of them.",
		}, []string{"outcome"}),
		first: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "ostiary_chat_first_token_seconds", Help: "Time from a question to the first token of its answer.",
			Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120},
		}),
		logins: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ostiary_chat_sign_ins_total", Help: "Sign-ins, by what became of them.",
		}, []string{"outcome"}),
	}
	if reg != nil {
		reg.MustRegister(m.answers, m.first, m.logins, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "ostiary_chat_people", Help: "People who are signed in.",
		}, people))
	}
	return m
}
