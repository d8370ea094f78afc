package serve

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ostiary/ostiary/internal/gateway"
	"github.com/ostiary/ostiary/internal/httpd"
)

// serveAPI serves the gateway's admin API on its socket, beside health and
// metrics. A socket that nobody asked for is no reason to fail: its path may be
// longer than a socket's may be, and not every file system has any.
func serveAPI(s gateway.Settings, api http.Handler, reg *prometheus.Registry, ready func() error, log *slog.Logger) func(context.Context) error {
	return func(ctx context.Context) error {
		address := s.AdminSocket()
		ln, err := httpd.Listen(address)
		if err != nil && s.Admin != address {
			log.Warn("no admin API, so no gateway status", "error", err)
			return nil
		}
		if err != nil {
			return err
		}
		return httpd.Serve(ctx, ln, httpd.Admin(reg, ready, api), nil, log)
	}
}
