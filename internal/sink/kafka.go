package sink

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"

	"github.com/ostiary/ostiary/internal/fault"
)

// DefaultMaxMessage fits Event Hubs, which closes a connection on a request
// over 1,046,528 bytes, and Kafka's own default.
const DefaultMaxMessage = 1_000_000

const (
	minMessage    = 16 << 10
	recordRoom    = 2 << 10  // of a message, for what Kafka and the headers add to a value
	requestRoom   = 40 << 10 // of a request, for what it adds to its batches
	deliveryTime  = 30 * time.Second
	produceTime   = 45 * time.Second
	recordsAtOnce = 64
)

// KafkaConfig is a topic and how to reach it.
type KafkaConfig struct {
	Brokers    []string       // host:port, at least one
	Topic      string         // required; it is not made
	TLS        *tls.Config    // nil means none
	SASL       sasl.Mechanism // nil means none
	MaxMessage int            // bytes of a message at most; 0 means DefaultMaxMessage
	Format     Format         // empty means FormatOstiary
	Cursor     string         // file of the cursor; required
	Logger     *slog.Logger   // nil means none
	Options    []kgo.Opt      // further ones, for tests
}

// Kafka is a Destination that speaks the Kafka protocol, Event Hubs too. A
// write counts once all in-sync replicas have it, and the cursor's file is
// written after that. The key is the call's id.
type Kafka struct {
	cfg    KafkaConfig
	cursor cursorFile
	limit  int         // bytes of a message; less than MaxMessage if the broker takes less
	client *kgo.Client // nil until it is needed, and after an error
}

// NewKafka checks the configuration; it does not connect.
func NewKafka(cfg KafkaConfig) (*Kafka, error) {
	if len(cfg.Brokers) == 0 || cfg.Topic == "" || cfg.Cursor == "" {
		return nil, fault.New(fault.Invalid, "a kafka sink lacks its brokers, topic or cursor")
	}
	setDefault(&cfg.MaxMessage, DefaultMaxMessage)
	if cfg.MaxMessage < minMessage {
		return nil, fault.New(fault.Invalid, "messages of under 16 KiB").Fix("raise max_message")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	k := &Kafka{cfg: cfg, cursor: cursorFile(cfg.Cursor), limit: cfg.MaxMessage}
	client, err := k.dial()
	if err != nil {
		return nil, fault.New(fault.Invalid, "the kafka sink's settings cannot be used").Because(err)
	}
	client.Close()
	return k, nil
}

// dial makes a client; it connects when it is used.
func (k *Kafka) dial() (*kgo.Client, error) {
	return kgo.NewClient(k.cfg.producer(k.limit, deliveryTime)...)
}

// producer is how a client writes messages of up to limit bytes.
func (c *KafkaConfig) producer(limit int, delivery time.Duration) []kgo.Opt {
	opts := []kgo.Opt{
		kgo.RequiredAcks(kgo.AllISRAcks()),                                                           // idempotent too, where the broker knows how
		kgo.ProducerBatchMaxBytes(int32(limit)), kgo.BrokerMaxWriteBytes(int32(limit + requestRoom)), //nolint:gosec // Check bounds it
		kgo.ProducerBatchCompression(kgo.NoCompression()), // Event Hubs knows gzip alone
		kgo.RecordDeliveryTimeout(delivery), kgo.AllowIdempotentProduceCancellation(),
	}
	return append(opts, c.client()...)
}

// client is how a client reaches the brokers.
func (c *KafkaConfig) client() []kgo.Opt {
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.Brokers...), kgo.DefaultProduceTopic(c.Topic), kgo.ClientID("ostiary"),
		kgo.ConnIdleTimeout(3 * time.Minute), kgo.MetadataMaxAge(3 * time.Minute), // a load balancer drops what idles for 4 minutes
		kgo.DisableClientMetrics(),
	}
	if c.TLS != nil {
		opts = append(opts, kgo.DialTLSConfig(c.TLS))
	}
	if c.SASL != nil {
		opts = append(opts, kgo.SASL(c.SASL))
	}
	return append(opts, c.Options...)
}

// Load implements Destination.
func (k *Kafka) Load(_ context.Context, log string) (Cursor, error) { return k.cursor.read(log) }

// Write implements Destination.
func (k *Kafka) Write(ctx context.Context, log string, entries []Entry, next Cursor) error {
	ctx, cancel := context.WithTimeout(ctx, produceTime)
	defer cancel()
	if err := k.produce(ctx, entries); err != nil {
		k.reset(err)
		return fault.New(fault.Unavailable, "the broker did not take the calls").At(k.cfg.Brokers[0] + " " + k.cfg.Topic).
			Fix("check that it can be reached, that the topic is there, and that we may write to it").Because(err)
	}
	return k.cursor.write(log, next)
}

func (k *Kafka) produce(ctx context.Context, entries []Entry) error {
	if k.client == nil {
		client, err := k.dial()
		if err != nil {
			return err
		}
		k.client = client
		// A login that is refused says so here; a produce would only time out.
		if err := client.Ping(ctx); err != nil {
			return err
		}
	}
	var records []*kgo.Record
	for i := range entries {
		value, err := encode(&entries[i], k.cfg.Format)
		if err != nil {
			return err
		}
		if value == nil {
			continue
		}
		for _, p := range split(&entries[i], value, k.limit-recordRoom) {
			records = append(records, record(p))
		}
		if len(records) >= recordsAtOnce {
			if err := k.client.ProduceSync(ctx, records...).FirstErr(); err != nil {
				return err
			}
			records = records[:0]
		}
	}
	return k.client.ProduceSync(ctx, records...).FirstErr()
}

func record(p part) *kgo.Record {
	r := &kgo.Record{Key: []byte(p.key), Value: p.value}
	for _, h := range p.headers {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: h[0], Value: []byte(h[1])})
	}
	return r
}

// reset drops the client: what a failed one knows of sequences and sessions is
// not worth keeping. A broker that takes less than was said gets less.
func (k *Kafka) reset(err error) {
	if k.client != nil {
		k.client.Close()
		k.client = nil
	}
	if errors.Is(err, kerr.MessageTooLarge) && k.limit > minMessage {
		k.limit = max(k.limit/2, minMessage)
		k.cfg.Logger.Warn("the broker takes no messages of this size; entries are split finer", "max_message", k.limit)
	}
}

// Close implements Destination.
func (k *Kafka) Close() error {
	if k.client != nil {
		k.client.Close()
	}
	return nil
}
