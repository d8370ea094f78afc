package portal

import (
	"context"
	"encoding/json"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/httpd"
)

// serveHTTP takes requests in place of connections: clients share streams, the
// Host may be another, and what goes wrong is an HTTP answer. Bodies pass as
// they come, events too; an answer that is cut on the way cuts the client's.
func (in *Inlet) serveHTTP(ctx context.Context, ln net.Listener) error {
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return in.open(ctx)
		},
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     90 * time.Second,
		DisableCompression:  true, // bytes pass as they are
	}
	defer transport.CloseIdleConnections()
	proxy := &httputil.ReverseProxy{
		Transport:     transport,
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0),
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", in.cfg.Service // no name is looked up: DialContext knows the way
			if r.Out.Host = r.In.Host; in.cfg.HTTP.Host != "" {
				r.Out.Host = in.cfg.HTTP.Host
			}
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			in.metrics.refused.Inc()
			in.log.Log(r.Context(), slog.LevelWarn, "request failed", "err", err)
			status := http.StatusBadGateway
			if kind := fault.KindOf(err); kind == fault.Unavailable || kind == fault.Throttled {
				status = http.StatusServiceUnavailable
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]string{
				"code": http.StatusText(status), "message": "the portal could not carry this request; its inlet's log says why",
			}})
		},
	}
	return httpd.Serve(ctx, ln, proxy, in.cfg.TLS, in.log)
}
