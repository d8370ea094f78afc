package sink

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ostiary/ostiary/internal/fault"
)

// What a record of the topic is. Its key is the log's id, which decides its
// partition; the headers say the rest, so that values need not be parsed. Kind,
// part and checksum are as in the records of a sink.
const (
	headerFirst = "ostiary-first" // index of a block's first entry
	headerNext  = "ostiary-next"  // index after its last; of a checkpoint its size

	kindBlock      = "block"
	kindCheckpoint = "checkpoint"
)

// kafkaStore is a remoteStore. A broker cannot tell that a block is there
// already: whoever reads can.
type kafkaStore struct {
	cfg   KafkaConfig
	step  time.Duration // bounds every single thing that is asked of a broker
	limit int           // bytes of a message; less than MaxMessage if the broker takes less

	progress func() // told of every answer of a long search; nil means nobody

	client *kgo.Client
	spans  []span // by partition
}

// span is the offsets of a partition.
type span struct{ start, end int64 }

func newKafkaStore(cfg KafkaConfig, step time.Duration) *kafkaStore {
	setDefault(&cfg.MaxMessage, DefaultMaxMessage)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &kafkaStore{cfg: cfg, step: step, limit: cfg.MaxMessage}
}

func (s *kafkaStore) connect(ctx context.Context) error {
	opts := append(s.cfg.producer(s.limit, max(s.step, time.Second)), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	client, err := kgo.NewClient(append(s.patience(), opts...)...)
	if err != nil {
		return fault.New(fault.Invalid, "the settings of the ledger's topic cannot be used").Because(err)
	}
	s.client = client
	if err = s.look(ctx); err == nil {
		err = s.keeps(ctx)
	}
	if errors.Is(err, kerr.SaslAuthenticationFailed) || errors.Is(err, kerr.TopicAuthorizationFailed) || errors.Is(err, kerr.UnknownTopicOrPartition) {
		err = fault.New(fault.Invalid, "the broker refuses what the ledger needs").At(s.where()).
			Fix("see that the topic is there, and that the login may read it and write to it").Because(err)
	}
	return err
}

// patience is how long a client waits for a broker that does not answer.
func (s *kafkaStore) patience() []kgo.Opt {
	return []kgo.Opt{kgo.DialTimeout(s.step), kgo.RequestTimeoutOverhead(max(s.step, time.Second))}
}

func (s *kafkaStore) where() string { return s.cfg.Brokers[0] + " " + s.cfg.Topic }

// look finds out about the topic's partitions.
func (s *kafkaStore) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.step)
	defer cancel()
	if err := s.client.Ping(ctx); err != nil { // a login that is refused says so here
		return err
	}
	req := kmsg.NewPtrMetadataRequest()
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = kmsg.StringPtr(s.cfg.Topic)
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(ctx, s.client)
	if err != nil {
		return err
	}
	if len(resp.Topics) != 1 {
		return errors.New("the broker says nothing of the topic")
	}
	if err := kerr.ErrorForCode(resp.Topics[0].ErrorCode); err != nil {
		return err
	}
	s.spans = make([]span, len(resp.Topics[0].Partitions))
	const latest, earliest = -1, -2
	if err := s.offsets(ctx, latest, func(p int32, at int64) { s.spans[p].end = at }); err != nil {
		return err
	}
	return s.offsets(ctx, earliest, func(p int32, at int64) { s.spans[p].start = at })
}

// keeps refuses a topic that is compacted: of all blocks of a log, which have
// one key, it would keep the last. A broker that does not say is believed.
func (s *kafkaStore) keeps(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.step)
	defer cancel()
	req := kmsg.NewPtrDescribeConfigsRequest()
	resource := kmsg.NewDescribeConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeTopic, s.cfg.Topic
	resource.ConfigNames = []string{"cleanup.policy"}
	req.Resources = append(req.Resources, resource)
	resp, err := req.RequestWith(ctx, s.client)
	if err != nil {
		return nil // Event Hubs, or a login without the right to ask
	}
	for _, r := range resp.Resources {
		for _, c := range r.Configs {
			if c.Name == "cleanup.policy" && c.Value != nil && strings.Contains(*c.Value, "compact") {
				return fault.New(fault.Invalid, "the topic is compacted, and would keep one block of a log").At(s.where()).
					Fix("set its cleanup.policy to delete, or name a topic of its own")
			}
		}
	}
	return nil
}

