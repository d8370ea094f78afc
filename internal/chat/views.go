package chat

import (
	"net/http"
	"strings"
	"time"
	"unicode/utf8"
)

// chatPage is a conversation, or the beginning of one.
type chatPage struct {
	page
	Conversation Conversation
	Messages     []article
	Earlier      int64 // the message before which there are more; 0: none
	Running      bool
	Models       []option
	SentLast     int // so many messages go along with a question
}

// option is a line of the picker.
type option struct {
	Name, Label  string
	Images, Here bool
	Refused      bool // policy refused it before
}

const pageOfMessages = 40

func (c *Chat) options(v *visit, here string) []option {
	c.learn(v.r.Context(), v.session)
	var all []option
	for _, m := range c.offered(v.session) {
		all = append(all, option{m.Name, m.label(), m.Images, m.Name == here, c.sessions.wasRefused(v.session, m.Name)})
	}
	return all
}

func (c *Chat) home(v *visit) error {
	p := chatPage{page: c.page(v), Conversation: Conversation{Model: v.prefs.Model, System: v.prefs.System}, SentLast: c.s.History}
	if err := c.withList(v, &p.page, "", 0); err != nil {
		return err
	}
	p.Models = c.options(v, v.prefs.Model)
	c.write(v.w, v.r, http.StatusOK, "chat", p)
	return nil
}

func (c *Chat) conversation(v *visit) error {
	p := chatPage{page: c.page(v), SentLast: c.s.History}
	id := v.r.PathValue("id")
	var err error
	if p.Conversation, err = c.store.conversation(v.r.Context(), v.owner, id); err != nil {
		return err
	}
	if err := c.withList(v, &p.page, id, 0); err != nil {
		return err
	}
	if p.Messages, p.Earlier, err = c.pageBefore(v, p.page, id, 0); err != nil {
		return err
	}
	p.Running = c.runs.writing(v.owner, id)
	p.Models = c.options(v, p.Conversation.Model)
	c.write(v.w, v.r, http.StatusOK, "chat", p)
	return nil
}

// pageBefore gives messages from below a number, and where those before begin.
func (c *Chat) pageBefore(v *visit, p page, id string, before int64) (list []article, earlier int64, err error) {
	all, err := c.store.messages(v.r.Context(), v.owner, id, before, pageOfMessages+1)
	if err != nil {
		return nil, 0, err
	}
	if len(all) > pageOfMessages {
		all = all[1:]
		earlier = all[0].Seq
	}
	return c.articles(p, id, all), earlier, nil
}

// earlier gives a page of messages from before one.
func (c *Chat) earlier(v *visit) (err error) {
	p := chatPage{page: c.page(v)}
	p.Conversation.ID = v.r.PathValue("id")
	if p.Messages, p.Earlier, err = c.pageBefore(v, p.page, p.Conversation.ID, number(v.r.URL.Query().Get("before"))); err != nil {
		return err
	}
	c.write(v.w, v.r, http.StatusOK, "messages", p)
	return nil
}

// list gives conversations: those of a search, or those before a moment.
func (c *Chat) list(v *visit) error {
	p := c.page(v)
	here := v.r.URL.Query().Get("here")
	words := wordsOf(v.r.URL.Query().Get("q"))
	if len(words) == 0 {
		if err := c.withList(v, &p, here, number(v.r.URL.Query().Get("before"))); err != nil {
			return err
		}
		c.write(v.w, v.r, http.StatusOK, "list", p)
		return nil
	}
	found, err := c.store.search(v.r.Context(), v.owner, words, foundLimit)
	if err != nil {
		return err
	}
	for _, f := range found {
		e := entry{ID: f.ID, Title: f.Title, Here: f.ID == here}
		if f.Text != "" {
			e.Excerpt = excerpt(f.Text, words)
		}
		p.Recent = append(p.Recent, e)
	}
	c.write(v.w, v.r, http.StatusOK, "list", p)
	return nil
}

func (c *Chat) rename(v *visit) error {
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, 64<<10)
	title := strings.Join(strings.Fields(v.r.PostFormValue("title")), " ")
	if title == "" || utf8.RuneCountInString(title) > 2*maxTitle || !utf8.ValidString(title) {
		return bad(http.StatusBadRequest, "title-length", 2*maxTitle)
	}
	conv, err := c.store.conversation(v.r.Context(), v.owner, v.r.PathValue("id"))
	if err != nil {
		return err
	}
	conv.Title = title
	if err := c.store.change(v.r.Context(), v.owner, conv); err != nil {
		return err
	}
	return c.done(v, "/c/"+conv.ID)
}

