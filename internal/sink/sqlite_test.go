package sink

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

func openSQLite(t *testing.T, file string) *SQLite {
	t.Helper()
	s, err := OpenSQLite(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func rows(t *testing.T, file string, f Filter, limit int) []Entry {
	t.Helper()
	r, err := OpenReader(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var all []Entry
	if err := r.Rows(t.Context(), f, limit, true, func(e *Entry) error { all = append(all, *e); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

// randomEntry fills every field.
func randomEntry(r *rand.Rand, n int) Entry {
	e := Entry{Kind: KindCall}
	v := reflect.ValueOf(&e).Elem()
	for _, c := range Columns() {
		switch p := v.Field(c.field).Addr().Interface().(type) {
		case *string:
			if c.Name != "kind" {
				*p = []string{"a", "it's", "Ω 🚪", "-- ;", "b"}[r.IntN(5)]
			}
		case *Text:
			*p = Text([]string{"{}", "\x00\xff", "x"}[r.IntN(3)])
		case *time.Time:
			*p = time.Unix(1_700_000_000+r.Int64N(1000), r.Int64N(1e6)*1000).UTC()
		case *bool:
			*p = r.IntN(2) == 1
		case *int:
			*p = 100 + r.IntN(500)
		case *int64:
			*p = r.Int64N(1 << 40)
		case *uint64:
			*p = r.Uint64N(1 << 40)
		case *float64:
			*p = float64(r.IntN(1000)) / 8
		case *[]string:
			*p = []string{"stop", "length"}
		case *map[string]string:
			*p = map[string]string{"prompt.hate": "low"}
		}
	}
	e.ID = id(n)
	return e
}

func TestEveryFieldSurvivesTheDatabase(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a%20b?#.db")
	s, r := openSQLite(t, file), rand.New(rand.NewPCG(1, 2))
	want := map[string]Entry{}
	for n := range 50 {
		e := randomEntry(r, n)
		want[e.ID] = e
		if err := s.Write(t.Context(), "log", []Entry{e}, Cursor{Next: uint64(n)}); err != nil {
			t.Fatal(err)
		}
	}
	got := rows(t, file, Filter{}, 0)
	for _, e := range got {
		if !reflect.DeepEqual(e, want[e.ID]) {
			t.Fatalf("stored %+v, read %+v", want[e.ID], e)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d rows of %d", len(got), len(want))
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read the file: %v %v", info.Mode(), err)
	}
}

func TestEntriesAreReadBackFromJSON(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for n := range 50 {
		e := randomEntry(r, n)
		e.RequestBody, e.ResponseBody = Text("<b>"), Text(`{"a":"\n"}`)
		data, err := encode(&e, FormatOstiary)
		if err != nil {
			t.Fatal(err)
		}
		var back Entry
		d := json.NewDecoder(bytes.NewReader(data))
		d.DisallowUnknownFields()
		if err := d.Decode(&back); err != nil || !reflect.DeepEqual(e, back) {
			t.Fatalf("%v: %s", err, data)
		}
	}
}

// An entry that comes again, or in halves, in any order, is one row that knows
// all.
func TestUpsert(t *testing.T) {
	b := newBook(t)
	b.intent(1)
	b.outcome(1)
	var entry Entry
	if err := Each(t.Context(), b.dir, Filter{}, nil, func(e *Entry) error { entry = *e; return nil }); err != nil {
		t.Fatal(err)
	}
	half, other := entry, entry
	half.Kind, other.Kind = KindNoOutcome, KindOutcome
	half.Index, other.Time = 0, entry.End
	for _, order := range [][]Entry{{entry, entry}, {half, entry}, {entry, half}, {half, other}, {half, half, other, other}, {entry, other}} {
		file := filepath.Join(t.TempDir(), "calls.db")
		s := openSQLite(t, file)
		for _, e := range order {
			if err := s.Write(t.Context(), "log", []Entry{e}, Cursor{}); err != nil {
				t.Fatal(err)
			}
		}
		got := rows(t, file, Filter{}, 0)
		if len(got) != 1 || got[0].Kind != KindCall || got[0].Status != 200 || got[0].Deployment != entry.Deployment ||
			!got[0].Time.Equal(entry.Time.Truncate(time.Microsecond)) || got[0].Index != 1 {
			t.Errorf("%d entries became %+v", len(order), got)
		}
	}
}

// TestOlderDatabase: one of version 1, without the column asked, is read as it
// is, and gets the column from the sink that opens it.
func TestOlderDatabase(t *testing.T) {
	file := filepath.Join(t.TempDir(), "calls.db")
	r := rand.New(rand.NewPCG(5, 6))
	older, later := randomEntry(r, 1), randomEntry(r, 2)
	older.Asked, later.Asked = "", "smart"
	s := openSQLite(t, file)
	if err := s.Write(t.Context(), "log", []Entry{older}, Cursor{}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.db.ExecContext(t.Context(), "ALTER TABLE calls DROP COLUMN asked; PRAGMA user_version = 1"); err != nil {
		t.Fatal(err)
	}
	if got := rows(t, file, Filter{}, 0); len(got) != 1 || got[0].ID != older.ID {
		t.Errorf("read as version 1: %+v", got)
	}
	for range 2 {
		s = openSQLite(t, file)
		if err := s.Write(t.Context(), "log", []Entry{later}, Cursor{}); err != nil {
			t.Fatal(err)
		}
	}
	asked := map[string]string{}
	for _, e := range rows(t, file, Filter{}, 0) {
		asked[e.ID] = e.Asked
	}
	if len(asked) != 2 || asked[older.ID] != "" || asked[later.ID] != "smart" {
		t.Errorf("%v", asked)
	}
}

func TestForeignAndLaterDatabasesAreRefused(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(path("text"), bytes.Repeat([]byte("no database "), 500), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, statement := range map[string]string{
		"other": "CREATE TABLE calls (id TEXT)",
		"later": "PRAGMA application_id = 0x4F53544C; PRAGMA user_version = 99; CREATE TABLE calls (id TEXT)",
	} {
		db, err := sql.Open("sqlite", uri(path(name)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
		_ = db.Close()
	}
	for _, name := range []string{"text", "other", "later"} {
		before, _ := os.ReadFile(path(name))
		if _, err := OpenSQLite(path(name)); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := OpenReader(t.Context(), path(name)); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s, for reading: %v", name, err)
		}
		if after, _ := os.ReadFile(path(name)); !bytes.Equal(before, after) && name != "later" && name != "other" {
			t.Errorf("%s was changed", name)
		}
	}
	if _, err := OpenReader(t.Context(), path("none")); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a missing file: %v", err)
	}
}

// What a filter means is the same in SQL and in Go.
func TestFilterAgrees(t *testing.T) {
	b := newBook(t)
	for n := range 60 {
		switch b.at = b.at.Add(1234567 * time.Nanosecond); n % 5 {
		case 0:
			b.refusal(n)
		case 1:
			b.intent(n)
		default:
			b.intent(n)
			b.outcome(n)
		}
	}
	var all []Entry
	if err := Each(t.Context(), b.dir, Filter{}, nil, func(e *Entry) error { all = append(all, *e); return nil }); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "calls.db")
	if err := openSQLite(t, file).Write(t.Context(), "log", all, Cursor{}); err != nil {
		t.Fatal(err)
	}
	r, some := rand.New(rand.NewPCG(5, 6)), 0
	pick := func(values ...string) []string {
		r.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
		return values[:max(r.IntN(2*len(values))-len(values), 0)]
	}
	for range times(80) {
		f := Filter{
			Workload: pick("research", "reports", "it's"), Deployment: pick("gpt-4o", "o3", "%"), Operation: pick("chat/completions"),
			Model: pick("gpt-4o-2024-11-20"), Subject: pick("subject-1", "sample-app", "subject-2"), Status: pick("200", "4xx", "none", "403"),
		}
		if r.IntN(2) == 0 {
			f.Since = all[r.IntN(len(all))].Time
		}
		if r.IntN(2) == 0 {
			f.Until = all[r.IntN(len(all))].Time
		}
		if f.Check() != nil {
			continue
		}
		var want []string
		for i := range all {
			if f.Match(&all[i]) {
				want = append(want, all[i].ID)
			}
		}
		var got []string
		for _, e := range rows(t, file, f, 0) {
			got = append(got, e.ID)
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatalf("%+v: SQL has %v, Go has %v", f, got, want)
		}
		if len(want) > 0 && len(want) < len(all) {
			some++
		}
	}
	if some < 15 {
		t.Errorf("only %d filters told calls apart", some)
	}
}

func TestSumsAreThoseOfTheCalls(t *testing.T) {
	b := newBook(t)
	for n := range 40 {
		if n%4 == 0 {
			b.refusal(n)
			continue
		}
		b.intent(n)
		if n%4 != 1 {
			b.outcome(n)
		}
	}
	r, err := ReadLog(t.Context(), b.dir, Filter{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	want := map[string]*Sum{}
	err = r.Rows(t.Context(), Filter{}, 0, false, func(e *Entry) error {
		key := strings.Join([]string{e.Workload, e.Deployment, e.Time.Format(time.DateOnly)}, " ")
		s := want[key]
		if s == nil {
			s = &Sum{Cost: map[string]int64{}}
			want[key] = s
		}
		s.Calls++
		s.Prompt += e.Prompt
		s.Completion += e.Completion
		s.Total += e.Total
		if e.Status >= 400 {
			s.Errors++
		}
		if e.Kind == KindNoOutcome {
			s.NoOutcome++
		}
		if e.Currency != "" {
			s.Cost[e.Currency] += e.CostMicros
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	sums, err := r.Sums(t.Context(), Filter{}, []string{"workload", "deployment", "day"})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sums {
		key := strings.Join(s.Group, " ")
		w := want[key]
		s.Group = nil
		if w == nil || !reflect.DeepEqual(s, *w) {
			t.Errorf("%s: %+v, want %+v", key, s, w)
		}
	}
	if len(sums) != len(want) || len(sums) != 6 {
		t.Errorf("%d groups of %d", len(sums), len(want))
	}
	all, err := r.Sums(t.Context(), Filter{}, nil)
	if err != nil || len(all) != 1 || all[0].Calls != 40 || all[0].Errors != 10 || all[0].NoOutcome != 10 {
		t.Errorf("the sum of all is %+v, %v", all, err)
	}
	if _, err := r.Sums(t.Context(), Filter{}, []string{"id; DROP TABLE calls"}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a group that is none: %v", err)
	}
	if _, err := r.Sums(t.Context(), Filter{Status: []string{"teapot"}}, nil); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a status that is none: %v", err)
	}
}

func TestMoney(t *testing.T) {
	for micros, want := range map[int64]string{0: "0.00", 1: "0.000001", 1_200_000: "1.20", -1_234_500: "-1.2345", 5_000_000: "5.00"} {
		if got := Money(micros); got != want {
			t.Errorf("%d is %s, want %s", micros, got, want)
		}
	}
}

// The database is opened anew after each kill, as another process would.
func TestSQLiteHasEveryCallOnce(t *testing.T) {
	b := newBook(t)
	file := filepath.Join(t.TempDir(), "calls.db")
	calls := times(100)
	go func() {
		w := &book{t: t, log: b.log, at: b.at}
		for n := range calls {
			w.intent(n)
			if n > 0 {
				w.outcome(n - 1)
			}
		}
		w.outcome(calls - 1)
	}()
	for kills := 0; ; kills++ {
		s := openSQLite(t, file)
		cfg := quick(b, s)
		cfg.Linger, cfg.BatchEntries = time.Nanosecond, 7
		ship, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(5+rand.N(40))*time.Millisecond)
		_ = ship.Run(ctx)
		cancel()
		_ = s.Close()
		if ship.lag() == 0 && b.log.Len() == uint64(2*calls) {
			t.Logf("killed %d times", kills)
			break
		}
	}
	got := rows(t, file, Filter{}, 0)
	seen := map[string]bool{}
	for _, e := range got {
		if e.Kind != KindCall || e.Deployment == "" {
			t.Errorf("%s is %s", e.ID, e.Kind)
		}
		seen[e.ID] = true
	}
	if len(got) != calls || len(seen) != calls {
		t.Errorf("%d rows of %d calls", len(got), calls)
	}
	if limited := rows(t, file, Filter{}, 5); len(limited) != 5 || limited[4].ID != got[calls-1].ID {
		t.Errorf("the latest 5 are %d", len(limited))
	}
}
