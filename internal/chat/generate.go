package chat

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

// Why an answer ends before its end.
var (
	errStop    = errors.New("stopped by the person")
	errRestart = errors.New("the service ends")
)

// Bounds of one answer.
const (
	maxAnswerTime = 30 * time.Minute
	maxAnswer     = 900 << 10 // bytes of text
	saveEvery     = 5 * time.Second
	storeTime     = 15 * time.Second // for what is stored at the end
)

// question is what a person asks: the whole of what the gateway is to be sent.
type question struct {
	session      *session
	conversation Conversation
	model        Model
	history      []Message // what came before, oldest first, with files' data
	asked        Message
	from         int64 // the message that the question takes the place of; 0: none
}

// generate asks the gateway and keeps what it answers. It is the run's one
// writer.
func (c *Chat) generate(ctx context.Context, q question, r *run) {
	ctx, cancel := context.WithTimeout(ctx, maxAnswerTime)
	defer cancel()
	defer r.stop(nil)
	began := time.Now()
	body := c.send(ctx, q, r)
	if body != nil {
		defer func() { _ = body.Close() }()
		c.follow(ctx, q, r, body, began)
	}
	c.finish(ctx, q, r, began)
}

// send asks, and gives the answer's body; nil where there is none, with the
// reason in the run.
func (c *Chat) send(ctx context.Context, q question, r *run) io.ReadCloser {
	resp, s, err := c.call(ctx, q)
	if err != nil {
		c.log.Info("a question was not answered", "status", string(s), "error", err)
		r.update(func() { r.message.Status = s })
		return nil
	}
	if resp.StatusCode != http.StatusOK {
		defer func() { _ = resp.Body.Close() }()
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // as much as came
		s, retry, detail := refusal(resp, body)
		r.update(func() { r.message.Status, r.message.Retry, r.message.Detail = s, retry, detail })
		return nil
	}
	if q.from > 0 {
		if err := c.keep(ctx, q, r); err != nil {
			_ = resp.Body.Close()
			r.update(func() { r.message.Status = Away })
			return nil
		}
	}
	return resp.Body
}

// keep stores question and answer, in the place of what they replace.
func (c *Chat) keep(ctx context.Context, q question, r *run) error {
	all := []Message{q.asked, r.look(seen{}).message}
	last, err := c.store.add(context.WithoutCancel(ctx), q.session.owner, q.conversation.ID, q.from, all...)
	if err != nil {
		c.log.Error("a question could not be stored", "error", err)
		return err
	}
	r.update(func() {
		r.message.Seq = last
		r.asked = q.asked
		r.asked.Seq = last - 1
	})
	return nil
}

// intake is text that has come and is not yet laid out.
type intake struct {
	mu    sync.Mutex
	text  []byte
	more  chan struct{} // of one
	ended chan struct{}
	end   ending // valid once ended
}

func (i *intake) add(piece string) {
	i.mu.Lock()
	i.text = append(i.text, piece...)
	i.mu.Unlock()
	select {
	case i.more <- struct{}{}:
	default:
	}
}

func (i *intake) take() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	piece := string(i.text)
	i.text = i.text[:0]
	return piece
}

// follow lays the answer out as it comes. What comes while a block is laid out
// waits for the next time; a block that takes long is laid out less often, so
// that at most a third of a processor goes into one answer.
func (c *Chat) follow(ctx context.Context, q question, r *run, body io.Reader, began time.Time) {
	in := &intake{more: make(chan struct{}, 1), ended: make(chan struct{})}
	go func() {
		defer close(in.ended)
		in.end = readEvents(body, in.add)
	}()
	text, saved, ended := c.render.Stream(), time.Now(), false
	for !ended {
		select {
		case <-in.more:
		case <-in.ended:
			ended = true
		case <-ctx.Done():
			_ = body.(io.Closer).Close() // ends the reading
			<-in.ended
			ended = true
		}
		piece := in.take()
		if piece == "" {
			continue
		}
		start := time.Now()
		if text.Text() == "" {
			r.update(func() { r.message.First = start.Sub(began).Milliseconds() })
			c.metrics.first.Observe(start.Sub(began).Seconds())
		}
		text.Add(piece)
		r.show(text)
		if took := time.Since(start); took > longLayout && !ended {
			pause(ctx, min(2*took, maxPause))
		}
		if time.Since(saved) > saveEvery {
			saved = time.Now()
			c.save(ctx, q, r)
		}
	}
	r.update(func() { in.end.settle(&r.message) })
}

const (
	longLayout = 4 * time.Millisecond
	maxPause   = 250 * time.Millisecond
)

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// save keeps the text so far, so that a crash loses seconds of it.
func (c *Chat) save(ctx context.Context, q question, r *run) {
	if err := c.store.finish(context.WithoutCancel(ctx), q.conversation.ID, r.look(seen{}).message); err != nil {
		c.log.Warn("an answer could not be stored yet", "error", err)
	}
}

// finish gives the answer its status and stores it.
func (c *Chat) finish(ctx context.Context, q question, r *run, began time.Time) {
	m := r.look(seen{}).message
	switch cause := context.Cause(ctx); {
	case m.Status != Running && m.Status != Cut:
	case errors.Is(cause, errStop):
		m.Status = Stopped
	case errors.Is(cause, errRestart):
		m.Status = Lost
	case m.Status == Running:
		m.Status = Cut
	}
	m.Total = time.Since(began).Milliseconds()
	if q.model.Currency != "" && m.Prompt+m.Completion > 0 {
		m.Cost, m.Currency = q.model.cost(m.Prompt, m.Completion), q.model.Currency
	}
	c.sessions.refuse(q.session, q.model.Name, m.Status == Policy)
	if m.Status == Policy {
		q.session.allowed.doubt()
	}
	c.metrics.answers.WithLabelValues(outcome(m.Status)).Inc()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
	defer cancel()
	if m.Seq > 0 {
		// Deleted in the meantime is no error.
		if err := c.store.finish(ctx, q.conversation.ID, m); err != nil && fault.KindOf(err) != fault.NotFound {
			c.log.Error("an answer could not be stored", "error", err)
		}
	}
	r.update(func() { r.message, r.ended = m, true })
	time.AfterFunc(lingers, func() { c.runs.drop(r) })
}

func outcome(s Status) string {
	if s == Done {
		return "done"
	}
	return string(s)
}