// offsetAt is where a partition's records of a time and later begin.
func (s *kafkaStore) offsetAt(ctx context.Context, p int32, when time.Time) (offset int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.step)
	defer cancel()
	err = s.offsets(ctx, when.UnixMilli(), func(q int32, at int64) {
		switch {
		case q != p:
		case at < 0: // none is that late
			offset = s.spans[p].end
		default:
			offset = max(at, s.spans[p].start)
		}
	})
	return offset, err
}

// offsets asks for one offset of every partition.
func (s *kafkaStore) offsets(ctx context.Context, when int64, set func(partition int32, at int64)) error {
	req := kmsg.NewPtrListOffsetsRequest()
	topic := kmsg.NewListOffsetsRequestTopic()
	topic.Topic = s.cfg.Topic
	for p := range s.spans {
		part := kmsg.NewListOffsetsRequestTopicPartition()
		part.Partition, part.Timestamp = int32(p), when
		topic.Partitions = append(topic.Partitions, part)
	}
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(ctx, s.client)
	if err != nil {
		return err
	}
	seen := 0
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return err
			}
			if p.Partition < 0 || int(p.Partition) >= len(s.spans) {
				continue
			}
			set(p.Partition, p.Offset)
			seen++
		}
	}
	if seen != len(s.spans) || seen == 0 {
		return errors.New("the broker does not know where the topic's partitions end")
	}
	return nil
}

func (s *kafkaStore) close() {
	if s.client != nil {
		s.client.Close()
		s.client = nil
	}
}

// partition is where a log's records go, as any Kafka client would place them.
func (s *kafkaStore) partition(log string) int32 {
	by := kgo.StickyKeyPartitioner(nil).ForTopic(s.cfg.Topic)
	return int32(by.Partition(&kgo.Record{Key: []byte(log)}, len(s.spans))) //nolint:gosec // a partition
}

// checkpointValue is the value of a checkpoint's record.
type checkpointValue struct {
	Note   string `json:"note"`
	Key    string `json:"key"`
	Header []byte `json:"header"` // of a segment that would begin here
}

func checkpointOf(i remoteItem) ([]byte, error) {
	return json.Marshal(checkpointValue{string(i.note), i.key, i.header})
}

func (s *kafkaStore) put(ctx context.Context, items ...remoteItem) error {
	ctx, cancel := context.WithTimeout(ctx, s.step)
	defer cancel()
	var records []*kgo.Record
	for _, i := range items {
		kind, value := kindBlock, i.block
		if i.block == nil {
			var err error
			if value, err = checkpointOf(i); err != nil {
				return err
			}
			kind = kindCheckpoint
		}
		records = append(records, s.records(i, kind, value)...)
	}
	err := s.client.ProduceSync(ctx, records...).FirstErr()
	if errors.Is(err, kerr.MessageTooLarge) && s.limit > minMessage {
		s.limit = max(s.limit/2, minMessage)
		s.cfg.Logger.Warn("the broker takes no messages of this size; blocks of the ledger are split finer", "max_message", s.limit)
	}
	return err
}

// records splits a value into parts that the broker takes.
func (s *kafkaStore) records(i remoteItem, kind string, value []byte) (all []*kgo.Record) {
	room := s.limit - recordRoom
	n := max((len(value)+room-1)/room, 1)
	for part := range n {
		end := min((part+1)*room, len(value))
		r := &kgo.Record{Key: []byte(i.log), Value: value[part*room : end], Partition: s.partition(i.log)}
		for _, h := range [][2]string{
			{headerKind, kind}, {headerFirst, strconv.FormatUint(i.first, 10)}, {headerNext, strconv.FormatUint(i.next, 10)},
			{headerPart, fmt.Sprintf("%d/%d", part+1, n)}, {headerSHA256, hex.EncodeToString(i.sum[:])},
		} {
			r.Headers = append(r.Headers, kgo.RecordHeader{Key: h[0], Value: []byte(h[1])})
		}
		all = append(all, r)
	}
	return all
}

// eachKey has none to give: what is in a topic cannot be destroyed before its
// time, so no keys are put there.
func (*kafkaStore) eachKey(context.Context, string, func([]byte) error) error { return nil }
