package chat

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/secret"
	"github.com/ostiary/ostiary/internal/sink/sinktest"
)

// stores runs a test on both databases.
func stores(t *testing.T, test func(t *testing.T, s store)) {
	t.Run("sqlite", func(t *testing.T) {
		s, err := openSQLite(t.Context(), filepath.Join(t.TempDir(), "a?b#%.db"))
		if err != nil {
			t.Fatal(err)
		}
		defer s.close()
		test(t, s)
	})
	t.Run("postgres", func(t *testing.T) {
		p := sinktest.NewPostgres(t)
		t.Setenv("OSTIARY_TEST_POSTGRES", p.URL())
		var ref secret.Ref
		if err := ref.UnmarshalText([]byte("env:OSTIARY_TEST_POSTGRES")); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 4 { // that make the tables at once
			all.Go(func() {
				s, err := openPostgres(context.Background(), ref)
				if err != nil {
					t.Error(err)
					return
				}
				_ = s.close()
			})
		}
		all.Wait()
		s, err := openPostgres(t.Context(), ref)
		if err != nil {
			t.Fatal(err)
		}
		defer s.close()
		test(t, s)
	})
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func noon() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) }

func TestStore(t *testing.T) {
	stores(t, func(t *testing.T, s store) {
		ctx, warm := t.Context(), 0.7
		must(t, s.ping(ctx))
		first := Conversation{ID: "a", Title: "Über 100% Ockham_s", Model: "gpt-4o", System: "Be brief.", Temperature: &warm, Created: noon()}
		must(t, s.create(ctx, "one", first), s.create(ctx, "one", Conversation{ID: "b", Title: "second", Created: noon().Add(time.Minute)}), s.create(ctx, "two", Conversation{ID: "c", Title: "Über theirs", Created: noon()}))

		got, err := s.conversation(ctx, "one", "a")
		if err != nil || got.Title != first.Title || got.Temperature == nil || *got.Temperature != warm || !got.Created.Equal(noon()) || got.System != "Be brief." {
			t.Errorf("%+v %v", got, err)
		}
		last, err := s.add(ctx, "one", "a", 0,
			Message{Role: fromUser, Text: "What is Ockham's Razor?", At: noon().Add(time.Hour), Files: []File{{Name: "x.txt", Type: textFile, Data: []byte("inside")}, {Name: "y.png", Type: "image/png", Data: []byte{1, 2}}}},
			Message{Role: fromModel, Status: Running, Model: "gpt-4o", At: noon().Add(time.Hour)})
		if err != nil || last != 2 {
			t.Fatalf("%d %v", last, err)
		}
		must(t, s.finish(ctx, "a", Message{Seq: 2, Text: "Entities shall not be multiplied.", Status: Done, Prompt: 11, Completion: 6, Cost: 0.25, Currency: "USD", First: 30, Total: 900}))
		all, err := s.messages(ctx, "one", "a", 0, 10)
		if err != nil || len(all) != 2 || all[0].Seq != 1 || len(all[0].Files) != 2 || all[0].Files[1].Size != 2 || all[0].Files[1].Data != nil || all[1].Completion != 6 || all[1].Cost != 0.25 || all[1].Total != 900 || all[1].Model != "gpt-4o" {
			t.Fatalf("%+v %v", all, err)
		}
		file, err := s.file(ctx, "one", "a", 1, 0)
		if err != nil || string(file.Data) != "inside" || file.Name != "x.txt" {
			t.Errorf("%+v %v", file, err)
		}

		for query, want := range map[string]string{"ockham": "a", "ENTITIES multipl": "a", "second": "b", "100%": "a", "m_s": "a", "nothing": "", "über": "a", `razor" OR "x`: "", "zz:* | b & !": ""} {
			found, err := s.search(ctx, "one", wordsOf(query), 10)
			ids := ""
			for _, f := range found {
				ids += f.ID
			}
			if err != nil || ids != want {
				t.Errorf("search %q: %q %v, want %q", query, ids, err, want)
			}
		}

		// An edit takes the place of what followed.
		if last, err = s.add(ctx, "one", "a", 1, Message{Role: fromUser, Text: "What is a doorkeeper?", At: noon().Add(2 * time.Hour)}); err != nil || last != 1 {
			t.Errorf("%d %v", last, err)
		}
		if found, _ := s.search(ctx, "one", []string{"entities"}, 10); len(found) != 0 {
			t.Error("what was replaced is still found")
		}
		if _, err := s.file(ctx, "one", "a", 1, 0); !errors.Is(err, errAbsent) {
			t.Errorf("the file of a message that was replaced: %v", err)
		}

		listed, err := s.conversations(ctx, "one", time.Time{}, 10)
		if err != nil || len(listed) != 2 || listed[0].ID != "a" || listed[1].ID != "b" {
			t.Errorf("%+v %v", listed, err)
		}
		if listed, _ = s.conversations(ctx, "one", listed[0].Updated, 10); len(listed) != 1 {
			t.Errorf("%+v", listed)
		}
		got.Title, got.Temperature = "renamed", nil
		must(t, s.change(ctx, "one", got))
		if got, _ = s.conversation(ctx, "one", "a"); got.Title != "renamed" || got.Temperature != nil {
			t.Errorf("%+v", got)
		}
		must(t, s.remember(ctx, "one", Preferences{Name: "One", Theme: "dark"}), s.remember(ctx, "one", Preferences{Name: "One", Language: "de"}))
		if p, err := s.person(ctx, "one"); err != nil || p.Language != "de" || p.Theme != "" {
			t.Errorf("%+v %v", p, err)
		}
		used, err := s.usage(ctx)
		if err != nil || len(used) != 1 || used[0].Name != "One" || used[0].Asked != 1 {
			t.Errorf("%+v %v", used, err)
		}
		must(t, s.remove(ctx, "one", "b"), s.removeAll(ctx, "one"))
		if listed, _ = s.conversations(ctx, "one", time.Time{}, 10); len(listed) != 0 {
			t.Error("conversations are left")
		}
		if _, err := s.conversation(ctx, "two", "c"); err != nil {
			t.Errorf("another's were deleted too: %v", err)
		}
	})
}

