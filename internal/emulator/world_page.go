package emulator

import (
	"context"
	"crypto/subtle"
	_ "embed"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/place"
	"github.com/ostiary/ostiary/internal/posture"
	"github.com/ostiary/ostiary/internal/report"
)

// The frame around the report: it reloads the report when the network changes.
//
//go:embed world.html
var framePage []byte

const waitTime = 25 * time.Second // of one question for changes

// servePage shows the network, and serves the command line. Whoever may read
// the page is this machine's; what the command line asks for takes the token of
// the state directory, which a page of a browser does not have.
func (w *world) servePage(ctx context.Context) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", w.pageFrame)
	mux.HandleFunc("GET /report", w.pageReport)
	mux.HandleFunc("GET /changed", w.pageChanged)
	mux.HandleFunc("GET /api/place", w.held(w.apiPlace))
	mux.HandleFunc("POST /api/listen", w.held(w.apiListen))
	mux.Handle("GET /at/{id}/msi/token", w.tokens)
	server := &http.Server{
		Handler:           ownHost(mux),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(w.log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return ctx }, // ends what waits for a change
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(w.page); err != nil && ctx.Err() == nil {
		w.log.Error("the network's page failed", "err", err)
	}
}

// ownHost refuses names other than loopback's: a page elsewhere must not read
// this one by a name of its own that leads here (DNS rebinding).
func ownHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) {
			http.Error(w, "This page is on loopback alone.", http.StatusMisdirectedRequest)
			return
		}
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

func (w *world) pageFrame(rw http.ResponseWriter, _ *http.Request) {
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	rw.Header().Set("Content-Security-Policy", "default-src 'none'; frame-src 'self'; connect-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	_, _ = rw.Write(framePage)
}

// pageReport judges the network as it is in effect.
func (w *world) pageReport(rw http.ResponseWriter, r *http.Request) {
	t := w.history.view()
	judged := posture.Judge(t.Estate(), t, posture.Options{Now: w.now(), Source: "the emulated subscription " + w.settings.Subscription, Taken: w.now()})
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	rw.Header().Set("X-Frame-Options", "SAMEORIGIN")
	if err := report.HTML(rw, judged); err != nil && r.Context().Err() == nil {
		w.log.Error("the network's page cannot be drawn", "err", err)
	}
}

// pageChanged answers when the network changes, or after a while: 205 says that
// it has, 204 that it has not.
func (w *world) pageChanged(rw http.ResponseWriter, r *http.Request) {
	w.history.refresh()
	select {
	case <-w.history.next():
		rw.WriteHeader(http.StatusResetContent)
	case <-time.After(waitTime):
		rw.WriteHeader(http.StatusNoContent)
	case <-r.Context().Done():
	}
}

// held lets only those in who hold the token.
func (w *world) held(next http.HandlerFunc) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Ostiary-Token")), []byte(w.token)) != 1 {
			http.Error(rw, "The token of the state directory is needed.", http.StatusUnauthorized)
			return
		}
		next(rw, r)
	}
}

// Standing is what a place is, for the command line.
type Standing struct {
	Place     string `json:"place"`
	DNS       string `json:"dns"`       // address of a DNS server on loopback that answers as there
	Addresses string `json:"addresses"` // of the place; empty for the internet
	// IdentityEndpoint and IdentityHeader are where the place's managed
	// identities get tokens, as App Service has it; empty where there are none.
	IdentityEndpoint string `json:"identity_endpoint,omitempty"`
	IdentityHeader   string `json:"identity_header,omitempty"`
}

func (w *world) apiPlace(rw http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("from")
	dns, err := w.places.DNS(r.Context(), name)
	if err != nil {
		writeFault(rw, err)
		return
	}
	spot, err := w.places.Spot(name)
	if err != nil {
		writeFault(rw, err)
		return
	}
	s := Standing{Place: name, DNS: dns}
	if spot.Address.IsValid() {
		s.Addresses = spot.Address.String()
	}
	if len(w.identities(spot.ID)) > 0 {
		s.IdentityEndpoint, s.IdentityHeader = "http://"+w.page.Addr().String()+identityPath(spot.ID), w.identityHeader(spot.ID)
	}
	writeJSON(rw, http.StatusOK, s)
}

// apiListen puts a program into the network for as long as the request lasts.
func (w *world) apiListen(rw http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	port, err := strconv.ParseUint(q.Get("port"), 10, 16)
	if err != nil {
		writeFault(rw, fault.New(fault.Invalid, "not a port").At("port"))
		return
	}
	take, err := w.places.Offer(place.Service{At: q.Get("from"), Port: uint16(port), To: q.Get("to")})
	if err != nil {
		writeFault(rw, err)
		return
	}
	defer take()
	rw.WriteHeader(http.StatusOK)
	if http.NewResponseController(rw).Flush() == nil {
		<-r.Context().Done()
	}
}

// failure is how the command line hears of an error.
type failure struct {
	Kind  fault.Kind `json:"kind"`
	What  string     `json:"what"`
	Where string     `json:"where"`
	Fix   string     `json:"fix"`
}

func writeFault(rw http.ResponseWriter, err error) {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		f = fault.New(fault.Internal, "it failed")
	}
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(f.Kind.HTTPStatus())
	_ = json.NewEncoder(rw).Encode(failure{f.Kind, f.What, f.Where, f.Hint})
}

// ReadFault reads the error that the page's API answers with.
func ReadFault(r io.Reader) error {
	var f failure
	if err := json.NewDecoder(r).Decode(&f); err != nil || f.What == "" {
		return fault.New(fault.Upstream, "the emulator's answer is not readable")
	}
	return fault.New(f.Kind, f.What).At(f.Where).Fix(f.Fix)
}
