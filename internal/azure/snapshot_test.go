package azure

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

func sample() Snapshot {
	return Snapshot{
		Taken: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Endpoint: "https://management.azure.com",
		Subscriptions: []Subscription{{subA, "A"}}, APIVersions: map[string]string{"T": "1"},
		Unregistered: []string{"/u"},
		Resources:    []json.RawMessage{json.RawMessage(`{"id":"/a" , "error":null}`)},
		Unreadable:   []Gap{{ID: "/g", Type: "T", Status: 403, Code: "AuthorizationFailed", Message: `says "no"`}},
	}
}

func TestSnapshotRoundTrip(t *testing.T) {
	data, err := sample().JSON()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse(data)
	if err != nil || !reflect.DeepEqual(got, sample()) {
		t.Errorf("%v\n%+v\n%s", err, got, data)
	}
	// A reader that looks at the first keys alone must see the error.
	if !bytes.Contains(data, []byte(`{"error":{"code":"AuthorizationFailed"`)) {
		t.Errorf("no gap in %s", data)
	}
}

func TestFilesThatAreNoSnapshot(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"empty": "", "array": `[{"id":"/a"}]`, "another": `{"format":"x","version":1}`,
		"later": `{"format":"ostiary-azure-snapshot","version":2,"resources":[]}`, "cut": `{"format":"ostiary-azure-snapshot","version":1,"resources":[{`,
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadFile(path); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ReadFile(filepath.Join(dir, "missing")); fault.KindOf(err) != fault.NotFound {
		t.Errorf("missing: %v", err)
	}
	if err := sample().WriteFile(filepath.Join(dir, "no", "such")); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("unwritable: %v", err)
	}
	large := filepath.Join(dir, "large")
	f, err := os.Create(large)
	if err == nil {
		err = f.Truncate(maxFile + 1) // sparse
	}
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if _, err := ReadFile(large); fault.KindOf(err) != fault.TooLarge {
		t.Errorf("large: %v", err)
	}
}

// What Parse accepts, JSON writes so that Parse gives the same again.
func FuzzParse(f *testing.F) {
	data, err := sample().JSON()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"format":"ostiary-azure-snapshot","version":1,"resources":[1,null,{"error":{}}, {"error":[]}]}`))
	f.Add([]byte(`{"format":"ostiary-azure-snapshot","version":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Parse(data)
		if err != nil {
			return
		}
		again, err := s.JSON()
		if err != nil {
			return // a year that RFC 3339 cannot write
		}
		s2, err := Parse(again)
		if err != nil || len(s2.Resources) != len(s.Resources) || !reflect.DeepEqual(s2.Unreadable, s.Unreadable) {
			t.Errorf("%v\n%+v\n%+v", err, s, s2)
		}
	})
}

func FuzzMatches(f *testing.F) {
	f.Add("*/read", "Microsoft.Network/virtualNetworks/read")
	f.Add("Microsoft.*/virtualNetworks/*", "microsoft.network/virtualnetworks/read")
	f.Add("a*a", "a")
	f.Add("*a*b*", "xaxbx")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, pattern, action string) {
		if strings.ContainsFunc(pattern+action, func(r rune) bool { return r > 0x7f }) {
			return // ARM's actions are ASCII, and folding others changes lengths
		}
		expr := regexp.MustCompile(`(?s)\A` + strings.ReplaceAll(regexp.QuoteMeta(strings.ToLower(pattern)), `\*`, `.*`) + `\z`)
		if want := expr.MatchString(strings.ToLower(action)); Covers(pattern, action) != want {
			t.Errorf("Covers(%q, %q) is not %v", pattern, action, want)
		}
	})
}
