package sink

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/ledger"
	"github.com/ostiary/ostiary/internal/seal"
)

// TestKafkaRemote keeps two logs in a topic of three partitions, with blocks of
// up to 4 MiB between small ones, and restores both.
func TestKafkaRemote(t *testing.T) {
	b := newBroker(t, 100_000) // less than the settings say
	s := remoteServer{kind: "kafka", address: b.address()}.settings(t)
	want := map[string][]string{}
	for i := range 2 {
		dir := t.TempDir()
		r, err := OpenRemote(s, dir, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		l, err := openWith(r, dir)
		if err != nil {
			t.Fatal(err)
		}
		for n := range 10 {
			e := fmt.Sprintf("log %d entry %d %s", i, n, strings.Repeat("x", []int{0, 1000, 1_000_000, 10, 20}[n%5]))
			appendTo(t, l, e)
			want[idOf(t, dir)] = append(want[idOf(t, dir)], e)
		}
		closeLog(t, l)
		if l, err = openWith(newAgain(t, s, dir), dir); err != nil { // finds the end again
			t.Fatal(err)
		}
		appendTo(t, l, "after a start")
		want[idOf(t, dir)] = append(want[idOf(t, dir)], "after a start")
		closeLog(t, l)
	}
	logs, err := RemoteLogs(t.Context(), s)
	if err != nil || len(logs) != 2 {
		t.Fatalf("%+v %v", logs, err)
	}
	for _, l := range logs {
		dir := t.TempDir()
		found, err := RestoreRemote(t.Context(), s, l.Log, dir)
		if err != nil || found.Entries != 11 || found.Signed != 11 || l.Entries != 11 || l.Signed != 11 || l.Bytes < 2_000_000 {
			t.Errorf("%+v of %+v: %v", found, l, err)
		}
		if got := entriesOf(t, dir); !slices.Equal(got, want[l.Log]) {
			t.Errorf("%d entries", len(got))
		}
		wantVerified(t, dir)
	}
	if _, err := RestoreRemote(t.Context(), s, strings.Repeat("0", 32), t.TempDir()); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a log that is not there: %v", err)
	}
	if _, err := RestoreRemote(t.Context(), s, "../../etc", t.TempDir()); fault.KindOf(err) != fault.Invalid {
		t.Errorf("no id: %v", err)
	}
}

