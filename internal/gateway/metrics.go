package gateway

import (
	"cmp"
	"log/slog"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ostiary/ostiary/internal/ledger"
)

// metrics have labels from the configuration (workload, backend) and from
// fixed lists only, so that no caller can make series.
type metrics struct {
	requests *prometheus.CounterVec
	tokens   *prometheus.CounterVec
	upstream *prometheus.HistogramVec
	inFlight prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ostiary_gateway_requests_total",
			Help: "Calls, by workload, operation, class of the status sent, and whether the answer was cut short.",
		}, []string{"workload", "operation", "class", "aborted"}),
		tokens: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ostiary_gateway_tokens_total",
			Help: "Tokens, by workload, operation and kind; cached are part of prompt, reasoning part of completion.",
		}, []string{"workload", "operation", "kind", "estimated"}),
		upstream: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "ostiary_gateway_upstream_seconds",
			Help:    "Time from sending a request to a backend until its answer ended.",
			Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600},
		}, []string{"backend", "operation"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ostiary_gateway_in_flight", Help: "Calls under way.",
		}),
	}
	if reg == nil {
		return m, nil
	}
	for _, collector := range []prometheus.Collector{m.requests, m.tokens, m.upstream, m.inFlight} {
		if err := reg.Register(collector); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) count(workload, operation string, u ledger.Usage) {
	estimated := strconv.FormatBool(u.Estimated)
	add := func(kind string, n int64) {
		if n > 0 {
			m.tokens.WithLabelValues(workload, operation, kind, estimated).Add(float64(n))
		}
	}
	add("prompt", u.Prompt)
	add("completion", u.Completion)
	add("cached", u.Cached)
	add("reasoning", u.Reasoning)
}

// end gives back what the call held, and tells metrics and log of it: ids and
// numbers, and names that policy knows.
func (c *call) end() {
	c.g.budget.Release(c.reserved)
	m, res := c.g.metrics, c.result
	workload, operation := cmp.Or(c.who.Workload, "none"), c.operation()
	class := "none"
	if res.Status > 0 {
		class = strconv.Itoa(res.Status/100) + "xx"
	}
	m.inFlight.Dec()
	m.requests.WithLabelValues(workload, operation, class, cmp.Or(res.Aborted, "no")).Inc()
	m.count(workload, operation, res.Usage)
	now := c.g.cfg.Now()
	if !c.sent.IsZero() {
		m.upstream.WithLabelValues(c.backend.Name(), operation).Observe(now.Sub(c.sent).Seconds())
	}
	if c.g.cfg.Logger.Enabled(c.r.Context(), slog.LevelInfo) {
		c.log(now, workload, operation)
	}
}

// log writes the one line of a call.
func (c *call) log(now time.Time, workload, operation string) {
	res := c.result
	line := []slog.Attr{
		slog.String("call", c.id), slog.String("workload", workload), slog.String("operation", operation),
		slog.Int("status", res.Status), slog.Duration("duration", now.Sub(c.received)),
		slog.Int64("request_bytes", int64(len(c.body))), slog.Int64("response_bytes", res.Response.Bytes),
	}
	if c.sent.IsZero() {
		line = append(line, slog.String("refused", c.decision.Why))
	} else {
		line = append(line, slog.String("deployment", c.deployment), slog.String("backend", c.backend.Name()),
			slog.Bool("stream", c.peeked.Stream), slog.String("aborted", res.Aborted), slog.String("error_code", res.ErrorCode),
			slog.Int64("prompt_tokens", res.Usage.Prompt), slog.Int64("completion_tokens", res.Usage.Completion),
			slog.Bool("estimated", res.Usage.Estimated))
		if !res.FirstByte.IsZero() {
			line = append(line, slog.Duration("first_byte", res.FirstByte.Sub(c.received)))
		}
	}
	c.g.cfg.Logger.LogAttrs(c.r.Context(), slog.LevelInfo, "call", line...)
}
