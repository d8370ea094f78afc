package sink

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// tailWindow is how many records are looked through for a log's last block, at
// first.
const tailWindow = 16

// tail reads backwards: windows that grow, until one has a whole block. Where
// there is none that ends at the time when the log began, or at the beginning.
func (s *kafkaStore) tail(ctx context.Context, log string, since time.Time) (last mark, err error) {
	p := s.partition(log)
	all := s.spans[p]
	if !since.IsZero() {
		if all.start, err = s.offsetAt(ctx, p, since); err != nil {
			return last, err
		}
	}
	for window := int64(tailWindow); ; window *= 4 {
		from := max(all.end-window, all.start)
		err := s.scan(ctx, p, span{from, all.end}, oneLog(log, func(i remoteItem) error {
			if i.block != nil && i.next > last.next {
				last = i.mark
			}
			return nil
		}))
		if err != nil || last.next > 0 || from == all.start {
			return last, err
		}
	}
}

// read gives what there is in the order of the topic: of the partition where
// the log goes now, then of the others, for their number may have changed.
func (s *kafkaStore) read(ctx context.Context, log string, _ uint64, visit func(remoteItem) error) error {
	own := s.partition(log)
	if err := s.scan(ctx, own, s.spans[own], oneLog(log, visit)); err != nil {
		return err
	}
	for p := range s.spans {
		if p == int(own) {
			continue
		}
		if err := s.scan(ctx, int32(p), s.spans[p], oneLog(log, visit)); err != nil {
			return err
		}
	}
	return nil
}

