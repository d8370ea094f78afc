package authority

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/membership"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/revocation"
)

// join enrols a member and loads it.
func (f *fixture) join(t *testing.T, req TicketRequest) *membership.Member {
	t.Helper()
	dir := t.TempDir()
	if _, err := membership.Enroll(t.Context(), f.ticket(t, req), dir); err != nil {
		t.Fatal(err)
	}
	return load(t, dir)
}

func load(t *testing.T, dir string) *membership.Member {
	t.Helper()
	m, err := membership.Load(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// run runs a member until the test ends.
func run(t *testing.T, m *membership.Member) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = m.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
}

// until waits for something that another goroutine is about to do.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain for ", what)
		}
	}
}

func (f *fixture) revoke(t *testing.T, req RevokeRequest) uint64 {
	t.Helper()
	answer, err := f.Revoke(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return answer.Epoch
}

// Who is revoked gets no certificate any more, by renewal, by its old ticket or
// by a new one; the log says why; and every node is told at once.
func TestRevokedMemberIsOut(t *testing.T) {
	f := newFixture(t)
	watcher := f.join(t, TicketRequest{Role: pki.Relay})
	run(t, watcher)
	ticket, dir := f.ticket(t, inletRequest), t.TempDir()
	if _, err := membership.Enroll(t.Context(), ticket, dir); err != nil {
		t.Fatal(err)
	}
	victim := load(t, dir)
	until(t, "the first list", func() bool { return watcher.Revocations().Epoch == 1 })

	cert, _ := victim.Certificate()
	cut := make(chan error, 1)
	watcher.Standing().Follow(cert.Leaf, func(why error) { cut <- why })
	if epoch := f.revoke(t, RevokeRequest{Member: victim.ID().String(), Reason: "laptop stolen"}); epoch != 2 {
		t.Errorf("the list is at epoch %d", epoch)
	}
	if err := <-cut; fault.KindOf(err) != fault.Denied {
		t.Errorf("cut because: %v", err)
	}
	if err := victim.Renew(t.Context()); fault.KindOf(err) != fault.Denied || !strings.Contains(err.Error(), "has been revoked") {
		t.Errorf("a revoked member renewed: %v", err)
	}
	if err := victim.Rotate(t.Context()); fault.KindOf(err) != fault.Denied {
		t.Errorf("a revoked member rotated its key: %v", err)
	}
	_ = os.Remove(filepath.Join(dir, "member.pem"))
	if _, err := membership.Enroll(t.Context(), ticket, dir); fault.KindOf(err) != fault.Denied {
		t.Errorf("a revoked member redeemed its old ticket: %v", err)
	}
	if _, err := membership.Enroll(t.Context(), f.ticket(t, TicketRequest{Role: pki.Relay}), dir); err == nil {
		t.Error("a revoked member's key joined again with a new ticket")
	}
	if _, err := membership.Enroll(t.Context(), f.ticket(t, inletRequest), t.TempDir()); fault.KindOf(err) != fault.Conflict {
		t.Errorf("a revoked member's name was given again: %v", err)
	}
	if last := f.log.records[len(f.log.records)-1]; !strings.Contains(last, `"kind":"revoke"`) ||
		!strings.Contains(last, victim.ID().String()) || !strings.Contains(last, "laptop stolen") || !strings.Contains(last, `"epoch":2`) {
		t.Errorf("the log ends in %s", last)
	}
	if strings.Contains(string(f.published().signed), "laptop") {
		t.Error("the list tells the reason")
	}
}

// Twice is once, for people who are in a hurry; what does not exist is said so.
func TestRevokeRequests(t *testing.T) {
	f := newFixture(t)
	m := f.join(t, inletRequest)
	f.revoke(t, RevokeRequest{Member: m.ID().String(), Reason: "first"})
	f.revoke(t, RevokeRequest{Member: m.ID().String(), Reason: "second"})
	members, err := f.Members(t.Context())
	if err != nil || members[0].Revoked == nil || members[0].Reason != "first" {
		t.Errorf("%+v, %v", members, err)
	}
	for name, c := range map[string]struct {
		req  RevokeRequest
		want fault.Kind
	}{
		"nobody":      {RevokeRequest{}, fault.Invalid},
		"both":        {RevokeRequest{Member: m.ID().String(), Serial: "1f"}, fault.Invalid},
		"unknown":     {RevokeRequest{Member: "spiffe://demo/inlet/x"}, fault.NotFound},
		"no name":     {RevokeRequest{Member: "x"}, fault.Invalid},
		"no serial":   {RevokeRequest{Serial: "xyz"}, fault.Invalid},
		"long reason": {RevokeRequest{Serial: "1f", Reason: strings.Repeat("x", 201)}, fault.Invalid},
	} {
		before := f.published().epoch
		if _, err := f.Revoke(t.Context(), c.req); fault.KindOf(err) != c.want || f.published().epoch != before {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What the log cannot hold does not happen.
func TestNothingIsRevokedUnlogged(t *testing.T) {
	f := newFixture(t)
	m := f.join(t, inletRequest)
	f.log.err = errors.New("disk full")
	if _, err := f.Revoke(t.Context(), RevokeRequest{Member: m.ID().String()}); fault.KindOf(err) != fault.Unavailable {
		t.Fatalf("revoked while the log fails: %v", err)
	}
	f.log.err = nil
	if err := m.Renew(t.Context()); err != nil {
		t.Error(err)
	}
}

// Epochs rise over a restart, and above what nodes have seen where the
// authority was restored from a backup. Entries leave the list a day later.
func TestEpochs(t *testing.T) {
	f := newFixture(t)
	m := f.join(t, inletRequest)
	f.revoke(t, RevokeRequest{Member: m.ID().String()})
	again, err := New(f.config())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if p := again.published(); p.epoch != 2 || string(p.signed) != string(f.published().signed) {
		t.Errorf("after a restart the list is at epoch %d", p.epoch)
	}
	if epoch := f.revoke(t, RevokeRequest{Serial: "1F", Above: 40}); epoch != 41 {
		t.Errorf("epoch %d, wanted above 40", epoch)
	}
	f.clock.Store(int64((listedFor + time.Minute) / time.Second))
	f.revoke(t, RevokeRequest{Serial: "2f"})
	l, err := revocation.Parse(f.published().signed, f.ca.Certificate())
	if err != nil || l.Epoch != 42 || l.Entries() != 1 || l.Serials[0] != "2f" {
		t.Errorf("a day later: %+v, %v", l, err)
	}
}

// A rotation gives the member a new key; the old one is on the list and good
// for nothing. A running node takes the new key up by itself.
func TestRotation(t *testing.T) {
	f := newFixture(t)
	dir := t.TempDir()
	if _, err := membership.Enroll(t.Context(), f.ticket(t, inletRequest), dir); err != nil {
		t.Fatal(err)
	}
	running, old := load(t, dir), load(t, dir)
	run(t, running)
	until(t, "the first list", func() bool { return running.Revocations().Epoch == 1 })
	if err := load(t, dir).Rotate(t.Context()); err != nil { // as the command does, in a process of its own
		t.Fatal(err)
	}
	fresh := load(t, dir)
	now, _ := fresh.Certificate()
	until(t, "the running node to take up its new key", func() bool {
		cert, _ := running.Certificate()
		return pki.Fingerprint(cert.Leaf) == pki.Fingerprint(now.Leaf)
	})
	before, _ := old.Certificate()
	if running.Standing().Check(before.Leaf) == nil || running.Standing().Check(now.Leaf) != nil {
		t.Errorf("old: %v, new: %v", running.Standing().Check(before.Leaf), running.Standing().Check(now.Leaf))
	}
	if err := old.Renew(t.Context()); fault.KindOf(err) != fault.Denied {
		t.Errorf("the old key renewed: %v", err)
	}
	if err := fresh.Renew(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "member.key.next")); err == nil {
		t.Error("the next key was left behind")
	}
}

// The answer to a rotation is lost: the node has its old key, which is revoked,
// and the next. Asking again ends it well.
func TestRotationWhoseAnswerIsLost(t *testing.T) {
	f := newFixture(t)
	dir := t.TempDir()
	if _, err := membership.Enroll(t.Context(), f.ticket(t, inletRequest), dir); err != nil {
		t.Fatal(err)
	}
	saved := map[string][]byte{}
	for _, name := range []string{"member.key", "member.pem"} {
		saved[name], _ = os.ReadFile(filepath.Join(dir, name))
	}
	if err := load(t, dir).Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	next, _ := os.ReadFile(filepath.Join(dir, "member.key"))
	saved["member.key.next"] = next
	for name, data := range saved { // as if the answer had never come
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m := load(t, dir)
	if err := m.Renew(t.Context()); fault.KindOf(err) != fault.Denied {
		t.Fatalf("the old key renewed: %v", err)
	}
	if err := m.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := load(t, dir).Renew(t.Context()); err != nil {
		t.Error(err)
	}
}

// Nobody rotates another's key, whatever requests of it he has seen.
func TestRotationNeedsTheOldKey(t *testing.T) {
	f := newFixture(t)
	f.join(t, inletRequest)
	members, _ := f.Members(t.Context())
	stranger := t.TempDir()
	if _, err := membership.Enroll(t.Context(), f.ticket(t, TicketRequest{Role: pki.Relay}), stranger); err != nil {
		t.Fatal(err)
	}
	key, _ := pki.ReadKey(filepath.Join(stranger, "member.key"))
	request, _ := pki.Request(key)
	for name, req := range map[string]membership.RotateRequest{
		"no proof":     {Old: []byte("x"), Request: request},
		"no old key":   {Request: request, Proof: []byte("x")},
		"bad request":  {Request: []byte("x")},
		"proof of air": {Old: f.ca.Certificate().RawSubjectPublicKeyInfo, Request: request, Proof: request},
	} {
		if _, err := f.Rotate(t.Context(), req); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	after, _ := f.Members(t.Context())
	if after[0].Key != members[0].Key {
		t.Error("a stranger changed a member's key")
	}
}

// An enroller makes tickets from afar, and can give no more than it has.
func TestEnroller(t *testing.T) {
	f := newFixture(t)
	has := map[string]string{"service": "openai", "team": "research"}
	enroller := f.join(t, TicketRequest{Role: pki.Enroller, Attributes: has})
	inlet := f.join(t, inletRequest)
	ask := func(m *membership.Member, req TicketRequest) (membership.Ticket, error) {
		var answer Ticket
		if err := m.Ask(t.Context(), membership.TicketsPath, req, &answer); err != nil {
			return membership.Ticket{}, err
		}
		return membership.ParseTicket(answer.Ticket)
	}
	ticket, err := ask(enroller, TicketRequest{Role: pki.Inlet, Attributes: has, Uses: 2, ExpiresIn: "1h"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := membership.Enroll(t.Context(), ticket, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	for name, req := range map[string]TicketRequest{
		"an outlet":         {Role: pki.Outlet, Attributes: has},
		"another enroller":  {Role: pki.Enroller, Attributes: has},
		"another service":   {Role: pki.Inlet, Attributes: map[string]string{"service": "billing"}},
		"another attribute": {Role: pki.Inlet, Attributes: map[string]string{"service": "openai", "admin": "yes"}},
		"too many":          {Role: pki.Inlet, Attributes: has, Uses: 11},
		"for too long":      {Role: pki.Inlet, Attributes: has, ExpiresIn: "2h"},
	} {
		if _, err := ask(enroller, req); fault.KindOf(err) != fault.Denied {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ask(inlet, TicketRequest{Role: pki.Inlet, Attributes: has}); fault.KindOf(err) != fault.Denied {
		t.Errorf("an inlet made a ticket: %v", err)
	}
	rec := httptest.NewRecorder()
	f.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodPost, membership.TicketsPath, strings.NewReader("{}")))
	if rec.Code != http.StatusUnauthorized {
		t.Errorf("without a certificate: %d", rec.Code)
	}
	// With the enroller, its tickets are out too.
	f.revoke(t, RevokeRequest{Member: enroller.ID().String()})
	if _, err := membership.Enroll(t.Context(), ticket, t.TempDir()); fault.KindOf(err) != fault.Denied {
		t.Errorf("a revoked enroller's ticket was redeemed: %v", err)
	}
	if _, err := ask(enroller, TicketRequest{Role: pki.Inlet, Attributes: has}); fault.KindOf(err) != fault.Denied {
		t.Errorf("a revoked enroller made a ticket: %v", err)
	}
}

// Guessing at speed ends after ten tries a minute; others are not hurt, and a
// right ticket serves again when the minute is over.
func TestGuessesAreLimited(t *testing.T) {
	f := newFixture(t)
	key := keyRequest(t)
	guess := func(from, code string) int {
		body, _ := json.Marshal(membership.EnrollRequest{Code: code, Request: key})
		req := httptest.NewRequest(http.MethodPost, membership.EnrollPath, strings.NewReader(string(body)))
		req.RemoteAddr = from
		rec := httptest.NewRecorder()
		f.Handler().ServeHTTP(rec, req)
		return rec.Code
	}
	for n := range 40 {
		want := http.StatusForbidden
		if n >= maxGuesses {
			want = http.StatusTooManyRequests
		}
		if got := guess("192.0.2.1:1000", "guess"); got != want {
			t.Fatalf("guess %d: %d, want %d", n, got, want)
		}
	}
	good := f.ticket(t, inletRequest).Code.Reveal()
	if got := guess("192.0.2.1:2000", good); got != http.StatusTooManyRequests {
		t.Errorf("the right ticket from there: %d", got)
	}
	f.clock.Store(61)
	if got := guess("192.0.2.1:3000", good); got != http.StatusOK {
		t.Errorf("the right ticket a minute later: %d", got)
	}
	// One customer's whole /64 counts as one, another's does not.
	for range maxGuesses {
		guess("[2001:db8::1]:1", "guess")
	}
	if got := guess("[2001:db8::2]:1", "guess"); got != http.StatusTooManyRequests {
		t.Errorf("another address of the same network: %d", got)
	}
	if got := guess("[2001:db8:0:1::2]:1", "guess"); got != http.StatusForbidden {
		t.Errorf("another network: %d", got)
	}
}

// However many addresses guess, what is remembered is bounded.
func TestGuessersAreBounded(t *testing.T) {
	var g guesses
	now := time.Now()
	for i := range 3 * maxGuessers {
		g.add(prefix(fmt.Sprintf("10.%d.%d.1:1", i>>8, i&255)), now)
	}
	if len(g.count) > maxGuessers+1 {
		t.Errorf("%d addresses are remembered", len(g.count))
	}
}

// keyRequest is a certificate request for a new key.
func keyRequest(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	request, err := pki.Request(key)
	if err != nil {
		t.Fatal(err)
	}
	return request
}