func (c *Chat) remove(v *visit) error {
	id := v.r.PathValue("id")
	if err := c.store.remove(v.r.Context(), v.owner, id); err != nil {
		return err
	}
	if r := c.runs.find(v.owner, id); r != nil {
		r.stop(errStop)
	}
	return c.done(v, "/")
}

// file gives what was sent along with a question, to the person who sent it:
// pictures to be shown, texts to be kept, neither to be run.
func (c *Chat) file(v *visit) error {
	f, err := c.store.file(v.r.Context(), v.owner, v.r.PathValue("id"), number(v.r.PathValue("seq")), int(min(number(v.r.PathValue("n")), maxFiles)))
	if err != nil {
		return err
	}
	h := v.w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Content-Type", f.Type)
	if !f.image() {
		h.Set("Content-Type", "text/plain; charset=utf-8")
		h.Set("Content-Disposition", attachment(f.Name))
	}
	_, _ = v.w.Write(f.Data)
	return nil
}

// settingsPage is a person's own settings.
type settingsPage struct {
	page
	Prefs     Preferences
	Languages []option
	Models    []option
	Saved     bool
}

func (c *Chat) settings(v *visit) error {
	p := settingsPage{page: c.page(v), Prefs: v.prefs, Models: c.options(v, v.prefs.Model), Saved: v.r.URL.Query().Has("saved")}
	for _, tag := range c.texts.languages() {
		p.Languages = append(p.Languages, option{Name: tag, Label: c.texts[tag].say("language-name"), Here: tag == v.prefs.Language})
	}
	if err := c.withList(v, &p.page, "", 0); err != nil {
		return err
	}
	c.write(v.w, v.r, http.StatusOK, "settings", p)
	return nil
}

func (c *Chat) changeSettings(v *visit) error {
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, 256<<10)
	prefs := v.prefs
	prefs.Name = v.name
	if lang := v.r.PostFormValue("language"); c.texts[lang] != nil || lang == "" {
		prefs.Language = lang
	}
	switch theme := v.r.PostFormValue("theme"); theme {
	case "", "light", "dark":
		prefs.Theme = theme
	}
	prefs.Model = ""
	if m, ok := c.model(v.session, v.r.PostFormValue("model")); ok {
		prefs.Model = m.Name
	}
	prefs.System = strings.TrimSpace(strings.ReplaceAll(v.r.PostFormValue("system"), "\r\n", "\n"))
	if utf8.RuneCountInString(prefs.System) > maxSystem || !utf8.ValidString(prefs.System) {
		return bad(http.StatusRequestEntityTooLarge, "system-long", maxSystem)
	}
	if err := c.store.remember(v.r.Context(), v.owner, prefs); err != nil {
		return err
	}
	http.Redirect(v.w, v.r, "/settings?saved", http.StatusSeeOther)
	return nil
}

func (c *Chat) removeAll(v *visit) error {
	if err := c.store.removeAll(v.r.Context(), v.owner); err != nil {
		return err
	}
	http.Redirect(v.w, v.r, "/", http.StatusSeeOther)
	return nil
}

// adminPage is who uses it how much.
type adminPage struct {
	page
	People []Usage
}

func (c *Chat) administer(v *visit) error {
	if v.role != admin {
		return errAbsent
	}
	p := adminPage{page: c.page(v)}
	var err error
	if p.People, err = c.store.usage(v.r.Context()); err != nil {
		return err
	}
	sessions := c.sessions.count()
	for i := range p.People {
		p.People[i].Sessions = sessions[p.People[i].Owner]
	}
	if err := c.withList(v, &p.page, "", 0); err != nil {
		return err
	}
	c.write(v.w, v.r, http.StatusOK, "admin", p)
	return nil
}

// Number and Day write for a reader.
func (p adminPage) Number(n int64) string { return p.group(n) }

// Day is a date as people of the language write it.
func (p adminPage) Day(t time.Time) string { return t.Format(p.T("date")) }

func (c *Chat) endSessions(v *visit) error {
	if v.role != admin {
		return errAbsent
	}
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, 4<<10)
	owner := v.r.PostFormValue("person")
	n := c.sessions.endAll(owner)
	c.log.Info("sessions ended by an administrator", "person", clip(owner, 40), "by", v.owner, "sessions", n)
	http.Redirect(v.w, v.r, "/admin", http.StatusSeeOther)
	return nil
}
