package chat

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// pages are the templates.
type pages struct{ *template.Template }

func loadPages(from fs.FS) (pages, error) {
	t, err := template.ParseFS(from, "page/*.html")
	return pages{t}, err
}

// page is what every template has.
type page struct {
	chat  *Chat
	visit *visit
	words words

	Lang    string
	Theme   string
	Name    string
	Admin   bool
	Here    string // the conversation that is shown
	Recent  []entry
	More    int64 // where earlier conversations begin; 0: no more
	Private bool  // somebody has signed in
}

// T gives a text.
func (p page) T(key string, args ...any) string { return p.words.say(key, args...) }

// Asset gives an asset's address.
func (p page) Asset(name string) string { return p.chat.assets.base + name }

// Words are the texts that scripts use, as JSON.
func (p page) Words() (string, error) {
	some := map[string]string{}
	for key, text := range p.words {
		if script, ok := strings.CutPrefix(key, "js-"); ok {
			some[script] = text
		}
	}
	data, err := json.Marshal(some)
	return string(data), err
}

// Bounds are what scripts say before the server does.
func (p page) Bounds() map[string]int { return map[string]int{"text": maxText, "files": maxFiles} }

// Who stands for the person in the browser's own storage.
func (p page) Who() string {
	if p.visit == nil {
		return ""
	}
	return p.visit.owner[:8]
}

func (c *Chat) page(v *visit) page {
	return page{chat: c, visit: v, words: v.words, Lang: v.lang, Theme: v.prefs.Theme, Name: v.name, Admin: v.role == admin, Private: true}
}

// entry is a conversation in the list.
type entry struct {
	ID, Title, Excerpt string
	Day                string // heading of the first of a day
	Here               bool
}

const (
	listed     = 40
	foundLimit = 50
)

// entries are conversations under the days that they were last used.
func (c *Chat) entries(v *visit, all []Conversation, here string) []entry {
	var list []entry
	day := ""
	for _, conv := range all {
		e := entry{ID: conv.ID, Title: conv.Title, Here: conv.ID == here}
		if d := c.day(v, conv.Updated); d != day {
			day, e.Day = d, d
		}
		list = append(list, e)
	}
	return list
}

func (c *Chat) day(v *visit, t time.Time) string {
	switch days := int(c.now().Sub(t) / (24 * time.Hour)); {
	case days < 1:
		return v.words.say("today")
	case days < 7:
		return v.words.say("week")
	case days < 31:
		return v.words.say("month")
	}
	return v.words.say("earlier")
}

// withList adds the list of conversations.
func (c *Chat) withList(v *visit, p *page, here string, before int64) error {
	var from time.Time
	if before > 0 {
		from = moment(before)
	}
	all, err := c.store.conversations(v.r.Context(), v.owner, from, listed+1)
	if err != nil {
		return err
	}
	if len(all) > listed {
		all = all[:listed]
		p.More = all[listed-1].Updated.UnixMilli()
	}
	p.Here, p.Recent = here, c.entries(v, all, here)
	return nil
}

// write sends a page, compressed where the browser takes that.
func (c *Chat) write(w http.ResponseWriter, r *http.Request, status int, name string, data any) {
	var b bytes.Buffer
	if err := c.pages.ExecuteTemplate(&b, name, data); err != nil {
		c.log.Error("a page could not be made", "page", name, "error", err)
		http.Error(w, "this page could not be made; the log of the service says why", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Add("Vary", "Accept-Encoding")
	if acceptsGzip(r) {
		h.Set("Content-Encoding", "gzip")
		w.WriteHeader(status)
		z := gzip.NewWriter(w)
		_, _ = z.Write(b.Bytes())
		_ = z.Close()
		return
	}
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

// article is a message as a template shows it.
type article struct {
	page
	Message
	Conversation string
	HTML         template.HTML
	Label        string // of the model
	Again        bool   // the answer may be had once more
}

// article lays a message out. The HTML is internal/chat/render's.
func (c *Chat) article(p page, conv string, m Message) article {
	a := article{page: p, Message: m, Conversation: conv}
	if m.Role == fromModel {
		if m.Status == Running && !c.runs.writing(p.visit.owner, conv) {
			a.Status = Lost
		}
		a.HTML = template.HTML(c.render.HTML(m.Text)) //nolint:gosec // sanitised
		a.Label, a.Again = c.label(m.Model), m.Seq > 0
	}
	return a
}

func (c *Chat) articles(p page, conv string, all []Message) []article {
	var list []article
	for _, m := range all {
		list = append(list, c.article(p, conv, m))
	}
	return list
}

// messageHTML is one message as a piece of a page.
func (c *Chat) messageHTML(v *visit, conv Conversation, m Message) (string, error) {
	var b bytes.Buffer
	err := c.pages.ExecuteTemplate(&b, "message", c.article(c.page(v), conv.ID, m))
	return b.String(), err
}

// Own says whether a person wrote it.
func (a article) Own() bool { return a.Role == fromUser }

// Writing says whether the answer is being written.
func (a article) Writing() bool { return a.Status == Running }

// Bad says whether there is a notice of what went wrong.
func (a article) Bad() bool { return a.Status.failed() }

// Minor says whether there is a remark.
func (a article) Minor() bool { return a.Status == Stopped || a.Status == Length }

// Notice is what went wrong, or a remark.
func (a article) Notice() string { return a.T("status-" + string(a.Status)) }

// Do is what a person can do.
func (a article) Do() string {
	if a.Status == Limit && a.Retry > 0 {
		return a.T("status-limit-retry", a.wait())
	}
	return a.T("status-" + string(a.Status) + "-do")
}

func (a article) wait() string {
	if a.Retry < 120 {
		return a.T("seconds", a.Retry)
	}
	return a.T("minutes", (a.Retry+59)/60)
}

// Figures are tokens, cost and time in one line.
func (a article) Figures() []string {
	var all []string
	if a.Prompt+a.Completion > 0 {
		all = append(all, a.T("tokens", a.group(a.Prompt), a.group(a.Completion)))
	}
	if a.Currency != "" {
		all = append(all, a.decimal(money(a.Cost))+" "+a.Currency)
	}
	if a.Total > 0 && a.First > 0 {
		all = append(all, a.T("time", a.decimal(seconds(a.First)), a.decimal(seconds(a.Total))))
	}
	return all
}

func seconds(ms int64) string { return strconv.FormatFloat(float64(ms)/1000, 'f', 1, 64) }

// money has two digits that say something.
func money(cost float64) string {
	switch {
	case cost >= 1:
		return fmt.Sprintf("%.2f", cost)
	case cost >= 0.01:
		return fmt.Sprintf("%.3f", cost)
	case cost > 0 && cost < 0.00001:
		return "<0.00001"
	}
	return fmt.Sprintf("%.5f", cost)
}

// decimal writes a number with the language's decimal mark.
func (p page) decimal(number string) string {
	return strings.ReplaceAll(number, ".", p.T("decimal"))
}

// group writes a whole number in groups of three.
func (p page) group(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + p.T("thousands") + s[i:]
	}
	return s
}

// SizeText is a file's size.
func (f File) SizeText() string { return bytesText(f.Size) }

// Image says whether it is a picture.
func (f File) Image() bool { return f.image() }
