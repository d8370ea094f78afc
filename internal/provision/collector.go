package provision

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/ostiary/ostiary/internal/fault"
)

// Metrics go to Application Insights, by a collector beside the gateway.
type Metrics struct {
	Collector string        `yaml:"collector" config:"required" doc:"image of the OpenTelemetry Collector, contrib distribution, in the estate's registry, by digest: REPOSITORY@sha256:…"`
	Interval  time.Duration `yaml:"interval" doc:"how often the gateway is asked, 10s to 5m; default 1m"`
}

// collectorImage is what the module's variable takes too.
var collectorImage = regexp.MustCompile(`^[a-z0-9._/-]+@sha256:[0-9a-f]{64}$`)

func (a *Audit) check(report func(path, what, fix string), n Network) {
	m := a.Metrics
	if m == nil {
		return
	}
	if a.Off {
		report("audit.metrics", "metrics of an audit that is off", "leave out off, or metrics")
	}
	if n.Egress == "none" {
		report("audit.metrics", "no way out to Azure Monitor", "use egress nat or firewall: metrics go to its public endpoint")
	}
	if !collectorImage.MatchString(m.Collector) {
		report("audit.metrics.collector", "not an image by digest", "write REPOSITORY@sha256:… as it is in the estate's registry; `az acr import` brings it there")
	}
	if m.Interval != 0 && (m.Interval < 10*time.Second || m.Interval > 5*time.Minute || m.Interval%time.Second != 0) {
		report("audit.metrics.interval", "too often or too seldom", "use whole seconds from 10s to 5m")
	}
}

func (m Metrics) variables() map[string]any {
	v := variables{"image": m.Collector}
	v.set("interval_seconds", int(m.Interval/time.Second), m.Interval != 0)
	return v
}

// imported demands that the registry holds the collector's image. It is
// somebody else's, so that it is brought there by hand and not by a run of ours.
func (m Metrics) imported(ctx context.Context, server string, login authn.Authenticator, rt http.RoundTripper) error {
	ref, err := name.NewDigest(server+"/"+m.Collector, registryOptions(server)...)
	if err != nil {
		return fault.New(fault.Invalid, "not an image of the registry").At("audit.metrics.collector").Because(err)
	}
	_, err = remote.Head(ref, remote.WithContext(ctx), remote.WithAuth(login), remote.WithTransport(rt), remote.WithUserAgent("ostiary"))
	if refused, ok := errors.AsType[*transport.Error](err); ok && refused.StatusCode == http.StatusNotFound {
		registry, _, _ := strings.Cut(server, ".")
		repo, digest, _ := strings.Cut(m.Collector, "@")
		return fault.New(fault.NotFound, "the collector's image is not in the registry").At(server + "/" + m.Collector).
			Fix("run `az acr import --name " + registry + " --source docker.io/otel/opentelemetry-collector-contrib@" + digest + " --repository " + repo + "`, and then the same command again")
	}
	if err != nil {
		return fault.New(fault.Unavailable, "the registry does not say whether it has the collector's image").At(server).Because(err).
			Fix("see that the login has AcrPush (new roles take minutes) and that the registry's operators include this address")
	}
	return nil
}
