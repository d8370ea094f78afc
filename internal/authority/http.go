package authority

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/membership"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/revocation"
)

// Handler is the public API: enrol, renew and rotate, which prove a key by
// themselves; and for members by their certificate the list of revocations, and
// tickets of enrollers.
func (a *Authority) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST "+membership.EnrollPath, a.guesses.guard(a, answer(a, a.Enroll)))
	mux.Handle("POST "+membership.RenewPath, answer(a, a.Renew))
	mux.Handle("POST "+membership.RotatePath, answer(a, a.Rotate))
	mux.HandleFunc("GET "+membership.RevocationsPath, a.revocations)
	mux.HandleFunc("POST "+membership.TicketsPath, a.enrollerTickets)
	return mux
}

// The admin API's paths.
const (
	TicketsPath = "/admin/v1/tickets"
	MembersPath = "/admin/v1/members"
	RevokePath  = "/admin/v1/revoke"
)

// Ticket answers a TicketRequest. It is the one place where a ticket leaves the
// authority in clear.
type Ticket struct {
	Ticket string `json:"ticket"`
}

func revealed(t membership.Ticket, err error) (Ticket, error) {
	return Ticket{t.Encode().Reveal()}, err
}

// AdminHandler is the private API, for the admin listener alone.
func (a *Authority) AdminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST "+TicketsPath, answer(a, func(ctx context.Context, req TicketRequest) (Ticket, error) {
		return revealed(a.CreateTicket(ctx, req))
	}))
	mux.Handle("GET "+MembersPath, answer(a, func(ctx context.Context, _ struct{}) ([]Member, error) {
		return a.Members(ctx)
	}))
	mux.Handle("POST "+RevokePath, answer(a, a.Revoke))
	return mux
}

// member is who shows a certificate on the public door: one of ours, valid by
// our clock, and not revoked.
func (a *Authority) member(r *http.Request) (Member, error) {
	if r.TLS == nil {
		return Member{}, fault.New(fault.Unauthenticated, "this path is for members")
	}
	id, _, err := pki.VerifyPeer(*r.TLS, pki.Pool(a.ca.Certificate()), a.now())
	if err != nil {
		return Member{}, err
	}
	m, err := memberByID(r.Context(), a.store.db, id)
	if err != nil {
		return Member{}, a.store.failed(err)
	}
	if fingerprint := pki.Fingerprint(r.TLS.PeerCertificates[0]); m.Revoked != nil || m.Key != revocation.Key(fingerprint) {
		return Member{}, fault.New(fault.Denied, "this member, or this key of it, has been revoked")
	}
	return m, nil
}

// enrollerTickets makes a ticket for a member of role enroller.
func (a *Authority) enrollerTickets(w http.ResponseWriter, r *http.Request) {
	who, err := a.member(r)
	if err == nil && who.ID.Role != pki.Enroller {
		err = fault.New(fault.Denied, "only an enroller makes tickets from afar")
	}
	if err != nil {
		a.problem(w, r, err)
		return
	}
	answer(a, func(ctx context.Context, req TicketRequest) (Ticket, error) {
		return revealed(a.createFor(ctx, who, req))
	}).ServeHTTP(w, r)
}

// revocations gives a member the list, as soon as there is one that it does not
// have. An epoch that we have never reached gets our list too: the member can
// tell best what is wrong.
func (a *Authority) revocations(w http.ResponseWriter, r *http.Request) {
	if _, err := a.member(r); err != nil {
		a.problem(w, r, err)
		return
	}
	query := r.URL.Query()
	after, err := strconv.ParseUint(query.Get(membership.AfterQuery), 10, 64)
	seconds, holdErr := strconv.ParseUint(query.Get(membership.HoldQuery), 10, 16)
	if err != nil || holdErr != nil {
		a.problem(w, r, fault.New(fault.Invalid, "not a question for the revocation list"))
		return
	}
	list, err := a.newest(r.Context())
	if err == nil && after == list.epoch {
		a.await(r.Context(), list.changed, min(time.Duration(seconds)*time.Second, membership.MaxHold))
		list, err = a.newest(r.Context())
	}
	if err != nil {
		a.problem(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	if after == list.epoch {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(list.signed) // a member that left asks again
}

// newest is the list in force by the database itself: whoever is told that its
// list is the newest relies on it, so memory alone does not say so.
func (a *Authority) newest(ctx context.Context) (published, error) {
	if err := a.look(ctx); err != nil {
		return published{}, err
	}
	return a.published(), nil
}

// await returns when there is news, when the time is over, or when waiting
// makes no sense any more.
func (a *Authority) await(ctx context.Context, news <-chan struct{}, hold time.Duration) {
	timer := time.NewTimer(hold)
	defer timer.Stop()
	select {
	case <-news:
	case <-timer.C:
	case <-ctx.Done():
	case <-a.closing:
	}
}

// answer turns a function into a handler: JSON in, bounded and strict, and
// JSON or a Problem out.
func answer[In, Out any](a *Authority, do func(context.Context, In) (Out, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in In
		var out Out
		err := decode(w, r, &in)
		if err == nil {
			out, err = do(r.Context(), in)
		}
		if err != nil {
			a.problem(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_ = json.NewEncoder(w).Encode(out) // a client that left has no use for it
	})
}

// problem refuses, in our own words only.
func (a *Authority) problem(w http.ResponseWriter, r *http.Request, err error) {
	level := slog.LevelWarn
	if r.Context().Err() != nil { // the client left, and that may be all that was wrong
		level = slog.LevelDebug
	}
	a.log.Log(r.Context(), level, "refused", "path", r.URL.Path, "client", r.RemoteAddr, "err", err)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(fault.KindOf(err).HTTPStatus())
	_ = json.NewEncoder(w).Encode(membership.Problem{Error: fault.PublicText(err)})
}

func decode(w http.ResponseWriter, r *http.Request, into any) error {
	if r.Method == http.MethodGet {
		return nil
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, membership.MaxMessage))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fault.New(fault.Invalid, "the request is not the JSON that this path takes").Because(err)
	}
	return nil
}
