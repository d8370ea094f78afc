package sink

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/ostiary/ostiary/internal/ledger"
)

// broker is a Kafka that keeps its topic on the disk, so that it can be
// stopped and started.
type broker struct {
	t       *testing.T
	dir     string
	port    int
	limit   int
	cluster *kfake.Cluster
}

const topic = "calls"

func newBroker(t *testing.T, limit int) *broker {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &broker{t: t, dir: t.TempDir(), port: ln.Addr().(*net.TCPAddr).Port, limit: limit}
	_ = ln.Close()
	b.start()
	t.Cleanup(func() { b.cluster.Close() })
	return b
}

func (b *broker) start() {
	b.t.Helper()
	opts := []kfake.Opt{
		kfake.NumBrokers(1), kfake.Ports(b.port), kfake.SeedTopics(3, topic), kfake.DataDir(b.dir), kfake.SyncWrites(),
	}
	if b.limit > 0 {
		opts = append(opts, kfake.BrokerConfigs(map[string]string{"message.max.bytes": strconv.Itoa(b.limit)}))
	}
	var err error
	if b.cluster, err = kfake.NewCluster(opts...); err != nil {
		b.t.Fatal(err)
	}
}

func (b *broker) address() string { return "127.0.0.1:" + strconv.Itoa(b.port) }

func (b *broker) kafka(cfg KafkaConfig) *Kafka {
	b.t.Helper()
	cfg.Brokers, cfg.Topic = []string{b.address()}, topic
	if cfg.Cursor == "" {
		cfg.Cursor = filepath.Join(b.t.TempDir(), "cursor")
	}
	cfg.Options = append(cfg.Options, kgo.DialTimeout(time.Second), kgo.RetryBackoffFn(func(int) time.Duration { return 5 * time.Millisecond }),
		kgo.RecordRetries(3), kgo.RequestRetries(3), kgo.MetadataMinAge(20*time.Millisecond))
	k, err := NewKafka(cfg)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = k.Close() })
	return k
}

// message is a record as a consumer reads it.
type message struct {
	key     string
	headers map[string]string
	value   string
}

// consume reads the whole topic.
func (b *broker) consume() []message {
	b.t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(b.address()), kgo.ConsumeTopics(topic), kgo.FetchMaxBytes(64<<20), kgo.FetchMaxPartitionBytes(64<<20))
	if err != nil {
		b.t.Fatal(err)
	}
	defer c.Close()
	want := b.size()
	var all []message
	for int64(len(all)) < want {
		fetched := c.PollFetches(b.t.Context())
		if err := fetched.Err(); err != nil {
			b.t.Fatal(err)
		}
		for r := range fetched.RecordsAll() {
			m := message{key: string(r.Key), value: string(r.Value), headers: map[string]string{}}
			for _, h := range r.Headers {
				m.headers[h.Key] = string(h.Value)
			}
			all = append(all, m)
		}
	}
	return all
}

// size is how many records the topic has.
func (b *broker) size() (n int64) {
	for p := range int32(3) {
		n += b.cluster.PartitionInfo(topic, p).HighWatermark
	}
	return n
}

// joinParts does what docs tell a reader to: values of equal id and digest in
// the order of their numbers; repeats are passed over.
func joinParts(t *testing.T, all []message) map[string][]string {
	t.Helper()
	type set struct{ id, digest, count string }
	parts := map[set]map[int]string{}
	for _, m := range all {
		var i, n int
		if _, err := fmt.Sscanf(m.headers[headerPart], "%d/%d", &i, &n); err != nil || m.key != m.headers[headerID] {
			t.Fatalf("a message of key %q has the headers %v", m.key, m.headers)
		}
		s := set{m.key, m.headers[headerSHA256], strconv.Itoa(n)}
		if n == 1 {
			s.digest = m.value
		}
		if parts[s] == nil {
			parts[s] = map[int]string{}
		}
		parts[s][i] = m.value
	}
	whole := map[string][]string{}
	for s, values := range parts {
		n, _ := strconv.Atoi(s.count)
		if len(values) != n {
			continue // cut off by a failure; the whole came again
		}
		var value strings.Builder
		for _, i := range slices.Sorted(maps.Keys(values)) {
			value.WriteString(values[i])
		}
		whole[s.id] = append(whole[s.id], value.String())
	}
	return whole
}

func someEntry(n int, body string) Entry {
	e := NewEntry("log", uint64(2*n), uint64(2*n+1), ledger.Record{Kind: ledger.Outcome, ID: id(n), Call: someCall(n, time.Unix(0, 0)), Result: someResult(n, time.Unix(1, 0))})
	e.RequestBody, e.Bodies = Text(body), string(BodiesClear)
	return e
}

