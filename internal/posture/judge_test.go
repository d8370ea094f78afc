package posture

import (
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/topology"
)

const (
	sub     = "/subscriptions/00000000-0000-0000-0000-000000000001"
	rg      = sub + "/resourceGroups/rg"
	net     = rg + "/providers/Microsoft.Network"
	account = rg + "/providers/Microsoft.CognitiveServices/accounts/model"
)

// read reads ARM documents with the reader that the product uses.
func read(t *testing.T, docs ...string) *estate.Estate {
	t.Helper()
	e, err := estate.Read(strings.NewReader("["+strings.Join(docs, ",")+"]"), estate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// judged reads documents and judges them.
func judged(t *testing.T, o Options, docs ...string) Report {
	t.Helper()
	e := read(t, docs...)
	o.Now = now()
	return Judge(e, topology.New(e, topology.Config{}), o)
}

// now is the time of all tests.
func now() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) }

// accountWith is an account with the properties given.
func accountWith(properties string) string {
	return `{"id":"` + account + `","name":"model","type":"Microsoft.CognitiveServices/accounts","kind":"OpenAI","properties":{` + properties + `}}`
}

// find is the finding of a check about a resource; about "" is the first.
func find(t *testing.T, r Report, id, about string) Finding {
	t.Helper()
	for _, f := range r.Findings {
		if f.ID == id && (about == "" || sameID(f.Resource, about)) {
			return f
		}
	}
	t.Fatalf("no finding %s about %q in %d findings", id, about, len(r.Findings))
	return Finding{}
}
