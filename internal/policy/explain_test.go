package policy

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/identity"
	"github.com/ostiary/ostiary/internal/openai"
)

func TestExplain(t *testing.T) {
	p := conditional(t)
	facts := Facts{MaxTokens: 500, N: 1, BodyBytes: -1}
	got := p.Explain(identity.Principal{Issuer: "i", App: "app"}, Call{Operation: openai.ChatCompletions, Deployment: "gpt-4o", Facts: &facts})
	want := Explanation{
		Allowed: true, Workload: "b", Grant: "chat/completions on gpt-* when max_tokens <= 1000 && !images",
		Why: "b: chat/completions on gpt-* when max_tokens <= 1000 && !images",
		Workloads: []Membership{
			{"a", true, "named by apps", []Tried{
				{"chat/completions on gpt-4o when max_tokens <= 100", false, "(max_tokens <= 100) does not hold"},
				{`chat/completions on gpt-4o when region == "norwayeast"`, false, `(region == "norwayeast") cannot be evaluated, region is not known`},
				{"chat/completions on mini", false, "not for this deployment"},
			}},
			{"b", true, "named by apps", []Tried{
				{"chat/completions on gpt-* when max_tokens <= 1000 && !images", true, "the condition holds"},
				{"models on *", false, "not for this operation"},
			}},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
	got = p.Explain(identity.Principal{Issuer: "i", App: "app"}, Call{Operation: openai.Models, Workload: "b"})
	if !got.Allowed || got.Workloads[0].Grants != nil || got.Workloads[1].Grants[1].Why != "no condition" {
		t.Errorf("%+v", got)
	}
	got = p.Explain(identity.Principal{Issuer: "i", App: "app"}, Call{Operation: openai.ChatCompletions})
	if !got.Allowed || got.Workloads[0].Grants[0].Why != "the condition is still to be met" {
		t.Errorf("%+v", got)
	}
	narrowed, err := New([]Workload{{Name: "n", Subjects: []string{"*"}, Tenants: []string{"T"}, Issuers: []string{"https://a/*"}}})
	if err != nil {
		t.Fatal(err)
	}
	for why, who := range map[string]identity.Principal{
		"named by subjects, kept out by tenants": {Issuer: "https://a/1", Subject: "s"},
		"named by subjects, kept out by issuers": {Issuer: "https://b/1", Tenant: "t", Subject: "s"},
		"named by subjects":                      {Issuer: "https://a/1", Tenant: "t", Subject: "s"},
		"no entry names the caller":              {Issuer: "a", Member: "spiffe://x/inlet/y", Subject: "s"},
	} {
		if m := narrowed.Explain(who, Call{Operation: openai.Models}).Workloads[0]; m.Why != why || m.Belongs != (why == "named by subjects") {
			t.Errorf("%+v", m)
		}
	}
}

func TestParseCall(t *testing.T) {
	now := time.Date(2026, 11, 21, 10, 5, 0, 0, time.UTC) // a Saturday
	plain := FactsOf(openai.ChatCompletions, openai.Peeked{Facts: openai.Facts{N: 1}})
	plain.Time = now
	change := func(f func(*Facts)) *Facts {
		facts := plain
		f(&facts)
		return &facts
	}
	tests := map[string]Call{
		"chat/completions":                           {Facts: &plain},
		" chat/completions  on\tgpt-4o  workload=w ": {Deployment: "gpt-4o", Workload: "w", Facts: &plain},
		"chat/completions on gpt-4o max_tokens=4000 stream=true tools=1": {Deployment: "gpt-4o", Facts: change(func(f *Facts) {
			f.MaxTokens, f.Stream, f.Tools = 4000, true, 1
		})},
		"chat/completions n=2 images=1 tool_types=mcp,function body_bytes=7 region=norwayeast": {Facts: change(func(f *Facts) {
			f.N, f.Images, f.Tools, f.ToolTypes, f.BodyBytes, f.Region = 2, true, 2, []string{"mcp", "function"}, 7, "norwayeast"
		})},
		"chat/completions hour=6 weekday=mon":             {Facts: change(func(f *Facts) { f.Time = time.Date(2026, 11, 16, 6, 0, 0, 0, time.UTC) })},
		"chat/completions weekday=7 hour=23":              {Facts: change(func(f *Facts) { f.Time = time.Date(2026, 11, 22, 23, 0, 0, 0, time.UTC) })},
		"chat/completions time=2026-01-01T01:00:00+02:00": {Facts: change(func(f *Facts) { f.Time = time.Date(2025, 12, 31, 23, 0, 0, 0, time.UTC) })},
	}
	for text, want := range tests {
		got, err := ParseCall(text, now)
		want.Operation = openai.ChatCompletions
		if err != nil || !got.Facts.Time.Equal(want.Facts.Time) {
			t.Errorf("%s: %v %v", text, got.Facts, err)
			continue
		}
		got.Facts.Time = want.Facts.Time
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v %+v", text, got, *got.Facts)
		}
	}
	if c, err := ParseCall("chat/completions client=10.0.0.1", now); err != nil || c.Facts.Client.String() != "10.0.0.1" {
		t.Errorf("%+v %v", c, err)
	}
	for _, bad := range []string{
		"", "gpt-4o", "chat/completions gpt-4o", "chat/completions on", "chat/completions on n=1", "chat/completions on a b",
		"chat/completions n=1 n=1", "chat/completions n=-1", "chat/completions n=x", "chat/completions stream=maybe", "chat/completions =1",
		"chat/completions hour=24", "chat/completions weekday=0", "chat/completions weekday=8", "chat/completions weekday=Mon", "chat/completions client=host",
		"chat/completions temperature=1", "audio/transcriptions on w max_tokens=1", "chat/completions time=noon",
		"chat/completions tool_types=" + strings.Repeat("a,", 16) + "a", "chat/completions on " + strings.Repeat("d", 5000),
	} {
		if c, err := ParseCall(bad, now); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%.60s: %+v %v", bad, c, err)
		}
	}
}

