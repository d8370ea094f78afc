package gateway

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/ostiary/ostiary/internal/backend"
	"github.com/ostiary/ostiary/internal/ledger"
	"github.com/ostiary/ostiary/internal/openai"
)

// Why an answer is partial.
const (
	clientLeft     = "client-left"
	upstreamFailed = "upstream-failed"
)

const (
	bufferSize = 32 << 10
	eventsSize = 8 << 10 // enough for the events that come together; a thousand streams wait with theirs
	minRead    = 4 << 10
	maxEnd     = 1 << 20 // bytes held back at the end of an answer, at most

	// settleTime is how long a backend may take to close a stream that it has
	// said is complete.
	settleTime = 2 * time.Second
)

var (
	errClient = errors.New("the client left")
	errEnd    = errors.New("the backend sends on and on after the end of its answer")
)

// answer is a backend's answer on its way to the client.
type answer struct {
	body    io.Reader
	whole   *openai.Whole // one of the two reads beside
	stream  *openai.Stream
	left    int64  // bytes still to come of a body of known length; -1 if unknown
	buf     []byte // buf[:held] waits
	held    int
	pooled  *[]byte            // what buf was at first; nil for a stream
	kept    *ledger.BodyWriter // takes what goes to the client
	control *http.ResponseController
	flush   bool // after each piece
	hides   bool // what our asking for the usage added to the stream
	prose   bool // a transcription without JSON: all of it is text
	spoken  bool // the first byte has gone, and of a stream the first text: nothing is left to be noted
	passed  int64
	aborted string
}

// meter: sends the answer's header, passes its body on as it comes, and reads
// beside what it reports. The end of the body waits.
func (c *call) meter(resp *http.Response, cancel context.CancelFunc) *answer {
	h := c.w.Header()
	backend.CopyHeader(h, resp.Header)
	c.result.Status = resp.StatusCode
	c.result.Region = region(resp.Header.Get("X-Ms-Region"))
	c.result.UpstreamID = token(resp.Header.Get("Apim-Request-Id"), resp.Header.Get("X-Request-Id"))
	a := &answer{
		body: resp.Body, left: resp.ContentLength, kept: c.g.cfg.Ledger.Body(c.id, ledger.Response, c.noted),
		control: http.NewResponseController(c.w),
	}
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")) // what is none is no stream
	if media == "text/event-stream" {
		a.stream, a.buf = openai.NewStream(), make([]byte, eventsSize)
		if a.hides = c.hides; a.hides {
			a.stream.HideUsage()
			h.Del("Content-Length") // it will be shorter
		}
	} else {
		a.whole, a.pooled = openai.NewWhole(), c.g.buffers.Get().(*[]byte)
		a.buf = *a.pooled
		a.prose = c.target.Body == openai.FormBody && strings.HasPrefix(media, "text/")
	}
	a.flush = a.stream != nil || a.left < 0
	c.w.WriteHeader(resp.StatusCode)

	switch err := c.pass(a, cancel); {
	case err == nil:
		c.attempt.End(true)
	case errors.Is(err, errClient):
		a.aborted = clientLeft
	default:
		a.aborted = upstreamFailed
		c.attempt.End(false)
		c.g.cfg.Logger.Warn("a backend broke off its answer", "call", c.id, "backend", c.backend.Name(), "error", err)
	}
	return a
}

// pass moves the body until its end; nil means that it is whole.
func (c *call) pass(a *answer, cancel context.CancelFunc) error {
	if a.flush && a.control.Flush() != nil { // the header of a stream does not wait for its first event
		return errClient
	}
	settling := false
	for {
		ready, readErr := a.fill()
		if c.send(a, ready) != nil {
			return errClient
		}
		if a.complete() && !settling {
			settling, c.told = true, c.g.cfg.Now()
			defer time.AfterFunc(c.g.settle, cancel).Stop()
		}
		switch {
		case readErr == nil:
		case errors.Is(readErr, io.EOF):
			return nil
		case c.r.Context().Err() != nil:
			return errClient
		case settling && !errors.Is(readErr, errEnd): // all is here; only the connection did not end well
			return nil
		default:
			return readErr
		}
	}
}

// fill reads on, and says how many bytes at the start of buf may go. Of a
// stream its reader says so. Of another body the last piece waits: where the
// length is known that is the piece with the last byte, else any piece until
// the next one has come.
func (a *answer) fill() (ready int, err error) {
	if len(a.buf)-a.held < minRead {
		if a.held > maxEnd {
			return 0, errEnd
		}
		a.buf = append(a.buf, make([]byte, len(a.buf))...)
	}
	n, err := a.body.Read(a.buf[a.held:])
	a.passed += int64(n)
	all, fresh := a.held+n, a.buf[a.held:a.held+n]
	switch {
	case a.stream != nil:
		a.held = a.stream.Feed(fresh)
	case n > 0:
		a.whole.Feed(fresh)
		a.held = n
		if a.left >= 0 {
			if a.left -= int64(n); a.left > 0 {
				a.held = 0
			}
		}
	}
	return all - a.held, err
}

// send lets the first ready bytes of buf go to the client.
func (c *call) send(a *answer, ready int) error {
	if ready == 0 {
		return nil
	}
	goes := a.buf[:ready]
	if a.hides {
		goes = a.stream.Release(goes)
	}
	if len(goes) > 0 {
		if !a.spoken {
			c.began()
			a.spoken = c.spoke(a)
		}
		if _, err := a.kept.Write(goes); err != nil {
			return err // the outcome cannot be recorded either, so the answer must not go on
		}
		if _, err := c.w.Write(goes); err != nil {
			return err
		}
	}
	copy(a.buf, a.buf[ready:ready+a.held])
	if a.flush && len(goes) > 0 {
		return a.control.Flush()
	}
	return nil
}

// began notes when the first byte of the body goes.
func (c *call) began() {
	if c.result.FirstByte.IsZero() {
		c.result.FirstByte = c.g.cfg.Now()
	}
}

// spoke notes when the first text of a stream goes, and says whether it has or
// none will.
func (c *call) spoke(a *answer) bool {
	if a.stream == nil {
		return true
	}
	if a.stream.Begun() {
		c.result.FirstToken = c.g.cfg.Now()
	}
	return a.stream.Begun()
}

// complete says whether a stream has said that it is.
func (a *answer) complete() bool { return a.stream != nil && a.stream.Complete() }

// found is what the answer reported so far.
func (a *answer) found() openai.Answer {
	if a.stream != nil {
		return a.stream.Answer()
	}
	found := a.whole.Answer()
	if a.prose {
		found.TextBytes = a.passed
	}
	return found
}

// finish: what waited may go. A partial answer is cut, so that no client takes
// it for a whole one.
func (c *call) finish(a *answer) {
	if a.aborted != "" {
		panic(http.ErrAbortHandler)
	}
	// Recorded already: whether it arrives is the network's affair. After a
	// failed write HTTP/2 may still be reading the buffer, so it is not reused.
	if _, err := c.w.Write(a.buf[:a.held]); err == nil && a.pooled != nil {
		c.g.buffers.Put(a.pooled)
	}
}
