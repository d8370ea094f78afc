package chat

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// pulse is how often a stream looks whether its session holds still, and says
// that it lives.
const pulse = time.Second

// piece is what a browser is sent of an answer: blocks that are finished, and
// the block in hand: so much of what the browser has stays, the rest follows.
type piece struct {
	From   int      `json:"from"`
	Closed []string `json:"closed,omitempty"`
	Keep   int      `json:"keep"` // UTF-16 units, as scripts count
	Open   string   `json:"open"`
}

// finale is what takes its place at the end.
type finale struct {
	HTML   string `json:"html"`
	Status Status `json:"status"`
	Kept   bool   `json:"kept"` // nothing was replaced: the question was refused
	Asked  int64  `json:"asked"`
}

// stream sends the answer that a conversation's run writes; 204 says that
// nothing is written.
func (c *Chat) stream(v *visit) error {
	conv, err := c.store.conversation(v.r.Context(), v.owner, v.r.PathValue("id"))
	if err != nil {
		return err
	}
	r := c.runs.find(v.owner, conv.ID)
	if r == nil {
		v.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return c.watch(v, conv, r, nil)
}

// watch sends a run as server-sent events: "begun" where there is something to
// say first, "piece" and at the end "done". "expired" says that the session
// has ended; the answer goes on and is kept.
func (c *Chat) watch(v *visit, conv Conversation, r *run, first *begun) error {
	h := v.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // of proxies
	out := eventWriter{v.w, http.NewResponseController(v.w)}
	_ = out.control.Flush() // the browser knows at once that it is there
	if first != nil && !out.send("begun", first) {
		return nil
	}
	tick := time.NewTicker(pulse)
	defer tick.Stop()
	var at seen
	for beats := 0; ; {
		now := r.look(at)
		if now.ended {
			return c.streamEnd(v, conv, r, now, out)
		}
		if len(now.closed) > 0 || now.open != at.open {
			if !out.send("piece", next(at, now)) {
				return nil
			}
			at = seen{at.closed + len(now.closed), now.open}
		}
		select {
		case <-now.changed:
		case <-v.r.Context().Done():
			return nil
		case <-tick.C:
			if !c.sessions.alive(v.session) {
				out.send("expired", problem{"expired", v.words.say("expired")})
				return nil
			}
			if beats++; beats%15 == 0 && !out.send("pulse", struct{}{}) {
				return nil
			}
		}
	}
}

func (c *Chat) streamEnd(v *visit, conv Conversation, r *run, now view, out eventWriter) error {
	m := now.message
	if !c.sessions.alive(v.session) {
		out.send("expired", problem{"expired", v.words.say("expired")})
		return nil
	}
	html, err := c.messageHTML(v, conv, m)
	if err != nil {
		return err
	}
	out.send("done", finale{HTML: html, Status: m.Status, Kept: r.replaces && m.Seq == 0, Asked: now.asked.Seq})
	return nil
}

// next is what a browser that has seen so much needs.
func next(at seen, now view) piece {
	p := piece{From: at.closed, Closed: now.closed}
	if len(now.closed) > 0 {
		p.Open = now.open
		return p
	}
	same := common(at.open, now.open)
	for _, r := range now.open[:same] {
		p.Keep += utf16.RuneLen(r)
	}
	p.Open = now.open[same:]
	return p
}

// common is how many bytes two texts have in common at their beginning, in
// whole characters.
func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	for n > 0 && n < len(b) && !utf8.RuneStart(b[n]) {
		n--
	}
	return n
}

type eventWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// send writes one event; false where the browser has gone.
func (e eventWriter) send(name string, value any) bool {
	data, err := json.Marshal(value)
	if err != nil {
		return false
	}
	if _, err = e.w.Write([]byte("event: " + name + "\ndata: " + string(data) + "\n\n")); err != nil {
		return false
	}
	return e.control.Flush() == nil
}

// stopAnswer ends the answer that is being written; what has come stays.
func (c *Chat) stopAnswer(v *visit) error {
	if r := c.runs.find(v.owner, v.r.PathValue("id")); r != nil {
		r.stop(errStop)
	}
	return c.done(v, "/c/"+v.r.PathValue("id"))
}

// done answers a script with nothing, and a form with a page.
func (c *Chat) done(v *visit, to string) error {
	if v.script() {
		v.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	http.Redirect(v.w, v.r, to, http.StatusSeeOther)
	return nil
}

func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}
