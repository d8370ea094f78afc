package gateway

import (
	"cmp"
	"log/slog"
	"strconv"
	"sync/atomic"
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
	first    *prometheus.HistogramVec
	speed    *prometheus.HistogramVec
	retries  *prometheus.CounterVec
	limited  *prometheus.CounterVec
	inFlight atomic.Int64
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
		first: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "ostiary_gateway_first_token_seconds",
			Help:    "Time from sending a request to the backend that answers it until the first text of its stream went to the client.",
			Buckets: []float64{.05, .1, .2, .35, .5, .75, 1, 1.5, 2.5, 5, 10, 30, 60},
		}, []string{"workload", "operation", "backend"}),
		speed: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "ostiary_gateway_tokens_per_second",
			Help:    "Tokens of a whole stream after its first, by the backend's count and without reasoning, by the time from its first text to its end.",
			Buckets: []float64{5, 10, 20, 30, 40, 60, 80, 120, 160, 250, 500},
		}, []string{"workload", "operation", "backend"}),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ostiary_gateway_retries_total",
			Help: "Calls that went on to another backend, by the backend that could not answer and why: throttled, failed, unreachable.",
		}, []string{"backend", "reason"}),
		limited: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ostiary_gateway_limited_total",
			Help: "Calls refused because of their workload's limits, by the limit: requests, tokens; unknown where the shared ones cannot be counted.",
		}, []string{"workload", "limit"}),
	}
	inFlight := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "ostiary_gateway_in_flight", Help: "Calls under way.",
	}, func() float64 { return float64(m.inFlight.Load()) })
	if reg == nil {
		return m, nil
	}
	for _, collector := range []prometheus.Collector{m.requests, m.tokens, m.upstream, m.first, m.speed, m.retries, m.limited, inFlight} {
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

// pace notes how quickly a stream came.
func (c *call) pace(workload, operation string) {
	res := &c.result
	if res.FirstToken.IsZero() {
		return
	}
	labels := []string{workload, operation, c.backend.Name()}
	c.g.metrics.first.WithLabelValues(labels...).Observe(res.FirstToken.Sub(c.sent).Seconds())
	tokens, took := res.Usage.Completion-res.Usage.Reasoning-1, c.told.Sub(res.FirstToken)
	if !res.Usage.Estimated && tokens > 0 && took > 0 {
		c.g.metrics.speed.WithLabelValues(labels...).Observe(float64(tokens) / took.Seconds())
	}
}

// end gives back what the call held, and tells metrics and log of it: ids and
// numbers, and names that policy knows.
func (c *call) end() {
	c.g.budget.Release(c.budgeted)
	c.attempt.Release()
	if c.settleUse != nil {
		c.settleUse(c.result.Usage.Total)
	}
	m, res := c.g.metrics, c.result
	workload, operation := cmp.Or(c.who.Workload, "none"), c.operation()
	class := "none"
	if res.Status > 0 {
		class = strconv.Itoa(res.Status/100) + "xx"
	}
	m.inFlight.Add(-1)
	m.requests.WithLabelValues(workload, operation, class, cmp.Or(res.Aborted, "no")).Inc()
	m.count(workload, operation, res.Usage)
	now := c.g.cfg.Now()
	if !c.sent.IsZero() {
		m.upstream.WithLabelValues(c.backend.Name(), operation).Observe(now.Sub(c.sent).Seconds())
		c.pace(workload, operation)
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
