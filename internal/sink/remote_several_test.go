package sink

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/ostiary/ostiary/internal/ledger"
	"github.com/ostiary/ostiary/internal/seal"
	"github.com/ostiary/ostiary/internal/sink/sinktest"
)

// TestSeveralWriters: gateways that use one database at once each have a log
// there, from their first moment, in which nothing of another's stands; and a
// subject is forgotten in each log for itself.
func TestSeveralWriters(t *testing.T) {
	p := sinktest.NewPostgres(t)
	auditor, err := seal.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	const writers, calls = 4, 40
	s, root := postgresSettings(t, p.URL()), t.TempDir()
	var all sync.WaitGroup
	logs := make([]string, writers)
	ids := make([]map[string]string, writers)
	for i := range writers {
		all.Go(func() {
			dir := filepath.Join(root, fmt.Sprint(i))
			l := openRemoteLedger(t, s, dir, auditor.Recipient()) // all make the tables
			ids[i] = map[string]string{}
			for n := range calls {
				who := fmt.Sprintf("caller %d of writer %d", n, i)
				ids[i][who] = sealedCall(t, l, who)
			}
			ids[i]["everybody's"] = sealedCall(t, l, "everybody's")
			if i == 0 {
				if n, err := ledger.ForgetSubject(t.Context(), dir, "everybody's"); n != 1 || err != nil {
					t.Errorf("%d keys, %v", n, err)
				}
			}
			logs[i] = idOf(t, dir)
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if t.Failed() {
		t.FailNow()
	}
	if err := os.RemoveAll(root); err != nil {
		t.Fatal(err)
	}
	found, err := RemoteLogs(t.Context(), s)
	if err != nil || len(found) != writers {
		t.Fatalf("%d logs, %v: %+v", len(found), err, found)
	}
	for i, log := range logs {
		to := filepath.Join(t.TempDir(), "restored")
		if restored, err := RestoreRemote(t.Context(), s, log, to); err != nil || restored.Signed != restored.Entries {
			t.Fatalf("%+v %v", restored, err)
		}
		var open []string
		for who := range ids[i] {
			if i != 0 || who != "everybody's" {
				open = append(open, who)
			}
		}
		wantOpen(t, to, ids[i], auditor, open...)
		intents := 0
		err := ledger.Read(to, 0, func(_ uint64, r ledger.Record) error {
			if r.Kind == ledger.Intent {
				intents++
			}
			return nil
		})
		if intents != calls+1 || err != nil {
			t.Errorf("%d calls in the log of writer %d, %v", intents, i, err)
		}
	}
}

// TestPlainRole: with the tables and rights that docs/remote.md gives it, a
// gateway's role keeps a ledger whole, and can neither delete nor change it.
func TestPlainRole(t *testing.T) {
	text, err := os.ReadFile("../../docs/remote.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```sql\n")
	statements, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("docs/remote.md has no SQL")
	}
	p := sinktest.NewPostgres(t)
	query(t, p, `CREATE ROLE "acmeai-gateway" LOGIN PASSWORD 'adds'`)
	for statement := range strings.SplitSeq(strings.TrimSuffix(strings.TrimSpace(statements), ";"), ";") {
		query(t, p, statement)
	}
	auditor, err := seal.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	s, dir := postgresSettings(t, strings.Replace(p.URL(), "ledger:"+sinktest.Password, "acmeai-gateway:adds", 1)), filepath.Join(t.TempDir(), "ledger")
	ids := map[string]string{}
	for range 2 { // the second finds what the first has left
		l := openRemoteLedger(t, s, dir, auditor.Recipient())
		for _, who := range []string{"kept", "forgotten"} {
			ids[who] = sealedCall(t, l, who)
		}
		if n, err := ledger.ForgetSubject(t.Context(), dir, "forgotten"); n == 0 || err != nil {
			t.Errorf("%d keys, %v", n, err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	to := filepath.Join(t.TempDir(), "restored")
	if restored, err := RestoreRemote(t.Context(), s, idOf(t, dir), to); err != nil || restored.Signed != restored.Entries {
		t.Fatalf("%+v %v", restored, err)
	}
	wantOpen(t, to, ids, auditor, "kept")
	conn, err := pgx.Connect(t.Context(), strings.Replace(p.URL(), "ledger:"+sinktest.Password, "acmeai-gateway:adds", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for _, taking := range []string{"DELETE FROM ostiary_ledger_blocks", "UPDATE ostiary_ledger_blocks SET block = ''", "TRUNCATE ostiary_ledger_checkpoints", "DROP TABLE ostiary_ledger_blocks"} {
		if _, err := conn.Exec(t.Context(), taking); err == nil {
			t.Errorf("%s is allowed", taking)
		}
	}
}
