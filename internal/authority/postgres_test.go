//go:build unix

package authority

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/ledger"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/secret"
	"github.com/ostiary/ostiary/internal/sink/sinktest"
)

// databases makes empty schemas on a server, each as good as a database and
// quicker made.
func databases(p *sinktest.Postgres) func(*testing.T) secret.String {
	n := 0
	return func(t *testing.T) secret.String {
		t.Helper()
		conn, err := pgx.Connect(t.Context(), p.URL())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		n++
		name := fmt.Sprintf("authority%d", n)
		if _, err := conn.Exec(t.Context(), "CREATE SCHEMA "+name); err != nil {
			t.Fatal(err)
		}
		return secret.New(p.URL() + "&search_path=" + name)
	}
}

// TestOnPostgres runs what is true of an authority on SQLite on PostgreSQL.
func TestOnPostgres(t *testing.T) {
	newDatabase = databases(sinktest.NewPostgres(t))
	defer func() { newDatabase = nil }()
	for name, test := range map[string]func(*testing.T){
		"TestTicketBecomesAMember": TestTicketBecomesAMember, "TestRedemptionIsIdempotentForOneKey": TestRedemptionIsIdempotentForOneKey,
		"TestManyKeysRaceForOneTicket": TestManyKeysRaceForOneTicket, "TestTicketsThatDoNotServe": TestTicketsThatDoNotServe,
		"TestNothingIsSignedUnlogged": TestNothingIsSignedUnlogged, "TestRenewalNeedsTheKeyAlone": TestRenewalNeedsTheKeyAlone,
		"TestTicketRequestsRefused": TestTicketRequestsRefused, "TestPublicDoorRefusesNonsense": TestPublicDoorRefusesNonsense,
		"TestRootIsBoundToItsProject": TestRootIsBoundToItsProject,
		"TestRevokedMemberIsOut":      TestRevokedMemberIsOut, "TestRevokeRequests": TestRevokeRequests, "TestEpochs": TestEpochs,
		"TestRotation": TestRotation, "TestRotationWhoseAnswerIsLost": TestRotationWhoseAnswerIsLost,
		"TestRotationNeedsTheOldKey": TestRotationNeedsTheOldKey, "TestEnroller": TestEnroller, "TestGuessesAreLimited": TestGuessesAreLimited,
	} {
		t.Run(name, test)
	}
}

// several are authorities of one project on one database, each with its own
// directory and its real log.
type several struct {
	database secret.String
	dirs     []string
}

