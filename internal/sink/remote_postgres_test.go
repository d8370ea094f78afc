package sink

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/ledger"
	"github.com/ostiary/ostiary/internal/seal"
	"github.com/ostiary/ostiary/internal/sink/sinktest"
)

func postgresSettings(t *testing.T, url string) RemoteSettings {
	return remoteServer{kind: "postgres", url: url}.settings(t)
}

func someBlock(first, next uint64, text string) remoteItem {
	return remoteItem{log: strings.Repeat("a", 32), mark: mark{first, next, sha256.Sum256([]byte(text))}, block: []byte(text)}
}

// TestPostgresRemote goes through what one server does.
func TestPostgresRemote(t *testing.T) {
	p := sinktest.NewPostgres(t)
	t.Run("two make the tables at once", func(t *testing.T) {
		var all sync.WaitGroup
		for range 6 {
			all.Go(func() {
				s := postgresSettings(t, p.URL())
				if _, err := RemoteLogs(t.Context(), s); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	})
	t.Run("the same block twice, another once", func(t *testing.T) { sameBlockTwice(t, p) })
	t.Run("keys", func(t *testing.T) { keysOutliveTheDisk(t, p) })
	t.Run("a writer that is refused", func(t *testing.T) { refusedLogins(t, p) })
	t.Run("nothing secret is printed", func(t *testing.T) { secretsStayOut(t, p) })
	t.Run("a server that does not sync", func(t *testing.T) {
		p.Stop()
		p.Start("-c", "fsync=off")
		_, err := RemoteLogs(t.Context(), postgresSettings(t, p.URL()))
		if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "fsync is off") {
			t.Error(err)
		}
	})
}

func sameBlockTwice(t *testing.T, p *sinktest.Postgres) {
	if _, err := (&RemoteSettings{}).reader(t.Context()); err == nil {
		t.Error("no remote is one")
	}
	s := postgresSettings(t, p.URL())
	store, err := s.reader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer store.close()
	one, two := someBlock(0, 3, "one"), someBlock(3, 4, "two")
	for _, i := range []remoteItem{one, two, two, one} {
		if err := store.put(t.Context(), i); err != nil {
			t.Error(err)
		}
	}
	if last, err := store.tail(t.Context(), one.log, time.Time{}); err != nil || last != two.mark {
		t.Errorf("%+v %v", last, err)
	}
	if last, err := store.tail(t.Context(), strings.Repeat("b", 32), time.Time{}); err != nil || last != (mark{}) {
		t.Errorf("%+v %v", last, err)
	}
	for _, i := range []remoteItem{someBlock(3, 4, "other"), someBlock(3, 5, "two")} {
		if err := store.put(t.Context(), i); fault.KindOf(err) != fault.Conflict {
			t.Errorf("another block: %v", err)
		}
	}
}

// sealedCall records a call with a body that only an auditor opens.
func sealedCall(t *testing.T, l *ledger.Ledger, subject string) (id string) {
	t.Helper()
	id = l.NewID()
	call := ledger.Call{Subject: subject, Capture: ledger.Full, Operation: "chat/completions"}
	w := l.Body(id, ledger.Request, call)
	_, _ = w.Write([]byte("prompt of " + subject))
	call.Request = w.End()
	if err := l.Intent(t.Context(), id, call); err != nil {
		t.Fatal(err)
	}
	if err := l.Outcome(t.Context(), id, ledger.Result{Status: 200}); err != nil {
		t.Fatal(err)
	}
	return id
}

func openRemoteLedger(t *testing.T, s RemoteSettings, dir string, to seal.Recipient) *ledger.Ledger {
	t.Helper()
	r, err := OpenRemote(s, dir, nil, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	c := ledger.Config{Directory: dir, CheckpointEvery: 20 * time.Millisecond, Bodies: ledger.BodyConfig{Auditors: []seal.Recipient{to}}}
	r.Configure(&c)
	l, err := ledger.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func keysOutliveTheDisk(t *testing.T, p *sinktest.Postgres) {
	auditor, err := seal.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	s, dir := postgresSettings(t, p.URL()), filepath.Join(t.TempDir(), "ledger")
	l := openRemoteLedger(t, s, dir, auditor.Recipient())
	ids := map[string]string{}
	for _, who := range []string{"kept", "forgotten while it runs", "forgotten when it has stopped", "forgotten at last"} {
		ids[who] = sealedCall(t, l, who)
	}
	if n, err := ledger.ForgetSubject(t.Context(), dir, "forgotten while it runs"); n != 1 || err != nil {
		t.Errorf("%d keys, %v", n, err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	// Without a writer the second place must be named, or nothing is done.
	if _, err := ledger.ForgetSubject(t.Context(), dir, "forgotten when it has stopped"); fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "second place") {
		t.Errorf("forgot half: %v", err)
	}
	keys, err := RemoteKeys(s)
	if err != nil {
		t.Fatal(err)
	}
	defer keys.Close()
	if n, err := ledger.ForgetSubjectAt(t.Context(), dir, "forgotten when it has stopped", keys); n != 1 || err != nil {
		t.Errorf("%d keys, %v", n, err)
	}
	closeAgain := openRemoteLedger(t, s, dir, auditor.Recipient()) // takes the record there
	if err := closeAgain.Close(); err != nil {
		t.Fatal(err)
	}
	log := idOf(t, dir)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	restore := func() string {
		to := filepath.Join(t.TempDir(), "restored")
		if found, err := RestoreRemote(t.Context(), s, log, to); err != nil || found.Signed != found.Entries {
			t.Fatalf("%+v %v", found, err)
		}
		return to
	}
	restored := restore()
	wantOpen(t, restored, ids, auditor, "kept", "forgotten at last")
	if n, err := ledger.ForgetRestored(t.Context(), restored, "forgotten at last", keys); n != 1 || err != nil {
		t.Errorf("%d keys, %v", n, err)
	}
	if _, err := ledger.ForgetRestored(t.Context(), restored, "nobody", keys); fault.KindOf(err) != fault.NotFound {
		t.Error(err)
	}
	wantOpen(t, restored, ids, auditor, "kept")
	wantOpen(t, restore(), ids, auditor, "kept")
	records := 0
	err = ledger.Read(restored, 0, func(_ uint64, r ledger.Record) error {
		if r.Kind == ledger.Forgotten {
			records++
		}
		return nil
	})
	if records != 2 || err != nil {
		t.Errorf("%d records of what was forgotten, %v", records, err)
	}
}

// wantOpen opens every body of a restored ledger: those named, and no other.
func wantOpen(t *testing.T, dir string, ids map[string]string, auditor seal.Identity, open ...string) {
	t.Helper()
	report, err := ledger.Verify(dir)
	if err != nil || !report.OK() {
		t.Errorf("%+v %v", report, err)
	}
	for who, id := range ids {
		want := strings.Contains(strings.Join(open, ","), who)
		call, err := ledger.OpenCall(dir, id, &auditor)
		if err != nil {
			t.Fatal(err)
		}
		if opened := call.Request.Err == nil; opened != want || opened && string(call.Request.Content) != "prompt of "+who {
			t.Errorf("%s: %v, %q", who, call.Request.Err, call.Request.Content)
		}
	}
}

func query(t *testing.T, p *sinktest.Postgres, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), p.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

// refusedLogins: what trying again does not mend is told at once.
func refusedLogins(t *testing.T, p *sinktest.Postgres) {
	query(t, p, `CREATE ROLE reader LOGIN PASSWORD 'reads'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader`)
	for what, url := range map[string]string{
		"password": strings.Replace(p.URL(), sinktest.Password, "wrong", 1),
		"database": strings.Replace(p.URL(), "/postgres?", "/nowhere?", 1),
		"right":    strings.Replace(p.URL(), "ledger:"+sinktest.Password, "reader:reads", 1),
	} {
		r, err := OpenRemote(postgresSettings(t, url), t.TempDir(), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		l, err := openWith(r, r.cfg.dir)
		if err == nil {
			_, err = l.Append(t.Context(), []byte("x"))
			_ = l.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "refuses what the ledger needs") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// secretsStayOut makes what can go wrong go wrong, and looks for the password.
func secretsStayOut(t *testing.T, p *sinktest.Postgres) {
	var out bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	for _, url := range []string{
		strings.Replace(p.URL(), "ledger:", "nobody:", 1),                           // refused
		strings.Replace(p.URL(), p.Address(), "127.0.0.1:1", 1),                     // not there
		strings.Replace(p.URL(), p.Address(), "host.invalid:1", 1),                  // without TLS, and not there
		strings.Replace(p.URL(), "sslmode=disable", "sslrootcert=/absent", 1),       // not a URL that serves
		"postgres://ledger:" + sinktest.Password + "@[", sinktest.Password, p.URL(), // not URLs; and one that is
	} {
		s := postgresSettings(t, url)
		s.Timeout = time.Second
		r, err := OpenRemote(s, t.TempDir(), logger, nil)
		fmt.Fprintln(&out, s, err)
		if err != nil {
			continue
		}
		fmt.Fprintf(&out, "%+v %#v\n", r.store.(*postgresStore).login.url, s)
		l, err := openWith(r, r.cfg.dir)
		fmt.Fprintln(&out, err)
		if err == nil {
			fmt.Fprintln(&out, l.Close())
		}
	}
	if strings.Contains(out.String(), sinktest.Password) || out.Len() < 500 {
		t.Errorf("printed: %s", &out)
	}
}

// TestTrustsOnlyWhoProvesIt: a server elsewhere has to show a certificate for
// its name, whatever the URL says.
func TestTrustsOnlyWhoProvesIt(t *testing.T) {
	for url, verified := range map[string]bool{
		"postgres://u:p@db.example/x":                               true,
		"postgres://u:p@db.example/x?sslmode=disable":               true,
		"postgres://u:p@db.example,other.example/x?sslmode=require": true,
		"postgres://u:p@192.0.2.7/x?sslmode=prefer":                 true,
		"postgres://u:p@127.0.0.1/x?sslmode=disable":                false,
		"postgres://u:p@localhost/x?sslmode=disable":                false,
		"host=/run/postgresql user=u":                               false,
		"postgres://u:p@localhost,db.example/x?sslmode=disable":     false, // the first
	} {
		s := postgresSettings(t, url)
		login, err := s.Postgres.open()
		if err != nil {
			t.Fatal(err)
		}
		verifies := func(c *tls.Config, host string) bool {
			return c != nil && !c.InsecureSkipVerify && c.ServerName == host
		}
		if got := verifies(login.cfg.TLSConfig, login.cfg.Host); got != verified {
			t.Errorf("%s: verified: %v", url, got)
		}
		for _, f := range login.cfg.Fallbacks {
			local := f.Host == "localhost" || net.ParseIP(f.Host).IsLoopback() || strings.HasPrefix(f.Host, "/")
			if !local && !verifies(f.TLSConfig, f.Host) {
				t.Errorf("%s falls back to %s unverified", url, f.Host)
			}
		}
	}
}
