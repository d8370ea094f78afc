package authority

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/membership"
)

// Handler is the public API: enrol and renew.
func (a *Authority) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST "+membership.EnrollPath, answer(a, a.Enroll))
	mux.Handle("POST "+membership.RenewPath, answer(a, a.Renew))
	return mux
}

// The admin API's paths.
const (
	TicketsPath = "/admin/v1/tickets"
	MembersPath = "/admin/v1/members"
)

// Ticket is the admin API's answer to a TicketRequest. It is the one place
// where a ticket leaves the authority in clear.
type Ticket struct {
	Ticket string `json:"ticket"`
}

// AdminHandler is the private API, for the admin listener alone.
func (a *Authority) AdminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST "+TicketsPath, answer(a, func(ctx context.Context, req TicketRequest) (Ticket, error) {
		t, err := a.CreateTicket(ctx, req)
		return Ticket{t.Encode().Reveal()}, err
	}))
	mux.Handle("GET "+MembersPath, answer(a, func(ctx context.Context, _ struct{}) ([]Member, error) {
		return a.Members(ctx)
	}))
	return mux
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
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		if err == nil {
			_ = json.NewEncoder(w).Encode(out) // a client that left has no use for it
			return
		}
		a.log.Warn("refused", "path", r.URL.Path, "client", r.RemoteAddr, "err", err)
		w.WriteHeader(fault.KindOf(err).HTTPStatus())
		_ = json.NewEncoder(w).Encode(membership.Problem{Error: fault.PublicText(err)})
	})
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
