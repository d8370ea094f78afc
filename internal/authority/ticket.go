package authority

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/membership"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/secret"
)

// TicketRequest is what an administrator asks for.
type TicketRequest struct {
	Role       pki.Role          `json:"role"`
	Name       string            `json:"name,omitempty"` // of the member; empty lets the authority choose
	Attributes map[string]string `json:"attributes,omitempty"`
	ExpiresIn  string            `json:"expires_in,omitempty"` // Go duration; empty means 10m
	Uses       int               `json:"uses,omitempty"`       // 0 means 1
}

// CreateTicket makes a ticket and keeps only the hash of its code.
func (a *Authority) CreateTicket(ctx context.Context, req TicketRequest) (membership.Ticket, error) {
	return a.createTicket(ctx, req, "")
}

// What an enroller may ask for, whatever its own certificate says.
const (
	enrollerIn   = time.Hour
	enrollerUses = 10
)

// createFor makes a ticket for an enroller, which can give no more than it has:
// inlets alone, of its own service, with attributes of its own.
func (a *Authority) createFor(ctx context.Context, who Member, req TicketRequest) (membership.Ticket, error) {
	in, _ := time.ParseDuration(req.ExpiresIn)
	if req.Role != pki.Inlet || in > enrollerIn || req.Uses > enrollerUses {
		return membership.Ticket{}, fault.New(fault.Denied, "an enroller makes tickets for inlets, for an hour and ten uses at most")
	}
	for k, v := range req.Attributes {
		if own, ok := who.Attributes[k]; !ok || own != v {
			return membership.Ticket{}, fault.New(fault.Denied, "an enroller cannot give an attribute that it does not have").At(k)
		}
	}
	return a.createTicket(ctx, req, who.ID.String())
}

func (a *Authority) createTicket(ctx context.Context, req TicketRequest, maker string) (membership.Ticket, error) {
	t, err := req.check()
	if err != nil {
		return membership.Ticket{}, err
	}
	t.maker = maker
	code := make([]byte, membership.CodeSize)
	_, _ = rand.Read(code) // never fails, crypto/rand says
	in, _ := time.ParseDuration(req.ExpiresIn)
	if in == 0 {
		in = DefaultTicketIn
	}
	now := a.now()
	text := base64.RawURLEncoding.EncodeToString(code)
	t.hash, t.expires = sha256.Sum256([]byte(text)), now.Add(in)
	if err := a.store.addTicket(ctx, t, now); err != nil {
		return membership.Ticket{}, err
	}
	a.log.Info("ticket created", "role", string(t.role), "name", t.name, "uses", t.uses, "expires", t.expires, "maker", maker)
	return membership.Ticket{
		Authority: a.cfg.Address,
		Project:   a.cfg.Project,
		Pin:       pki.Fingerprint(a.ca.Certificate()),
		Code:      secret.New(text),
	}, nil
}

// check refuses what would make a member nobody can name or judge.
func (req TicketRequest) check() (ticket, error) {
	role, err := pki.ParseRole(string(req.Role))
	if err != nil || role == pki.Authority {
		return ticket{}, fault.New(fault.Invalid, "no ticket for this role").At("role").Fix("use inlet, outlet, relay, gateway or enroller")
	}
	if req.Name != "" && !pki.ValidLabel(req.Name) {
		return ticket{}, fault.New(fault.Invalid, "not a member's name").At("name").Fix("use a-z, 0-9, - and .")
	}
	uses := max(req.Uses, 1)
	if req.Uses < 0 || uses > MaxUses || uses > 1 && req.Name != "" {
		return ticket{}, fault.New(fault.Invalid, "a number of uses that cannot be").At("uses").
			Fix("use 1 to 1000, and 1 where the ticket names its member")
	}
	in, err := time.ParseDuration(req.ExpiresIn)
	if req.ExpiresIn != "" && (err != nil || in <= 0 || in > MaxTicketIn) {
		return ticket{}, fault.New(fault.Invalid, "not a time to live for a ticket").At("expires_in").Fix("write for example 10m, at most 168h")
	}
	if len(req.Attributes) > pki.MaxAttributes {
		return ticket{}, fault.New(fault.TooLarge, "too many attributes").At("attributes")
	}
	for k, v := range req.Attributes {
		if _, _, err := pki.ParseAttribute(k + "=" + v); err != nil {
			return ticket{}, err
		}
	}
	if s := req.Attributes[ServiceAttribute]; s != "" && !pki.ValidLabel(s) ||
		s == "" && (role == pki.Inlet || role == pki.Outlet || role == pki.Enroller) {
		return ticket{}, fault.New(fault.Invalid, "an inlet, outlet or enroller needs the name of its service").At("service").
			Fix("add --service NAME, with a-z, 0-9, - and .")
	}
	return ticket{role: role, name: req.Name, attributes: maps.Clone(req.Attributes), uses: uses}, nil
}

// Members lists who belongs to the project.
func (a *Authority) Members(ctx context.Context) ([]Member, error) {
	all, err := a.store.members(ctx)
	return all, a.store.failed(err)
}
