package ledger

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

// encode makes the payload of a record: what json.Marshal makes of it with its
// times in UTC, byte for byte, as a test holds for every field. Every call has
// two records, and reflection cost more than a hundredth of a call each.
func (r Record) encode() ([]byte, error) { return r.appendTo(make([]byte, 0, recordSize)) }

// recordSize is what most records need, in bytes.
const recordSize = 1 << 10

// appendTo is encode into a buffer with nothing in it.
func (r Record) appendTo(empty []byte) ([]byte, error) {
	w := writer{b: empty}
	w.open()
	w.number("v", int64(r.Version))
	w.text("kind", string(r.Kind))
	w.text("id", r.ID)
	w.time("time", r.Time)
	if r.Call != nil {
		w.key("call")
		w.call(r.Call)
	}
	if r.Result != nil {
		w.key("result")
		w.result(r.Result)
	}
	if r.Forget != nil {
		w.any("forget", r.Forget)
	}
	w.close()
	if w.err != nil {
		return nil, fault.New(fault.Internal, "the call's record cannot be written as JSON").Because(w.err)
	}
	return w.b[:len(w.b)-1], nil
}

func (w *writer) call(c *Call) {
	w.open()
	w.time("received", c.Received)
	w.maybe("issuer", c.Issuer)
	w.maybe("tenant", c.Tenant)
	w.maybe("subject", c.Subject)
	w.maybe("name", c.Name)
	w.maybe("app", c.App)
	w.maybe("member", c.Member)
	w.maybe("workload", c.Workload)
	w.maybe("capture", string(c.Capture))
	w.maybe("client", c.Client)
	w.text("operation", c.Operation)
	w.maybe("api_version", c.APIVersion)
	w.maybe("deployment", c.Deployment)
	w.maybe("asked", c.Asked)
	w.flag("stream", c.Stream)
	w.maybe("backend", c.Backend)
	w.maybe("decision", c.Decision)
	w.body("request", c.Request)
	w.maybe("correlation", c.Correlation)
	w.close()
}

func (w *writer) result(r *Result) {
	w.open()
	if !r.FirstByte.IsZero() {
		w.time("first_byte", r.FirstByte)
	}
	if !r.FirstToken.IsZero() {
		w.time("first_token", r.FirstToken)
	}
	w.time("end", r.End)
	w.number("status", int64(r.Status))
	w.maybe("error_code", r.ErrorCode)
	w.maybe("model", r.Model)
	if len(r.FinishReasons) > 0 {
		w.any("finish_reasons", r.FinishReasons)
	}
	if r.Usage != (Usage{}) {
		w.key("usage")
		w.usage(r.Usage)
	}
	if r.Cost != nil {
		w.any("cost", r.Cost)
	}
	if len(r.ContentFilter) > 0 {
		w.any("content_filter", r.ContentFilter)
	}
	w.maybe("region", r.Region)
	w.count("retries", int64(r.Retries))
	w.maybe("backend", r.Backend)
	if r.Request != (Body{}) {
		w.body("request", r.Request)
	}
	w.body("response", r.Response)
	w.maybe("upstream_id", r.UpstreamID)
	w.maybe("aborted", r.Aborted)
	w.close()
}

func (w *writer) usage(u Usage) {
	w.open()
	w.count("prompt", u.Prompt)
	w.count("completion", u.Completion)
	w.count("cached", u.Cached)
	w.count("reasoning", u.Reasoning)
	w.count("total", u.Total)
	w.flag("estimated", u.Estimated)
	w.close()
}

func (w *writer) body(key string, b Body) {
	w.key(key)
	w.open()
	w.number("bytes", b.Bytes)
	w.maybe("commitment", b.Commitment)
	w.count("pieces", int64(b.Pieces))
	w.flag("redacted", b.Redacted)
	w.maybe("omitted", b.Omitted)
	w.close()
}

// writer writes JSON objects. A comma follows everything, until close takes
// back what stands before an object's end. The first error stays.
type writer struct {
	b   []byte
	err error
}

func (w *writer) open() { w.b = append(w.b, '{') }

func (w *writer) close() {
	if n := len(w.b) - 1; w.b[n] == ',' {
		w.b = w.b[:n]
	}
	w.b = append(w.b, '}', ',')
}

// key's name is one that JSON need not escape.
func (w *writer) key(name string) {
	w.b = append(w.b, '"')
	w.b = append(w.b, name...)
	w.b = append(w.b, '"', ':')
}

func (w *writer) text(key, v string) {
	if !plainText(v) {
		w.any(key, v)
		return
	}
	w.key(key)
	w.b = append(w.b, '"')
	w.b = append(w.b, v...)
	w.b = append(w.b, '"', ',')
}

// plainText says whether JSON, as encoding/json writes it for HTML, has the
// text as it is.
func plainText(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ', c > '~', c == '"', c == '\\', c == '<', c == '>', c == '&':
			return false
		}
	}
	return true
}

func (w *writer) maybe(key, v string) {
	if v != "" {
		w.text(key, v)
	}
}

func (w *writer) number(key string, n int64) {
	w.key(key)
	w.b = append(strconv.AppendInt(w.b, n, 10), ',')
}

func (w *writer) count(key string, n int64) {
	if n != 0 {
		w.number(key, n)
	}
}

func (w *writer) flag(key string, v bool) {
	if v {
		w.key(key)
		w.b = append(w.b, "true,"...)
	}
}

func (w *writer) time(key string, t time.Time) {
	t = t.UTC()
	if y := t.Year(); y < 0 || y > 9999 {
		w.any(key, t) // which says so
		return
	}
	w.key(key)
	w.b = append(w.b, '"')
	w.b = append(t.AppendFormat(w.b, time.RFC3339Nano), '"', ',')
}

// any is for what is rare.
func (w *writer) any(key string, v any) {
	text, err := json.Marshal(v)
	if err != nil && w.err == nil {
		w.err = err
	}
	w.key(key)
	w.b = append(append(w.b, text...), ',')
}