func TestKafkaTakesEntriesOfEverySize(t *testing.T) {
	b := newBroker(t, 100_000)
	k := b.kafka(KafkaConfig{MaxMessage: 100_000})
	room := 100_000 - recordRoom
	want := map[string]string{}
	for n, size := range []int{0, 10, room - 3000, room, room + 1, 2 * room, 1_500_000} {
		e := someEntry(n, strings.Repeat("x<\"é", size/5))
		if err := k.Write(t.Context(), "log", []Entry{e}, Cursor{Next: uint64(n)}); err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		value, err := encode(&e, FormatOstiary)
		if err != nil {
			t.Fatal(err)
		}
		want[e.ID] = string(value)
	}
	got := joinParts(t, b.consume())
	for id, value := range want {
		if len(got[id]) != 1 || got[id][0] != value {
			t.Errorf("%s, %d bytes, came as %d", id, len(value), len(got[id]))
		}
	}
	if c, err := k.Load(t.Context(), "log"); err != nil || c.Next != 6 {
		t.Errorf("the cursor is %+v, %v", c, err)
	}
	if _, err := k.Load(t.Context(), "another"); err == nil {
		t.Error("took the cursor of another log")
	}
}

// A broker that takes less than the settings say is given less.
func TestKafkaSplitsFinerForASmallerBroker(t *testing.T) {
	b := newBroker(t, 50_000)
	k := b.kafka(KafkaConfig{})
	e := someEntry(1, strings.Repeat("y", 300_000))
	failures := 0
	for ; failures < 10; failures++ {
		if err := k.Write(t.Context(), "log", []Entry{e}, Cursor{Next: 1}); err == nil {
			break
		} else if !errors.Is(err, kerr.MessageTooLarge) {
			t.Fatal(err)
		}
	}
	if failures == 0 || failures == 10 {
		t.Errorf("%d failures", failures)
	}
	if got := joinParts(t, b.consume()); len(got[e.ID]) != 1 || !strings.Contains(got[e.ID][0], strings.Repeat("y", 300_000)) {
		t.Errorf("%d whole entries", len(got[e.ID]))
	}
}

func TestTheSeedsFormat(t *testing.T) {
	b := newBroker(t, 0)
	k := b.kafka(KafkaConfig{Format: FormatSeed})
	entries := []Entry{someEntry(1, `{"q":1}`), {Kind: KindForgotten, ID: id(2)}, {Kind: KindNoOutcome, ID: id(3)}}
	if err := k.Write(t.Context(), "log", entries, Cursor{Next: 1}); err != nil {
		t.Fatal(err)
	}
	all := b.consume()
	if len(all) != 1 {
		t.Fatalf("%d messages", len(all))
	}
	const want = `{"completion_tokens":7,"prompt_tokens":1,"total_tokens":8,"WorkloadIdentifier":"reports","Backend":"model","User":"Sample Person One","FullRequestBody":"{\"q\":1}","FullResponseBody":""}`
	if all[0].value != want {
		t.Errorf("sent %s", all[0].value)
	}
}