func newAgain(t *testing.T, s RemoteSettings, dir string) *Remote {
	t.Helper()
	r, err := OpenRemote(s, dir, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestKafkaMovesALog adds partitions, so that a log's key falls into another:
// the rest of the log goes there, and both halves are found.
func TestKafkaMovesALog(t *testing.T) {
	b := newBroker(t, 0)
	s := remoteServer{kind: "kafka", address: b.address()}.settings(t)
	dir := t.TempDir()
	l, err := openWith(newAgain(t, s, dir), dir)
	if err != nil {
		t.Fatal(err)
	}
	appendTo(t, l, "one", "two")
	closeLog(t, l)
	log := idOf(t, dir)
	// The same records, dealt to partitions as if their number had changed.
	store, err := s.reader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer store.close()
	k := store.(*kafkaStore)
	var items []remoteItem
	if err := k.read(t.Context(), log, 0, func(i remoteItem) error { items = append(items, i); return nil }); err != nil {
		t.Fatal(err)
	}
	other := newBroker(t, 0)
	s = remoteServer{kind: "kafka", address: other.address()}.settings(t)
	if store, err = s.reader(t.Context()); err != nil {
		t.Fatal(err)
	}
	moved := store.(*kafkaStore)
	own := moved.partition(log)
	for n, i := range items {
		for _, r := range moved.records(i, map[bool]string{true: kindBlock, false: kindCheckpoint}[i.block != nil], valueOf(t, i)) {
			if n < len(items)/2 {
				r.Partition = (own + 1) % 3
			}
			if err := moved.client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
	}
	moved.close()
	restored := t.TempDir()
	if found, err := RestoreRemote(t.Context(), s, log, restored); err != nil || found.Entries != 2 || found.Lost != nil {
		t.Errorf("%+v %v", found, err)
	}
	wantVerified(t, restored)
}

func valueOf(t *testing.T, i remoteItem) []byte {
	t.Helper()
	if i.block != nil {
		return i.block
	}
	value, err := checkpointOf(i)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// TestKafkaRefuses: a topic that is not there, one that would keep one block of
// a log, and sealed bodies, whose keys could not be destroyed.
func TestKafkaRefuses(t *testing.T) {
	b := newBroker(t, 0)
	s := remoteServer{kind: "kafka", address: b.address()}.settings(t)
	s.Kafka.Topic = "compacted"
	create(t, b, s.Kafka.Topic, "cleanup.policy", "compact")
	if _, err := RemoteLogs(t.Context(), s); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "compacted") {
		t.Errorf("a compacted topic: %v", err)
	}
	s.Kafka.Topic = "nowhere"
	if _, err := RemoteLogs(t.Context(), s); fault.KindOf(err) != fault.Invalid {
		t.Errorf("no topic: %v", err)
	}
	auditor, err := seal.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	s.Kafka.Topic = topic
	cfg := ledger.Config{Directory: t.TempDir(), Bodies: ledger.BodyConfig{Auditors: []seal.Recipient{auditor.Recipient()}}}
	newAgain(t, s, cfg.Directory).Configure(&cfg)
	if _, err := ledger.Open(cfg); fault.KindOf(err) != fault.Invalid || s.TakesKeys() {
		t.Errorf("sealed bodies: %v", err)
	}
	if _, err := RemoteKeys(s); fault.KindOf(err) != fault.Invalid {
		t.Errorf("keys in a topic: %v", err)
	}
}

func create(t *testing.T, b *broker, name, setting, value string) {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(b.address()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	req, made := kmsg.NewPtrCreateTopicsRequest(), kmsg.NewCreateTopicsRequestTopic()
	made.Topic, made.NumPartitions, made.ReplicationFactor = name, 1, 1
	config := kmsg.NewCreateTopicsRequestTopicConfig()
	config.Name, config.Value = setting, &value
	made.Configs = append(made.Configs, config)
	req.Topics = append(req.Topics, made)
	if _, err := req.RequestWith(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

// TestRejoiner puts parts together as they come: out of order, twice, of
// several values at once, and never wrong ones.
func TestRejoiner(t *testing.T) {
	s := newKafkaStore(KafkaConfig{Topic: topic, MaxMessage: minMessage}, time.Second)
	s.spans = make([]span, 1)
	record := func(first uint64, text string) []*kgo.Record {
		i := someBlock(first, first+1, text)
		return s.records(i, kindBlock, i.block)
	}
	long := strings.Repeat("0123456789", 5000)
	a, b := record(1, long), record(2, long+"b")
	cut := record(0, long+"cut off")[:2]
	forged := record(3, "x")
	forged[0].Value = []byte("y")
	alien := record(4, "z")
	alien[0].Headers = alien[0].Headers[1:]
	other := record(5, "w")
	other[0].Key = []byte("another log")
	all := slices.Concat(cut, a[1:], b[:2], a[:1], a, b, forged, alien, other)
	var got []string
	visit := oneLog(string(a[0].Key), func(i remoteItem) error {
		if sha256.Sum256(i.block) != i.sum {
			t.Error("a block that is not what its headers say")
		}
		got = append(got, fmt.Sprintf("%d %d", i.first, len(i.block)))
		return nil
	})
	for _, r := range all {
		if err := visit(r); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"1 50000", "1 50000", "2 50001"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// TestRemoteHangs has a remote that takes connections and never answers.
func TestRemoteHangs(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			go func() { _, _ = io.Copy(io.Discard, c) }()
		}
	}()
	for _, kind := range []string{"kafka", "postgres"} {
		s := remoteServer{kind: kind, address: ln.Addr().String(), url: "postgres://u:p@" + ln.Addr().String() + "/x?sslmode=disable"}.settings(t)
		s.Timeout = 400 * time.Millisecond
		dir := t.TempDir()
		if _, err := openWith(newAgain(t, s, dir), dir); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// FuzzHeaders: what a record says of itself is anybody's.
func FuzzHeaders(f *testing.F) {
	f.Add("block", "0", "3", "1/1", strings.Repeat("a", 64), []byte("x"))
	f.Add("checkpoint", "0", "0", "1/2", strings.Repeat("0", 64), []byte(`{"note":"n"}`))
	f.Add("block", "3", "1", "7/2", "zz", []byte(nil))
	f.Fuzz(func(t *testing.T, kind, first, next, part, sum string, value []byte) {
		r := &kgo.Record{Key: []byte("k"), Value: value}
		for k, v := range map[string]string{headerKind: kind, headerFirst: first, headerNext: next, headerPart: part, headerSHA256: sum} {
			r.Headers = append(r.Headers, kgo.RecordHeader{Key: k, Value: []byte(v)})
		}
		j := &rejoiner{}
		for range 3 {
			if i, ok := j.add(r); ok && i.block != nil && (sha256.Sum256(i.block) != i.sum || i.first >= i.next) {
				t.Errorf("%+v", i)
			}
		}
		if len(j.open) > 1 {
			t.Error("one value is open more than once")
		}
	})
}

func TestRemoteSettings(t *testing.T) {
	kafka := &KafkaSettings{Brokers: []string{"a:1"}, Topic: "t"}
	for _, c := range []struct {
		s    RemoteSettings
		path []string
	}{
		{RemoteSettings{}, []string{""}},
		{RemoteSettings{Kafka: kafka, Postgres: &PostgresSettings{}}, []string{""}},
		{RemoteSettings{Kafka: kafka}, nil},
		{RemoteSettings{Kafka: &KafkaSettings{Format: FormatSeed}}, []string{"kafka.format"}},
		{RemoteSettings{Kafka: kafka, Timeout: time.Millisecond}, []string{"timeout"}},
		{RemoteSettings{Postgres: &PostgresSettings{}, Timeout: time.Hour}, []string{"timeout"}},
	} {
		var got []string
		c.s.Check(func(path, _, _ string) { got = append(got, path) })
		if !slices.Equal(got, c.path) {
			t.Errorf("%+v: %q", c.s, got)
		}
	}
}
