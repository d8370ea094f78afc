package chat

import (
	"context"
	"crypto/rand"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of a question.
const (
	maxText      = 200_000 // characters
	maxSystem    = 20_000  // characters
	maxUpload    = 24 << 20
	maxTitle     = 80 // characters
	uploadTime   = 2 * time.Minute
	maxSentFiles = 16 << 20 // bytes of files of earlier messages that go along
)

// ask takes a question and begins its answer.
func (c *Chat) ask(v *visit) error {
	f, err := readForm(v.w, v.r)
	if err != nil {
		return err
	}
	q, err := c.question(v, f)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(c.ending)
	r := &run{
		owner: v.owner, conversation: q.conversation.ID, replaces: q.from > 0, asked: q.asked, stop: stop,
		message: Message{Role: fromModel, Model: q.model.Name, Status: Running, At: c.now()},
	}
	if !c.runs.begin(r) {
		stop(nil)
		return bad(http.StatusConflict, "busy")
	}
	if q.from == 0 {
		if err := c.keep(v.r.Context(), q, r); err != nil {
			stop(nil)
			c.runs.drop(r)
			return err
		}
	}
	c.writing.Go(func() { c.generate(ctx, q, r) })
	return c.begun(v, q, r)
}

// begun answers a script at once, with the answer's own stream behind where it
// takes one, and a browser without scripts when the answer has been written.
func (c *Chat) begun(v *visit, q question, r *run) error {
	at := "/c/" + q.conversation.ID
	if v.script() {
		asked, err := c.messageHTML(v, q.conversation, r.look(seen{}).asked)
		if err != nil {
			return err
		}
		first := begun{at, q.conversation.Title, asked}
		if v.streams() {
			return c.watch(v, q.conversation, r, &first)
		}
		writeJSON(v.w, http.StatusAccepted, first)
		return nil
	}
	for now := r.look(seen{}); !now.ended; now = r.look(seen{}) {
		select {
		case <-now.changed:
		case <-v.r.Context().Done():
			return nil
		}
	}
	http.Redirect(v.w, v.r, at, http.StatusSeeOther)
	return nil
}

// begun is what a script is told of a question that was taken.
type begun struct {
	URL      string `json:"url"`
	Title    string `json:"title"`
	Question string `json:"question"`
}

// question checks a form and gathers what belongs to it.
func (c *Chat) question(v *visit, f form) (question, error) {
	q := question{session: v.session}
	var err error
	if id := v.r.PathValue("id"); id != "" {
		if q.conversation, err = c.store.conversation(v.r.Context(), v.owner, id); err != nil {
			return q, err
		}
	}
	q.asked = Message{Role: fromUser, Text: f.text, At: c.now()}
	if err := c.takePlace(v, &q, f); err != nil {
		return q, err
	}
	name := f.model
	if name == "" {
		name = q.conversation.Model
	}
	var ok bool
	if q.model, ok = c.model(v.session, name); !ok {
		return q, bad(http.StatusForbidden, "no-model")
	}
	if err := q.attach(f); err != nil {
		return q, err
	}
	if err := q.check(); err != nil {
		return q, err
	}
	if q.history, err = c.before(v, q); err != nil {
		return q, err
	}
	return q, c.settle(v, &q, f)
}

// takePlace finds what an edited or repeated question replaces, and takes over
// its files, and the text where it is to be the same.
func (c *Chat) takePlace(v *visit, q *question, f form) error {
	if q.from = f.from; f.again > 0 {
		q.from = f.again - 1
	}
	if q.from <= 0 || q.conversation.ID == "" {
		q.from = 0
		return nil
	}
	old, err := c.store.messages(v.r.Context(), v.owner, q.conversation.ID, q.from+1, 1)
	if err != nil {
		return err
	}
	if len(old) == 0 || old[0].Seq != q.from || old[0].Role != fromUser {
		return bad(http.StatusConflict, "replaced")
	}
	if f.again > 0 {
		q.asked.Text = old[0].Text
	}
	if err := c.fill(v.r.Context(), v.owner, q.conversation.ID, old); err != nil {
		return err
	}
	q.asked.Files = old[0].Files
	return nil
}

// fill reads the files of messages, the newest first, up to maxSentFiles.
func (c *Chat) fill(ctx context.Context, owner, id string, all []Message) error {
	left := int64(maxSentFiles)
	for i := len(all) - 1; i >= 0; i-- {
		for n := range all[i].Files {
			if left -= all[i].Files[n].Size; left < 0 {
				return nil
			}
			f, err := c.store.file(ctx, owner, id, all[i].Seq, n)
			if err != nil {
				return err
			}
			all[i].Files[n] = f
		}
	}
	return nil
}

func (q *question) attach(f form) error {
	if len(q.asked.Files)+len(f.data) > maxFiles {
		return bad(http.StatusRequestEntityTooLarge, "files-many", maxFiles)
	}
	for i, data := range f.data {
		file, err := attach(f.names[i], data, q.model.Images)
		if err != nil {
			return err
		}
		q.asked.Files = append(q.asked.Files, file)
	}
	return nil
}

func (q *question) check() error {
	switch n := utf8.RuneCountInString(q.asked.Text); {
	case !utf8.ValidString(q.asked.Text):
		return bad(http.StatusBadRequest, "text-kind")
	case n > maxText:
		return bad(http.StatusRequestEntityTooLarge, "text-long", n, maxText)
	case strings.TrimSpace(q.asked.Text) == "" && len(q.asked.Files) == 0:
		return bad(http.StatusBadRequest, "text-empty")
	}
	return nil
}

// before is what goes along with the question.
func (c *Chat) before(v *visit, q question) ([]Message, error) {
	if q.conversation.ID == "" {
		return nil, nil
	}
	all, err := c.store.messages(v.r.Context(), v.owner, q.conversation.ID, q.from, c.s.History)
	if err != nil {
		return nil, err
	}
	return all, c.fill(v.r.Context(), v.owner, q.conversation.ID, all)
}

// settle makes the conversation, or notes what was set for it.
func (c *Chat) settle(v *visit, q *question, f form) error {
	if utf8.RuneCountInString(f.system) > maxSystem {
		return bad(http.StatusRequestEntityTooLarge, "system-long", maxSystem)
	}
	conv := &q.conversation
	old := *conv
	conv.Model, conv.System, conv.Temperature = q.model.Name, f.system, f.temperature
	if conv.ID != "" {
		if f.again > 0 { // the form of an answer holds no settings
			conv.System, conv.Temperature = old.System, old.Temperature
		}
		return c.store.change(v.r.Context(), v.owner, *conv)
	}
	conv.ID, conv.Created, conv.Updated = strings.ToLower(rand.Text()), c.now(), c.now()
	conv.Title = titleOf(q.asked)
	return c.store.create(v.r.Context(), v.owner, *conv)
}

// titleOf is the beginning of a question.
func titleOf(m Message) string {
	text := strings.Join(strings.Fields(m.Text), " ")
	if text == "" && len(m.Files) > 0 {
		text = m.Files[0].Name
	}
	runes := []rune(clip(text, 4*maxTitle))
	if len(runes) <= maxTitle {
		return string(runes)
	}
	short := string(runes[:maxTitle])
	if at := strings.LastIndexByte(short, ' '); at > len(short)/2 {
		short = short[:at]
	}
	return short + "…"
}
