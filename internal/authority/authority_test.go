package authority

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/membership"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/secret"
)

// memoryLog keeps what was issued, or fails.
type memoryLog struct {
	mu      sync.Mutex
	records []string
	err     error
}

func (l *memoryLog) Append(_ context.Context, payloads ...[]byte) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return 0, l.err
	}
	for _, p := range payloads {
		l.records = append(l.records, string(p))
	}
	return uint64(len(l.records) - 1), nil
}

func (l *memoryLog) Close() error { return nil }

func (l *memoryLog) Each(visit func(uint64, []byte) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, r := range l.records {
		if err := visit(uint64(i), []byte(r)); err != nil {
			return err
		}
	}
	return nil
}

// fixture is an authority behind its real public door, with a clock to turn.
type fixture struct {
	*Authority
	dir    string
	log    *memoryLog
	clock  atomic.Int64 // added to the time, in seconds
	server *httptest.Server

	database secret.String
}

// newDatabase makes what newFixture keeps its authority in: nil is SQLite.
var newDatabase func(*testing.T) secret.String

func (f *fixture) config() Config {
	return Config{Project: "demo", Directory: f.dir, Issuance: f.log, Database: f.database, Now: func() time.Time {
		return time.Now().Add(time.Duration(f.clock.Load()) * time.Second)
	}}
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{dir: t.TempDir(), log: &memoryLog{}}
	if newDatabase != nil {
		f.database = newDatabase(t)
	}
	a, err := New(f.config())
	if err != nil {
		t.Fatal(err)
	}
	f.Authority = a
	t.Cleanup(func() { _ = a.Close() })
	f.server = httptest.NewUnstartedServer(a.Handler())
	if f.server.TLS, err = a.TLS(); err != nil {
		t.Fatal(err)
	}
	f.server.StartTLS()
	t.Cleanup(f.server.Close)
	t.Cleanup(func() { close(a.closing) }) // as Run does, before the server waits for its handlers
	a.cfg.Address = f.server.Listener.Addr().String()
	return f
}

func (f *fixture) ticket(t *testing.T, req TicketRequest) membership.Ticket {
	t.Helper()
	ticket, err := f.CreateTicket(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return ticket
}

var inletRequest = TicketRequest{Role: pki.Inlet, Name: "health-corp", Attributes: map[string]string{"service": "openai", "team": "research"}}

func TestTicketBecomesAMember(t *testing.T) {
	f := newFixture(t)
	dir := t.TempDir()
	id, err := membership.Enroll(t.Context(), f.ticket(t, inletRequest), dir)
	if err != nil {
		t.Fatal(err)
	}
	if id.String() != "spiffe://demo/inlet/health-corp" {
		t.Errorf("enrolled as %s", id)
	}
	m, err := membership.Load(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if m.ID() != id || m.Attributes()["team"] != "research" {
		t.Errorf("loaded %s with %v", m.ID(), m.Attributes())
	}
	members, err := f.Members(t.Context())
	if err != nil || len(members) != 1 || members[0].ID != id {
		t.Fatalf("members: %v, %v", members, err)
	}
	cert, _ := m.Certificate()
	if got := members[0]; got.Serial != cert.Leaf.SerialNumber.Text(16) || got.Expires == nil || !got.Expires.Equal(m.Expires()) || got.Revoked != nil {
		t.Errorf("the authority knows %+v of a certificate until %s", got, m.Expires())
	}
	if len(f.log.records) != 2 || !strings.Contains(f.log.records[1], id.String()) { // the first founded the project
		t.Errorf("issuance log: %v", f.log.records)
	}
}

// The answer is lost after the authority has committed: the same key, asked
// again, gets the same member; another key gets nothing.
func TestRedemptionIsIdempotentForOneKey(t *testing.T) {
	f := newFixture(t)
	ticket, dir := f.ticket(t, inletRequest), t.TempDir()
	first, err := membership.Enroll(t.Context(), ticket, dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "member.pem")); err != nil { // as if the answer had never come
		t.Fatal(err)
	}
	f.clock.Store(3600) // even once the ticket has expired
	again, err := membership.Enroll(t.Context(), ticket, dir)
	if err != nil || again != first {
		t.Fatalf("the same key redeemed again: %s, %v", again, err)
	}
	f.clock.Store(0)
	_, err = membership.Enroll(t.Context(), ticket, t.TempDir())
	if fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "used by another key") {
		t.Fatalf("another key redeemed it: %v", err)
	}
	if members, _ := f.Members(t.Context()); len(members) != 1 {
		t.Errorf("%d members", len(members))
	}
}