// TestOthers: another person's conversation does not exist.
func TestOthers(t *testing.T) {
	stores(t, func(t *testing.T, s store) {
		ctx := t.Context()
		must(t, s.create(ctx, "one", Conversation{ID: "a", Title: "mine", Created: noon()}))
		if _, err := s.add(ctx, "one", "a", 0, Message{Role: fromUser, Text: "private words", At: noon(), Files: []File{{Name: "f", Type: textFile, Data: []byte("x")}}}); err != nil {
			t.Fatal(err)
		}
		_, read := s.conversation(ctx, "two", "a")
		_, messages := s.messages(ctx, "two", "a", 0, 10)
		_, added := s.add(ctx, "two", "a", 1, Message{Role: fromUser, At: noon()})
		_, file := s.file(ctx, "two", "a", 1, 0)
		for name, err := range map[string]error{
			"read": read, "messages": messages, "add": added, "file": file,
			"change": s.change(ctx, "two", Conversation{ID: "a"}), "remove": s.remove(ctx, "two", "a"),
		} {
			if fault.KindOf(err) != fault.NotFound {
				t.Errorf("%s: %v", name, err)
			}
		}
		if found, err := s.search(ctx, "two", []string{"private"}, 10); err != nil || len(found) != 0 {
			t.Errorf("%v %v", found, err)
		}
		must(t, s.removeAll(ctx, "two"))
		if all, err := s.messages(ctx, "one", "a", 0, 10); err != nil || len(all) != 1 {
			t.Errorf("%v %v", all, err)
		}
	})
}

// TestLong: the last page of a long conversation, and the one before.
func TestLong(t *testing.T) {
	stores(t, func(t *testing.T, s store) {
		must(t, s.create(t.Context(), "one", Conversation{ID: "a", Created: noon()}))
		var all []Message
		for i := range 1000 {
			all = append(all, Message{Role: fromUser, Text: fmt.Sprintf("message %d", i+1), At: noon()})
		}
		if _, err := s.add(t.Context(), "one", "a", 0, all...); err != nil {
			t.Fatal(err)
		}
		page, err := s.messages(t.Context(), "one", "a", 0, 50)
		if err != nil || len(page) != 50 || page[0].Seq != 951 || page[49].Seq != 1000 {
			t.Fatalf("%d %v", len(page), err)
		}
		if page, err = s.messages(t.Context(), "one", "a", 951, 50); err != nil || page[0].Seq != 901 || page[49].Text != "message 950" {
			t.Errorf("%v", err)
		}
	})
}

func TestOpenTwice(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		s, err := openSQLite(t.Context(), filepath.Join(dir, "chat.db"))
		if err != nil {
			t.Fatal(err)
		}
		must(t, s.close())
	}
	if _, err := openSQLite(t.Context(), filepath.Join(dir, "no", "chat.db")); err == nil || !strings.Contains(err.Error(), "make its directory") {
		t.Error(err)
	}
	must(t, secretFile(filepath.Join(dir, "text"), "no database at all, but a text that is long enough"))
	if _, err := openSQLite(t.Context(), filepath.Join(dir, "text")); err == nil {
		t.Error("a text file is a database")
	}
}