// scan gives visit every record between two offsets of a partition.
func (s *kafkaStore) scan(ctx context.Context, p int32, between span, visit func(*kgo.Record) error) error {
	if between.start >= between.end {
		return nil
	}
	opts := append(s.cfg.client(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{s.cfg.Topic: {p: kgo.NewOffset().At(between.start)}}),
		kgo.KeepControlRecords(), // they have offsets too, and one may be the last
		kgo.FetchMaxBytes(16<<20), kgo.FetchMaxPartitionBytes(8<<20), kgo.MaxConcurrentFetches(1), kgo.FetchMaxWait(500*time.Millisecond),
	)
	client, err := kgo.NewClient(append(s.patience(), opts...)...)
	if err != nil {
		return err
	}
	defer client.Close()
	for at := between.start; at < between.end; {
		fetches, err := s.poll(ctx, client)
		if err != nil {
			return err
		}
		if s.progress != nil {
			s.progress()
		}
		for iter := fetches.RecordIter(); !iter.Done(); {
			r := iter.Next()
			if r.Offset >= between.end {
				return nil
			}
			if at = r.Offset + 1; r.Attrs.IsControl() {
				continue
			}
			if err := visit(r); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *kafkaStore) poll(ctx context.Context, client *kgo.Client) (kgo.Fetches, error) {
	ctx, cancel := context.WithTimeout(ctx, s.step)
	defer cancel()
	fetches := client.PollFetches(ctx)
	return fetches, fetches.Err()
}

// oneLog puts the records of a log together to blocks and checkpoints. Records
// that are not the log's, or not whole, are passed over: whoever checks the
// chain of blocks sees if one was needed.
func oneLog(log string, visit func(remoteItem) error) func(*kgo.Record) error {
	j := &rejoiner{}
	return func(r *kgo.Record) error {
		if string(r.Key) != log {
			return nil
		}
		i, ok := j.add(r)
		if !ok {
			return nil
		}
		return visit(i)
	}
}

// Bounds of what a reader puts together.
const (
	maxRejoined = 8 << 20 // bytes of a value: over twice the largest block
	maxJoining  = 4       // values of one log of which parts are missing
)

// rejoiner collects the parts of values. A client that was cut off leaves some
// without the rest; the whole follows.
type rejoiner struct {
	open []*rejoined // the oldest first
}

type rejoined struct {
	kind  string
	mark  mark
	parts [][]byte
	left  int
	bytes int
}

// add takes a record, and gives the item that it completes.
func (j *rejoiner) add(r *kgo.Record) (remoteItem, bool) {
	kind, m, part, n, ok := readHeaders(r)
	if !ok {
		return remoteItem{}, false
	}
	v := j.find(kind, m, n)
	if v.parts[part] == nil {
		v.parts[part], v.left = r.Value, v.left-1
		v.bytes += len(r.Value)
	}
	if v.left > 0 && v.bytes <= maxRejoined {
		return remoteItem{}, false
	}
	j.open = slices.DeleteFunc(j.open, func(o *rejoined) bool { return o == v })
	return v.item(string(r.Key))
}

func (j *rejoiner) find(kind string, m mark, n int) *rejoined {
	for _, o := range j.open {
		if o.kind == kind && o.mark == m && len(o.parts) == n {
			return o
		}
	}
	if len(j.open) == maxJoining {
		j.open = slices.Delete(j.open, 0, 1)
	}
	v := &rejoined{kind: kind, mark: m, parts: make([][]byte, n), left: n}
	j.open = append(j.open, v)
	return v
}

func (v *rejoined) item(log string) (remoteItem, bool) {
	if v.left > 0 {
		return remoteItem{}, false
	}
	i := remoteItem{log: log, mark: v.mark}
	value := slices.Concat(v.parts...)
	if v.kind == kindBlock {
		i.block = value
		return i, sha256.Sum256(value) == v.mark.sum
	}
	var c checkpointValue
	if json.Unmarshal(value, &c) != nil {
		return remoteItem{}, false
	}
	i.note, i.key, i.header = []byte(c.Note), c.Key, c.Header
	return i, true
}

// readHeaders says what a record is, if it is ours.
func readHeaders(r *kgo.Record) (kind string, m mark, part, n int, ok bool) {
	h := map[string]string{}
	for _, x := range r.Headers {
		h[x.Key] = string(x.Value)
	}
	var errs [5]error
	kind = h[headerKind]
	m.first, errs[0] = strconv.ParseUint(h[headerFirst], 10, 62)
	m.next, errs[1] = strconv.ParseUint(h[headerNext], 10, 62)
	i, of, _ := strings.Cut(h[headerPart], "/")
	part, errs[2] = strconv.Atoi(i)
	n, errs[3] = strconv.Atoi(of)
	sum, err := hex.DecodeString(h[headerSHA256])
	errs[4] = err
	copy(m.sum[:], sum)
	ok = errors.Join(errs[:]...) == nil && len(sum) == len(m.sum) && 1 <= part && part <= n && n <= maxRejoined/minMessage*2 &&
		(kind == kindBlock && m.first < m.next || kind == kindCheckpoint) && r.Value != nil
	return kind, m, part - 1, n, ok
}

// list reads the whole topic.
func (s *kafkaStore) list(ctx context.Context) ([]RemoteLog, error) {
	logs := map[string]*RemoteLog{}
	for p := range s.spans {
		err := s.scan(ctx, int32(p), s.spans[p], func(r *kgo.Record) error {
			if kind, m, part, n, ok := readHeaders(r); ok && len(r.Key) == 32 {
				count(logs, r, kind, m, part+1 == n)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	all := make([]RemoteLog, 0, len(logs))
	for _, l := range logs {
		all = append(all, *l)
	}
	slices.SortFunc(all, func(a, b RemoteLog) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Log, b.Log))
	})
	return all, nil
}

// count takes a record into the sums of its log; a block counts with its last
// part.
func count(logs map[string]*RemoteLog, r *kgo.Record, kind string, m mark, last bool) {
	l := logs[string(r.Key)]
	if l == nil {
		l = &RemoteLog{Log: string(r.Key), First: m.next, Since: r.Timestamp}
		logs[l.Log] = l
	}
	if kind == kindCheckpoint {
		l.Signed = max(l.Signed, m.next)
		return
	}
	l.Bytes += int64(len(r.Value))
	if last {
		l.First, l.Entries, l.Until = min(l.First, m.first), max(l.Entries, m.next), r.Timestamp
	}
}