func TestParseCaller(t *testing.T) {
	tests := map[string]identity.Principal{
		"subject=s, app=a,groups=g1,groups=g2,roles=r,tenant=t,name=n": {Subject: "s", App: "a", Groups: []string{"g1", "g2"}, Roles: []string{"r"}, Tenant: "t", Name: "n"},
		"issuer=https://i/,subject=s":                                  {Issuer: "https://i/", Subject: "s"},
		"member=spiffe://d/inlet/h,attribute.team=research":            {Subject: "spiffe://d/inlet/h", Member: "spiffe://d/inlet/h", Attributes: map[string]string{"team": "research"}},
		"certificate=spiffe://corp/a":                                  {Issuer: identity.CertificateIssuer, Subject: "spiffe://corp/a"},
	}
	for text, want := range tests {
		if got, key, err := ParseCaller(text); err != nil || key != "" || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v %q %v", text, got, key, err)
		}
	}
	if who, key, err := ParseCaller("key=ci"); err != nil || key != "ci" || !reflect.DeepEqual(who, identity.Principal{}) {
		t.Errorf("%+v %q %v", who, key, err)
	}
	for _, bad := range []string{
		"", "subject", "subject=", "subject=a,subject=b", "color=red", "key=a,app=b", "member=m,tenant=t", "certificate=c,key=k",
		"subject=s,attribute.k=v", "name=only", "issuer=key,subject=s", "issuer=certificate,subject=spiffe://a/b", strings.Repeat("a", 5000),
	} {
		if who, key, err := ParseCaller(bad); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%.60s: %+v %q %v", bad, who, key, err)
		}
	}
}

// FuzzExplain reads any question, and holds Explain to Decide: the verdict is
// the same, it is some grant's, and the first that would allow is the one.
func FuzzExplain(f *testing.F) {
	f.Add("app=app", "chat/completions on gpt-4o max_tokens=50")
	f.Add("app=app,groups=g", "models workload=b")
	f.Add("member=spiffe://demo/inlet/x,attribute.team=research", "embeddings on embed client=::1 weekday=sun")
	f.Add("certificate=spiffe://a/b", "chat/completions on gpt-4o images=true tool_types=mcp region=norwayeast")
	f.Add("key=ci", "audio/speech on tts hour=3")
	p := conditional(f)
	everything, err := New(workloads())
	if err != nil {
		f.Fatal(err)
	}
	now := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, as, text string) {
		who, _, err1 := ParseCaller(as)
		call, err2 := ParseCall(text, now)
		for _, err := range []error{err1, err2} {
			if err != nil && fault.KindOf(err) != fault.Invalid {
				t.Fatal(err)
			}
		}
		if err1 != nil || err2 != nil {
			return
		}
		for _, p := range []*Policy{p, everything} {
			d, e := p.Decide(who, call), p.Explain(who, call)
			first, allows := "", false
			for _, m := range e.Workloads {
				for _, g := range m.Grants {
					if g.Allows && !allows {
						first, allows = m.Workload+": "+g.Grant, true
					}
				}
			}
			if d.Allowed != e.Allowed || allows != e.Allowed || allows && first != e.Why || d.Maybe {
				t.Fatalf("%+v\n%+v", d, e)
			}
		}
	})
}