func newSeveral(t *testing.T, database secret.String, n int) several {
	t.Helper()
	s := several{database: database}
	for i := range n {
		dir := t.TempDir()
		s.dirs = append(s.dirs, dir)
		if i == 0 {
			a := s.open(t, 0, "first:1")
			_ = a.Close()
			continue
		}
		for _, name := range []string{"ca.pem", "ca.key"} {
			data, err := os.ReadFile(filepath.Join(s.dirs[0], name))
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, name), data, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return s
}

func (s several) open(t *testing.T, n int, address string) *Authority {
	t.Helper()
	a, err := openReal(s.dirs[n], address, s.database)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// log is the text of every record that an authority's log holds.
func records(t *testing.T, dir string) (all []string) {
	t.Helper()
	dir = filepath.Join(dir, "issuance")
	if report, err := ledger.VerifyLog(dir); err != nil || !report.OK() {
		t.Errorf("%s: %v %v", dir, report.Problems, err)
	}
	err := ledger.ReadLog(dir, 0, func(_ uint64, payload []byte) error {
		all = append(all, string(payload))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// balance joins connections to one address to whichever of others answers, as
// a name with several addresses or a load balancer does.
func balance(t *testing.T, to []string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			from, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer from.Close()
				for _, i := range rand.Perm(len(to)) {
					if there, err := net.Dial("tcp", to[i]); err == nil {
						go func() { _, _ = io.Copy(there, from); _ = there.Close() }()
						_, _ = io.Copy(from, there)
						return
					}
				}
			}()
		}
	}()
	return ln.Addr().String()
}

// TestAuthoritiesAreKilled has two authorities on one database, of which now
// one and now the other is killed by SIGKILL, while 200 tickets are redeemed by
// two keys each, and a third revokes all the while. Every ticket makes one
// member, every list has the next epoch, and all three logs say the same.
func TestAuthoritiesAreKilled(t *testing.T) {
	const tickets = 200
	s := newSeveral(t, databases(sinktest.NewPostgres(t))(t), 3)
	addresses := make([]string, 2)
	for i := range addresses {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addresses[i] = ln.Addr().String()
		_ = ln.Close()
	}
	third := s.open(t, 2, balance(t, addresses))
	all := third.tickets(t, tickets)

	ctx, cancel := context.WithCancel(t.Context())
	var answered atomic.Int64
	var kills [2]int
	var others sync.WaitGroup
	for i, address := range addresses {
		others.Go(func() { kills[i] = killAgainAndAgain(t, ctx, s.dirs[i], address, s.database, &answered) })
	}
	revoked := 0
	others.Go(func() {
		for last := third.published().epoch; ctx.Err() == nil; revoked++ {
			r, err := third.Revoke(t.Context(), RevokeRequest{Serial: fmt.Sprintf("%x", revoked+1)})
			if err != nil || r.Epoch <= last {
				t.Errorf("after epoch %d: %d, %v", last, r.Epoch, err)
				return
			}
			last = r.Epoch
			time.Sleep(20 * time.Millisecond)
		}
	})
	redeemAll(t, all, t.TempDir(), &answered)
	cancel()
	others.Wait()
	checkStore(t, third, tickets)
	_ = third.Close()
	for i := range s.dirs { // which brings each copy up
		_ = s.open(t, i, "x:1").Close()
	}
	log := records(t, s.dirs[0])
	for _, dir := range s.dirs[1:] {
		if !slices.Equal(log, records(t, dir)) {
			t.Error("two authorities' logs differ")
		}
	}
	epoch, signed := 0, 0
	for _, r := range log {
		switch {
		case strings.Contains(r, `"epoch":`):
			if epoch++; !strings.Contains(r, fmt.Sprintf(`"epoch":%d`, epoch)) {
				t.Errorf("where epoch %d belongs: %s", epoch, r)
			}
		case strings.Contains(r, `"kind":"enroll"`):
			signed++
		}
	}
	if epoch != revoked+1 || signed < tickets {
		t.Errorf("%d epochs of %d revocations; %d certificates", epoch, revoked, signed)
	}
	t.Logf("kills: %v; %d revocations, %d certificates for %d tickets", kills, revoked, signed, tickets)
	if kills[0] < 5 || kills[1] < 5 {
		t.Errorf("kills: %v: this showed little", kills)
	}
}

// A revocation by one authority reaches a node that waits at another.
func TestRevocationReachesTheOthersNodes(t *testing.T) {
	newDatabase = databases(sinktest.NewPostgres(t))
	defer func() { newDatabase = nil }()
	f := newFixture(t)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { follow(ctx, f.Authority) })
	t.Cleanup(func() { cancel(); running.Wait() })
	watcher, victim := f.join(t, TicketRequest{Role: pki.Relay}), f.join(t, inletRequest)
	run(t, watcher)
	until(t, "the first list", func() bool { return watcher.Revocations().Epoch == 1 })

	other := f.another(t)
	if _, err := other.Revoke(t.Context(), RevokeRequest{Member: victim.ID().String()}); err != nil {
		t.Fatal(err)
	}
	until(t, "the other's list", func() bool { return watcher.Revocations().Epoch == 2 })
	if err := victim.Renew(t.Context()); fault.KindOf(err) != fault.Denied {
		t.Errorf("renewed at the one that did not revoke: %v", err)
	}
}

// follow is Run without the end, which the fixture has by itself.
func follow(ctx context.Context, a *Authority) {
	for ; ctx.Err() == nil; time.Sleep(10 * time.Millisecond) {
		_ = a.look(ctx)
	}
}

// another is a second authority of the fixture's project.
func (f *fixture) another(t *testing.T) *Authority {
	t.Helper()
	cfg := f.config()
	cfg.Directory, cfg.Issuance = t.TempDir(), &memoryLog{}
	if _, err := New(cfg); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "another root") {
		t.Fatalf("an authority without the project's root: %v", err)
	}
	if left, _ := os.ReadDir(cfg.Directory); len(left) > 0 {
		t.Errorf("it left %v", left)
	}
	for _, name := range []string{"ca.pem", "ca.key"} {
		data, _ := os.ReadFile(filepath.Join(f.dir, name))
		if err := os.WriteFile(filepath.Join(cfg.Directory, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

// A database whose records were changed, cut off or put back disagrees with
// the copy in the authority's directory, and nothing is signed any more.
func TestTamperedIssuance(t *testing.T) {
	make := databases(sinktest.NewPostgres(t))
	for name, c := range map[string]struct{ sql, want string }{
		"cut off":       {`DELETE FROM issuance WHERE n = 2`, "record 2"},
		"changed":       {`UPDATE issuance SET payload = 'x', chain = sha256('x') WHERE n = 2`, "record 2"},
		"added":         {`INSERT INTO issuance VALUES (3, 'x', sha256('x'))`, "record 3"},
		"added further": {`INSERT INTO issuance VALUES (4, 'x', sha256('x'))`, "record 3"},
		"emptied":       {`DELETE FROM issuance`, "record 2"},
	} {
		t.Run(name, func(t *testing.T) {
			newDatabase = make
			defer func() { newDatabase = nil }()
			f := newFixture(t)
			m := f.join(t, inletRequest)
			if err := m.Renew(t.Context()); err != nil {
				t.Fatal(err)
			}
			if len(f.log.records) != 3 {
				t.Fatalf("%d records", len(f.log.records))
			}
			if _, err := f.store.db.ExecContext(t.Context(), c.sql); err != nil {
				t.Fatal(err)
			}
			err := f.Ready()
			if fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), c.want) {
				t.Errorf("running: %v", err)
			}
			if err := m.Renew(t.Context()); err == nil {
				t.Error("it signed all the same")
			}
			if again, err := New(f.config()); fault.KindOf(err) != fault.Conflict {
				t.Errorf("opened again: %v, %v", again, err)
			}
		})
	}
}

// A database that went away comes back by itself; meanwhile nobody is told
// that its list is the newest, and no error shows the password.
func TestDatabaseGoesAway(t *testing.T) {
	server := sinktest.NewPostgres(t)
	newDatabase = databases(server)
	defer func() { newDatabase = nil }()
	f := newFixture(t)
	m := f.join(t, inletRequest)
	server.Crash()
	for what, err := range map[string]error{
		"renew":  m.Renew(t.Context()),
		"ready":  f.Ready(),
		"newest": func() error { _, err := f.newest(t.Context()); return err }(),
		"revoke": func() error { _, err := f.Revoke(t.Context(), RevokeRequest{Serial: "1f"}); return err }(),
	} {
		if fault.KindOf(err) != fault.Unavailable {
			t.Errorf("%s: %v", what, err)
		}
		for ; err != nil; err = errors.Unwrap(err) {
			if strings.Contains(err.Error(), sinktest.Password) {
				t.Errorf("%s shows the password: %v", what, err)
			}
		}
	}
	if _, err := New(f.config()); fault.KindOf(err) != fault.Unavailable || strings.Contains(err.Error(), sinktest.Password) {
		t.Errorf("opened: %v", err)
	}
	server.Start()
	if err := m.Renew(t.Context()); err != nil {
		t.Error(err)
	}
	if err := f.Ready(); err != nil {
		t.Error(err)
	}
}

// While one authority's own log cannot be written, it revokes all the same, for
// the record is durable in the database; and signs nothing until its log has
// caught up.
func TestRevokedWhileTheCopyFails(t *testing.T) {
	newDatabase = databases(sinktest.NewPostgres(t))
	defer func() { newDatabase = nil }()
	f := newFixture(t)
	m, victim := f.join(t, TicketRequest{Role: pki.Relay}), f.join(t, inletRequest)
	before := len(f.log.records)
	f.log.err = errors.New("disk full")
	if epoch := f.revoke(t, RevokeRequest{Member: victim.ID().String()}); epoch != 2 {
		t.Errorf("epoch %d", epoch)
	}
	if err := m.Renew(t.Context()); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("renewed while the log fails: %v", err)
	}
	f.log.err = nil
	if err := m.Renew(t.Context()); err != nil {
		t.Error(err)
	}
	// The revocation, the renewal that was never signed, and the one that was.
	if news := f.log.records[before:]; len(news) != 3 || !strings.Contains(news[0], `"kind":"revoke"`) {
		t.Errorf("the log caught up with %v", news)
	}
}

// An authority that froze in the middle of a transaction holds the others up
// for seconds, not for good.
func TestFrozenWriterIsThrownOut(t *testing.T) {
	newDatabase = databases(sinktest.NewPostgres(t))
	defer func() { newDatabase = nil }()
	f := newFixture(t)
	m := f.join(t, inletRequest)
	other := f.another(t)
	frozen, free := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		err := other.store.write(t.Context(), func(context.Context, *sql.Tx) error {
			close(frozen)
			<-free
			return nil
		})
		if fault.KindOf(err) != fault.Unavailable {
			t.Errorf("what the frozen one wanted to commit: %v", err)
		}
	})
	<-frozen
	if err := m.Renew(t.Context()); err != nil {
		t.Error(err)
	}
	close(free)
	wg.Wait()
}

func TestDatabaseSettings(t *testing.T) {
	for _, url := range []string{"nonsense\x00", "postgres://u:canary@h/%zz", "host=x port=canary"} {
		_, err := New(Config{Project: "demo", Directory: t.TempDir(), Issuance: &memoryLog{}, Database: secret.New(url)})
		if fault.KindOf(err) != fault.Invalid || strings.Contains(err.Error(), "canary") {
			t.Errorf("%v", err)
		}
	}
	cfg, err := pgx.ParseConfig("postgres://u:p@db.example.com/x?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	requireTLS(&cfg.Config)
	if cfg.TLSConfig == nil || cfg.TLSConfig.InsecureSkipVerify || cfg.TLSConfig.ServerName != "db.example.com" {
		t.Errorf("a server elsewhere without TLS: %+v", cfg.TLSConfig)
	}
}