func TestKafkaLogsIn(t *testing.T) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, topic), kfake.EnableSASL(), kfake.Superuser("PLAIN", connectionUser, "Endpoint=sb://sample"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	t.Setenv("SINK_TEST_CONNECTION", "Endpoint=sb://sample")
	var s Settings
	s.Name = "hub"
	s.Kafka = &KafkaSettings{Brokers: c.ListenAddrs(), Topic: topic, Plaintext: true}
	if err := s.Kafka.ConnectionString.UnmarshalText([]byte("env:SINK_TEST_CONNECTION")); err != nil {
		t.Fatal(err)
	}
	to, err := s.destination(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	if err := to.Write(t.Context(), "log", []Entry{someEntry(1, "")}, Cursor{}); err != nil {
		t.Error(err)
	}
	wrong, err := NewKafka(KafkaConfig{
		Brokers: c.ListenAddrs(), Topic: topic, Cursor: filepath.Join(t.TempDir(), "cursor"),
		SASL: plain.Auth{User: connectionUser, Pass: "another"}.AsMechanism(),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer wrong.Close()
	err = wrong.Write(t.Context(), "log", []Entry{someEntry(1, "")}, Cursor{})
	if err == nil || strings.Contains(err.Error(), "another") {
		t.Errorf("a wrong password: %v", err)
	}
}

// The broker is stopped and started, and fails at random, under load: every
// call is there at least once, whole.
func TestKafkaLosesNothing(t *testing.T) {
	b := newBroker(t, 60_000)
	var failing atomic.Bool
	var produced, failed atomic.Int64
	control := func() {
		b.cluster.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
			b.cluster.KeepControl()
			if n := produced.Add(1); !failing.Load() || n%3 != 1 {
				return nil, nil, false
			}
			failed.Add(1)
			return nil, errAway, true // the connection breaks before anything is stored
		})
	}
	control()
	failing.Store(true)
	l, dir := kept(t, ledger.BodyConfig{Clear: true})
	k := b.kafka(KafkaConfig{MaxMessage: 60_000, Cursor: filepath.Join(dir, "sink-test.cursor")})
	cfg := bodyConfig(l, dir, k, BodiesClear)
	cfg.BatchEntries, cfg.Linger = 20, time.Minute
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	want := map[string]string{}
	for n := range times(160) {
		body := strings.Repeat(strconv.Itoa(n)+" ", 1+rand.N(3)*(n%160)*100)
		want[keep(t, l, "one", body, "answer")] = body
		switch n % 80 {
		case 30:
			b.cluster.Close()
		case 60:
			b.start()
			control()
		}
	}
	for failed.Load() < 2 && s.lag() > 0 { // the sink may have been slower than we
		time.Sleep(time.Millisecond)
	}
	failing.Store(false)
	for s.lag() > 0 {
		time.Sleep(5 * time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	all := b.consume()
	got := joinParts(t, all)
	for id, body := range want {
		if len(got[id]) == 0 {
			t.Errorf("%s is lost", id)
		}
		for _, value := range got[id] {
			var e Entry
			if err := json.Unmarshal([]byte(value), &e); err != nil || string(e.RequestBody) != body || string(e.ResponseBody) != "answer" || e.Kind != KindCall {
				t.Errorf("%s came as %d bytes: %v", id, len(value), err)
			}
		}
	}
	if failed.Load() < 2 {
		t.Errorf("only %d of %d requests failed", failed.Load(), produced.Load())
	}
	t.Logf("%d calls in %d messages; %d of %d requests failed", len(want), len(all), failed.Load(), produced.Load())
}

// kcat, another implementation, reads it back.
func TestKcatReadsAPromptOfOneAndAHalfMegabytes(t *testing.T) {
	kcat, err := exec.LookPath("kcat")
	if err != nil {
		t.Skip("NOT CHECKED: that another implementation reads what the Kafka sink wrote: kcat is not installed (apt install kcat)")
	}
	b := newBroker(t, 1_000_000)
	l, dir := kept(t, ledger.BodyConfig{Clear: true})
	prompt, err := json.Marshal(map[string]string{"content": strings.Repeat("What is Ockham's Razor? \"Ω\"\n", 1_500_000/30)})
	if err != nil {
		t.Fatal(err)
	}
	call := keep(t, l, "one", string(prompt), "answer")
	deliver(t, bodyConfig(l, dir, b.kafka(KafkaConfig{}), BodiesClear))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	// %S is the value's length, so that the value may hold anything.
	out, err := exec.CommandContext(ctx, kcat, "-C", "-b", b.address(), "-t", topic, "-o", "beginning", "-e", "-q", "-X", "check.crcs=true", "-f", "%h\n%k\n%S\n%s").Output()
	if err != nil {
		t.Fatalf("kcat: %v", err)
	}
	var all []message
	for rest := string(out); rest != ""; {
		head := strings.SplitN(rest, "\n", 4)
		n, err := strconv.Atoi(head[2])
		if err != nil || len(head) != 4 || n > len(head[3]) {
			t.Fatalf("kcat printed %.200q", rest)
		}
		m := message{key: head[1], value: head[3][:n], headers: map[string]string{}}
		for h := range strings.SplitSeq(head[0], ",") {
			name, value, _ := strings.Cut(h, "=")
			m.headers[name] = value
		}
		all, rest = append(all, m), head[3][n:]
	}
	got := joinParts(t, all)[call]
	if len(all) < 2 || len(got) != 1 {
		t.Fatalf("kcat read %d messages and %d entries", len(all), len(got))
	}
	var e Entry
	if err := json.Unmarshal([]byte(got[0]), &e); err != nil || string(e.RequestBody) != string(prompt) || len(prompt) < 1_500_000 {
		t.Errorf("of a prompt of %d bytes %d came: %v", len(prompt), len(e.RequestBody), err)
	}
}

func FuzzParts(f *testing.F) {
	f.Add("", 1)
	f.Add("abc", 1)
	f.Add(strings.Repeat("x", 100), 33)
	f.Fuzz(func(t *testing.T, body string, limit int) {
		limit = 1 + max(limit, -limit, 0)%4096
		e := someEntry(1, body)
		value, err := encode(&e, FormatOstiary)
		if err != nil {
			t.Fatal(err)
		}
		var all []message
		for _, p := range split(&e, value, limit) {
			m := message{key: p.key, value: string(p.value), headers: map[string]string{}}
			for _, h := range p.headers {
				m.headers[h[0]] = h[1]
			}
			if len(p.value) > limit {
				t.Fatalf("a part of %d bytes, over %d", len(p.value), limit)
			}
			all = append(all, m)
		}
		slices.Reverse(all)
		if got := joinParts(t, append(all, all...)); len(got[e.ID]) != 1 || got[e.ID][0] != string(value) {
			t.Fatalf("the parts join to %d entries", len(got[e.ID]))
		}
	})
}
