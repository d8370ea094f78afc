package node

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ostiary/ostiary/internal/httpd"
	"github.com/ostiary/ostiary/internal/membership"
	"github.com/ostiary/ostiary/internal/portal"
	"github.com/ostiary/ostiary/internal/relay"
	"github.com/ostiary/ostiary/internal/revocation"
)

// join loads a node's membership, and the metrics that tell of it.
func join(env *Env, dir string, r revocation.Settings) (*membership.Member, *prometheus.Registry, error) {
	me, err := membership.Load(dir, env.Log)
	if err != nil {
		return nil, nil, err
	}
	me.SetMaxAge(r.MaxAge)
	reg := Registry()
	gauge := func(name, help string, value func() float64) {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "ostiary_member_" + name, Help: help}, value))
	}
	gauge("certificate_seconds", "Seconds until the member's certificate expires.", func() float64 {
		return time.Until(me.Expires()).Seconds()
	})
	gauge("revocation_epoch", "Epoch of the revocation list in force.", func() float64 {
		return float64(me.Revocations().Epoch)
	})
	gauge("revocation_age_seconds", "Seconds since the authority last said that this list is its newest.", func() float64 {
		return me.Revocations().Age.Seconds()
	})
	return me, reg, nil
}

// StatusPath is where a node's private listener tells how it is.
const StatusPath = "/admin/v1/status"

// Status is how a node is, never what it carries.
type Status struct {
	Member      string            `json:"member"`
	Attributes  map[string]string `json:"attributes"`
	Expires     time.Time         `json:"expires"` // of its certificate
	Ready       string            `json:"ready"`   // "yes", or why not
	Revocations revocation.State  `json:"revocations"`
	Sessions    []Session         `json:"sessions"`
}

// Session is one that stands now. Of a relay it is a pair of legs; what goes on
// inside it cannot see, and its metrics count the bytes.
type Session struct {
	Peer      string        `json:"peer"`             // the other end; of a relay the inlet
	Outlet    string        `json:"outlet,omitempty"` // of a relay
	Relay     string        `json:"relay,omitempty"`  // by which it goes
	Since     time.Time     `json:"since"`
	Streams   int           `json:"streams,omitempty"`
	Sent      int64         `json:"sent,omitempty"`       // bytes
	Received  int64         `json:"received,omitempty"`   // bytes
	RoundTrip time.Duration `json:"round_trip,omitempty"` // nanoseconds, of the last ping
}

// sessionsOf tells of an end's sessions.
func sessionsOf(end interface{ Sessions() []portal.SessionStatus }) func() []Session {
	return func() []Session {
		all := []Session{}
		for _, s := range end.Sessions() {
			all = append(all, Session{
				Peer: s.Peer, Relay: s.Relay, Since: s.Since, Streams: s.Streams,
				Sent: s.Sent, Received: s.Received, RoundTrip: s.RoundTrip,
			})
		}
		return byAge(all)
	}
}

// pairsOf tells of a relay's.
func pairsOf(r *relay.Relay) func() []Session {
	return func() []Session {
		all := []Session{}
		for _, p := range r.Pairs() {
			all = append(all, Session{Peer: p.Inlet, Outlet: p.Outlet, Since: p.Since})
		}
		return byAge(all)
	}
}

func byAge(all []Session) []Session {
	slices.SortFunc(all, func(a, b Session) int { return a.Since.Compare(b.Since) })
	return all
}

// adminAddress is the configured one, or a socket in the node's directory.
func adminAddress(configured, dir string) string {
	if configured != "" {
		return configured
	}
	return "unix:" + filepath.Join(dir, "admin.sock")
}

// serveNode is a node's private listener: health, metrics and status. The
// socket that nobody asked for is no reason to fail: its path may be longer
// than a socket's may be.
func serveNode(env *Env, me *membership.Member, configured, dir string, reg *prometheus.Registry, ready func() error, sessions func() []Session) func(context.Context) error {
	return func(ctx context.Context) error {
		ln, err := httpd.Listen(adminAddress(configured, dir))
		if err != nil && configured == "" {
			env.Log.Warn("no private listener, so no portal status", "err", err)
			return nil
		}
		if err != nil {
			return err
		}
		mux := http.NewServeMux()
		mux.HandleFunc("GET "+StatusPath, func(w http.ResponseWriter, _ *http.Request) {
			s := Status{
				Member: me.ID().String(), Attributes: me.Attributes(), Expires: me.Expires().UTC(), Ready: "yes",
				Revocations: me.Revocations(), Sessions: sessions(),
			}
			if err := ready(); err != nil {
				s.Ready = err.Error()
			}
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(s) // a client that left has no use for it
		})
		return httpd.Serve(ctx, ln, httpd.Admin(reg, ready, mux), nil, env.Log)
	}
}

// adminClient speaks to a private listener, HOST:PORT or unix:PATH, and gives
// the URL that it is at.
func adminClient(address string) (*http.Client, string) {
	if socket, ok := strings.CutPrefix(address, "unix:"); ok {
		return httpd.UnixClient(socket), "http://admin"
	}
	return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DialContext: (&net.Dialer{}).DialContext}}, "http://" + address
}