func TestManyKeysRaceForOneTicket(t *testing.T) {
	f := newFixture(t)
	ticket := f.ticket(t, TicketRequest{Role: pki.Outlet, Attributes: map[string]string{"service": "openai"}, Uses: 3})
	var won atomic.Int32
	var wg sync.WaitGroup
	for range 12 {
		dir := t.TempDir()
		wg.Go(func() {
			switch _, err := membership.Enroll(t.Context(), ticket, dir); {
			case err == nil:
				won.Add(1)
			case fault.KindOf(err) != fault.Conflict:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 3 {
		t.Errorf("a ticket for 3 was redeemed by %d keys", won.Load())
	}
}

func TestTicketsThatDoNotServe(t *testing.T) {
	f := newFixture(t)
	expired := f.ticket(t, TicketRequest{Role: pki.Relay, ExpiresIn: "1m"})
	f.clock.Store(61)
	unknown := f.ticket(t, TicketRequest{Role: pki.Relay})
	unknown.Code = expired.Code
	stranger := newFixture(t).ticket(t, TicketRequest{Role: pki.Relay})
	wrongPin := f.ticket(t, TicketRequest{Role: pki.Relay})
	wrongPin.Pin = stranger.Pin
	for name, c := range map[string]struct {
		ticket membership.Ticket
		want   string
	}{
		"expired":             {expired, "unknown or has expired"},
		"of another project":  {membership.Ticket{Authority: wrongPin.Authority, Project: "demo", Pin: wrongPin.Pin, Code: stranger.Code}, "not the authority that the ticket names"},
		"authority not there": {membership.Ticket{Authority: "127.0.0.1:1", Project: "demo", Pin: unknown.Pin, Code: unknown.Code}, "cannot reach the authority"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := membership.Enroll(t.Context(), c.ticket, t.TempDir())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("%v, want %q", err, c.want)
			}
			if strings.Contains(err.Error(), c.ticket.Code.Reveal()) {
				t.Error("the error repeats the ticket's code")
			}
		})
	}
}

// A certificate that cannot be logged is not signed; the ticket's member
// exists, and enrolling again with the same key succeeds.
func TestNothingIsSignedUnlogged(t *testing.T) {
	f := newFixture(t)
	ticket, dir := f.ticket(t, inletRequest), t.TempDir()
	f.log.err = errors.New("disk full")
	if _, err := membership.Enroll(t.Context(), ticket, dir); fault.KindOf(err) != fault.Unavailable {
		t.Fatalf("enrolled while the log fails: %v", err)
	}
	f.log.err = nil
	if _, err := membership.Enroll(t.Context(), ticket, dir); err != nil {
		t.Fatal(err)
	}
}

func TestRenewalNeedsTheKeyAlone(t *testing.T) {
	f := newFixture(t)
	dir := t.TempDir()
	if _, err := membership.Enroll(t.Context(), f.ticket(t, inletRequest), dir); err != nil {
		t.Fatal(err)
	}
	m, err := membership.Load(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	before := m.Expires()
	f.clock.Store(3600)
	if err := m.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !m.Expires().After(before) {
		t.Error("renewal moved nothing")
	}
	key, err := pki.ReadKey(filepath.Join(dir, "member.key"))
	if err != nil {
		t.Fatal(err)
	}
	request, _ := pki.Request(key)
	request[len(request)-1] ^= 1 // the proof of the key is broken
	if _, err := f.Renew(t.Context(), membership.RenewRequest{Request: request}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("renewed without proof of the key: %v", err)
	}
}

func TestTicketRequestsRefused(t *testing.T) {
	f := newFixture(t)
	service := map[string]string{"service": "openai"}
	for name, req := range map[string]TicketRequest{
		"role authority":   {Role: pki.Authority},
		"unknown role":     {Role: "king"},
		"no service":       {Role: pki.Inlet},
		"bad name":         {Role: pki.Inlet, Name: "Not A Label", Attributes: service},
		"named, many uses": {Role: pki.Inlet, Name: "x", Uses: 2, Attributes: service},
		"too many uses":    {Role: pki.Inlet, Uses: MaxUses + 1, Attributes: service},
		"for ever":         {Role: pki.Inlet, ExpiresIn: "10000h", Attributes: service},
		"negative time":    {Role: pki.Inlet, ExpiresIn: "-1m", Attributes: service},
		"bad attribute":    {Role: pki.Inlet, Attributes: map[string]string{"service": "openai", "a b": "c"}},
		"control in value": {Role: pki.Inlet, Attributes: map[string]string{"service": "openai", "a": "x\ny"}},
	} {
		if _, err := f.CreateTicket(t.Context(), req); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPublicDoorRefusesNonsense(t *testing.T) {
	f := newFixture(t)
	for body, want := range map[string]int{
		"":                               400,
		"{":                              400,
		`{"code":"x"}`:                   400,
		`{"code":"x","request":"AAAA"}`:  400,
		`{"code":"x","unknown":1}`:       400,
		strings.Repeat(" ", 1<<20) + "1": 400,
	} {
		rec := httptest.NewRecorder()
		f.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodPost, membership.EnrollPath, strings.NewReader(body)))
		if rec.Code != want {
			t.Errorf("%.20q: status %d, want %d", body, rec.Code, want)
		}
	}
	rec := httptest.NewRecorder()
	f.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodPost, TicketsPath, strings.NewReader("{}")))
	if rec.Code != 404 {
		t.Errorf("the public door answers the admin API with %d", rec.Code)
	}
}

// A stolen disk of the authority holds no ticket that could be redeemed.
func TestCodesAreNotAtRest(t *testing.T) {
	f := newFixture(t)
	code := f.ticket(t, inletRequest).Code.Reveal()
	files, _ := filepath.Glob(filepath.Join(f.dir, "*"))
	if len(files) < 3 {
		t.Fatalf("only %v in the directory", files)
	}
	for _, file := range files {
		if data, _ := os.ReadFile(file); bytes.Contains(data, []byte(code)) {
			t.Errorf("%s holds the code", file)
		}
	}
}

// Trusting a partner's root never lets the partner name our members.
func TestRootIsBoundToItsProject(t *testing.T) {
	f := newFixture(t)
	cert, err := f.ca.ServerIdentity(pki.ID{Project: "other", Role: pki.Inlet, Member: "x"})
	if err != nil {
		t.Fatal(err)
	}
	state := tls.ConnectionState{PeerCertificates: []*x509.Certificate{cert.Leaf}}
	if _, _, err := pki.VerifyPeer(state, pki.Pool(f.ca.Certificate()), time.Now()); err == nil {
		t.Error("a member of project other, signed by the root of project demo, was believed")
	}
	if _, err := New(Config{Project: "other", Directory: f.dir, Issuance: f.log}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("opened as another project: %v", err)
	}
}
