package gateway

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// commits tells how long records wait for their disk, or for the store
// elsewhere that acknowledges them, and how many share one wait.
type commits struct {
	seconds prometheus.Histogram
	records prometheus.Histogram
}

// newCommits gives what is to be told of each commit; nil without a registry.
func newCommits(reg prometheus.Registerer) (func(time.Duration, int), error) {
	if reg == nil {
		return nil, nil //nolint:nilnil // nobody is to be told, and that is no error
	}
	c := commits{
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "ostiary_ledger_commit_seconds",
			Help:    "Time that a batch of records took to become durable; a call waits for two of them.",
			Buckets: []float64{.0001, .00015, .0002, .0003, .0005, .001, .002, .005, .01, .02, .05, .1, .5, 1, 5},
		}),
		records: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "ostiary_ledger_commit_records",
			Help:    "Records, and pieces of bodies, in such a batch.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 11),
		}),
	}
	for _, collector := range []prometheus.Collector{c.seconds, c.records} {
		if err := reg.Register(collector); err != nil {
			return nil, err
		}
	}
	return c.note, nil
}

func (c commits) note(took time.Duration, entries int) {
	c.seconds.Observe(took.Seconds())
	c.records.Observe(float64(entries))
}
