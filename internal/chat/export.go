package chat

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
)

// exported is a conversation as it is taken away.
type exported struct {
	Conversation
	Messages []Message `json:"messages"`
}

const exportPage = 500 // messages read at once

// export gives a conversation as JSON, files included, or as Markdown.
func (c *Chat) export(v *visit) error {
	conv, err := c.store.conversation(v.r.Context(), v.owner, v.r.PathValue("id"))
	if err != nil {
		return err
	}
	e := exported{Conversation: conv}
	if e.Messages, err = c.allMessages(v, conv.ID); err != nil {
		return err
	}
	name := plainName(conv.Title)
	if v.r.URL.Query().Get("format") == "json" {
		v.w.Header().Set("Content-Disposition", attachment(name+".json"))
		return writeExport(v.w, e)
	}
	v.w.Header().Set("Content-Type", "text/markdown; charset=utf-8")
	v.w.Header().Set("Content-Disposition", attachment(name+".md"))
	e.markdown(v.w, v.words)
	return nil
}

// exportAll gives everything that a person has here, as lines of JSON.
func (c *Chat) exportAll(v *visit) error {
	v.w.Header().Set("Content-Disposition", attachment("conversations.jsonl"))
	for before := (time.Time{}); ; {
		all, err := c.store.conversations(v.r.Context(), v.owner, before, listed)
		if err != nil || len(all) == 0 {
			return err
		}
		for _, conv := range all {
			e := exported{Conversation: conv}
			if e.Messages, err = c.allMessages(v, conv.ID); err != nil {
				return err
			}
			if err := writeExport(v.w, e); err != nil {
				return err
			}
		}
		before = all[len(all)-1].Updated
	}
}

func writeExport(w http.ResponseWriter, e exported) error {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	return json.NewEncoder(w).Encode(e)
}

// allMessages reads a conversation from its end to its beginning.
func (c *Chat) allMessages(v *visit, id string) ([]Message, error) {
	var all []Message
	for before := int64(0); ; {
		some, err := c.store.messages(v.r.Context(), v.owner, id, before, exportPage)
		if err != nil {
			return nil, err
		}
		if err := c.fill(v.r.Context(), v.owner, id, some); err != nil {
			return nil, err
		}
		all = append(some, all...)
		if len(some) < exportPage {
			return all, nil
		}
		before = some[0].Seq
	}
}

// markdown writes it for people.
func (e exported) markdown(w io.Writer, words words) {
	_, _ = fmt.Fprintf(w, "# %s\n\n%s · %s\n", e.Title, e.Model, e.Created.Format(time.DateOnly))
	if e.System != "" {
		_, _ = fmt.Fprintf(w, "\n> %s\n", strings.ReplaceAll(e.System, "\n", "\n> "))
	}
	for _, m := range e.Messages {
		who := words.say("you")
		if m.Role == fromModel {
			who = m.Model
		}
		_, _ = fmt.Fprintf(w, "\n## %s\n\n", who)
		for _, f := range m.Files {
			_, _ = fmt.Fprintf(w, "*%s (%s)*\n\n", f.Name, bytesText(f.Size))
		}
		_, _ = fmt.Fprintf(w, "%s\n", m.Text)
		if m.Status != Done && m.Status != Running {
			_, _ = fmt.Fprintf(w, "\n*%s*\n", words.say("status-"+string(m.Status)))
		}
	}
}

// attachment is a file's name as a header carries it (RFC 6266, RFC 8187).
func attachment(name string) string {
	if text := mime.FormatMediaType("attachment", map[string]string{"filename": name}); text != "" {
		return text
	}
	return "attachment"
}
