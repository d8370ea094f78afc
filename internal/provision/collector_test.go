package provision

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/ostiary/ostiary/internal/fault"
)

// Before the workload is planned, the registry must hold the collector; where
// it does not, the command that brings it there is said.
func TestCollectorIsInTheRegistry(t *testing.T) {
	status := http.StatusOK
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v2/":
		case "/v2/otel/collector/manifests/" + someDigest:
			w.Header().Set("Content-Type", "application/vnd.oci.image.index.v1+json")
			w.Header().Set("Docker-Content-Digest", someDigest)
			w.Header().Set("Content-Length", "2")
			w.WriteHeader(status)
		default:
			t.Errorf("asked for %s", r.URL)
		}
	}))
	defer registry.Close()
	server := strings.TrimPrefix(registry.URL, "http://")
	m := Metrics{Collector: "otel/collector@" + someDigest}
	there := func() error { return m.imported(t.Context(), server, authn.Anonymous, http.DefaultTransport) }
	if err := there(); err != nil {
		t.Error(err)
	}
	for code, want := range map[int]struct {
		kind fault.Kind
		text string
	}{
		http.StatusNotFound:  {fault.NotFound, "--source docker.io/otel/opentelemetry-collector-contrib@" + someDigest + " --repository otel/collector`"},
		http.StatusForbidden: {fault.Unavailable, "AcrPush"},
	} {
		status = code
		if err := there(); fault.KindOf(err) != want.kind || !strings.Contains(err.Error(), want.text) {
			t.Errorf("%d: %v", code, err)
		}
	}
}
