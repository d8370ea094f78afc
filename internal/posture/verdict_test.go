package posture

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestNothingIsNeverPrivate(t *testing.T) {
	other := strings.Replace(accountWith(""), `"kind":"OpenAI"`, `"kind":"SpeechServices"`, 1)
	for name, docs := range map[string][]string{"empty": {}, "no model": {other}} {
		r := judged(t, Options{}, docs...)
		if f := find(t, r, "has-account", ""); r.Verdict != Undecided || f.Status != Fail || len(r.Accounts) != 0 || len(r.Map.Nodes) != 0 {
			t.Errorf("%s: %s, %s, %d nodes", name, r.Verdict, f.Status, len(r.Map.Nodes))
		}
	}
	if r := judged(t, Options{}, other); !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.Contains(n, "1 accounts of other kinds") }) {
		t.Errorf("the notes do not count it: %q", r.Notes)
	}
	unsaid := judged(t, Options{}, strings.Replace(accountWith(""), `"kind":"OpenAI",`, "", 1))
	if len(unsaid.Accounts) != 1 {
		t.Error("an account of a kind that is not known is not judged")
	}
}

func TestGapsKeepTheVerdictOpen(t *testing.T) {
	gap := func(scope string) []string {
		return []string{`{"id":"` + scope + `","error":{"code":"AuthorizationFailed"}}`}
	}
	for _, c := range []struct {
		scope  string
		status Status
	}{
		{"/subscriptions/00000000-0000-0000-0000-000000000002", Unknown},
		{sub + "/resourceGroups/rg-secret", Unknown},
		{sub + "/providers/Microsoft.CognitiveServices/accounts", Unknown},
		{sub + "/providers/Microsoft.Network/virtualNetworks", Unknown},
		{rg + "/providers/Microsoft.CognitiveServices/accounts/another", Unknown},
		{rg + "/providers/Microsoft.App/containerApps/another", Unknown},
		{account + "/deployments", Pass},
		{sub + "/providers/Microsoft.CognitiveServices/deletedAccounts", Pass},
		{sub + "/providers/Microsoft.Storage/storageAccounts", Pass},
		{account + "/providers/Microsoft.Insights/diagnosticSettings", Pass},
		{sub + "/providers/Microsoft.Authorization/roleAssignments", Pass},
	} {
		r := judgeJSON(t, []byte(edited(t, gap(c.scope))), nil)
		if f := find(t, r, "read-whole", ""); f.Status != c.status || (r.Verdict == Private) != (c.status == Pass) {
			t.Errorf("%s: %s (%s), %s", c.scope, f.Status, f.What, r.Verdict)
		}
	}
	// What could not be read below a resource is unknown, not absent.
	for _, c := range []struct{ scope, check, typ string }{
		{pep + "/privateDnsZoneGroups", "zone-complete", "Microsoft.Network/privateEndpoints/privateDnsZoneGroups"},
		{zoneID + "/virtualNetworkLinks", "zone-linked", "Microsoft.Network/privateDnsZones/virtualNetworkLinks"},
		{zoneID + "/virtualNetworkLinks", "no-public-fallback", "Microsoft.Network/privateDnsZones/virtualNetworkLinks"},
		{zoneID + "/virtualNetworkLinks", "clients-resolve", "Microsoft.Network/privateDnsZones/virtualNetworkLinks"},
		{zoneID, "zone-complete", "Microsoft.Network/privateDnsZones/A"},
		{account + "/providers/Microsoft.Insights/diagnosticSettings", "diagnostics-on", "Microsoft.CognitiveServices/accounts"},
	} {
		typ := c.typ // what is of this type is not in the document
		if typ != "Microsoft.CognitiveServices/accounts" {
			typ = "Microsoft.Network/else"
		}
		r := judgeJSON(t, []byte(edited(t, gap(c.scope), `"type":"`+c.typ+`"`, `"type":"`+typ+`"`)), nil)
		if !slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.ID == c.check && f.Status == Unknown }) {
			t.Errorf("%s: %s is %s", c.scope, c.check, about(r, c.check))
		}
	}
	// What cannot be read of the account itself is unknown in every check.
	r := judgeJSON(t, []byte(edited(t, gap(account))), nil)
	for _, f := range r.Findings {
		if sameID(f.Resource, account) && f.Status != Unknown && f.ID != "zone-linked" && f.ID != "clients-reach" && f.ID != "clients-resolve" {
			t.Errorf("%s %s: %s", f.Status, f.ID, f.What)
		}
	}
}

func TestWaivers(t *testing.T) {
	open := []string{`"disableLocalAuth":true`, `"disableLocalAuth":false`}
	day := func(d int) time.Time { return now().AddDate(0, 0, d) }
	upper := strings.ToUpper(account)
	for _, c := range []struct {
		name    string
		waiver  Waiver
		verdict Verdict
		waived  bool
		says    string // the finding
		note    string // part of a note
	}{
		{"in force, without case", Waiver{"Keys-Off", upper, "a partner needs keys", day(1)}, Private, true, "model takes keys", ""},
		{"expired", Waiver{"keys-off", account, "a partner needs keys", day(-1)}, Open, false, `its waiver, "a partner needs keys", expired on 2026-11-20`, ""},
		{"expires now", Waiver{"keys-off", account, "x", now()}, Open, false, "expired", ""},
		{"of another finding", Waiver{"default-deny", account, "x", day(1)}, Open, false, "model takes keys", "is not needed"},
		{"of another resource", Waiver{"keys-off", account + "2", "x", day(1)}, Open, false, "model takes keys", "matches no finding"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := read(t, strings.Trim(strings.TrimSpace(edited(t, nil, open...)), "[]"))
			r := judgeEstate(e, Options{Now: now(), Waivers: []Waiver{c.waiver}})
			f := find(t, r, "keys-off", "")
			if r.Verdict != c.verdict || (f.Waiver != nil) != c.waived || f.Status != Fail || !strings.Contains(f.What, c.says) {
				t.Errorf("%s: %q, waived by %+v", r.Verdict, f.What, f.Waiver)
			}
			noted := slices.ContainsFunc(r.Notes, func(n string) bool { return strings.Contains(n, c.note) && strings.Contains(n, "waiver") })
			if noted != (c.note != "") {
				t.Errorf("notes %q", r.Notes)
			}
		})
	}
}

func TestWorstComesFirst(t *testing.T) {
	r := judgeJSON(t, []byte(edited(t, nil, `"disableLocalAuth":true`, `"disableLocalAuth":false`, `"publicNetworkAccess":"Disabled"`, `"publicNetworkAccess":7`)), nil)
	last := -1
	for _, f := range r.Findings {
		at := rank(f.Status, Fail, Unknown, Pass)*2 + rank(f.Level, Must, Advice)
		if at < last {
			t.Fatalf("%s %s %s is out of order", f.Status, f.Level, f.ID)
		}
		last = at
	}
	if r.Findings[0].ID != "keys-off" || r.Verdict != Open {
		t.Errorf("%s first, %s", r.Findings[0].ID, r.Verdict)
	}
}

func TestClientsAreNotedAsInferred(t *testing.T) {
	for clients, want := range map[string]string{"": "inferred", apps: ""} {
		var given []string
		if clients != "" {
			given = []string{clients}
		}
		r := judgeJSON(t, []byte(small()), given)
		got := slices.ContainsFunc(r.Notes, func(n string) bool { return strings.Contains(n, "inferred") && strings.Contains(n, "vnet/apps") })
		if got != (want != "") {
			t.Errorf("%q: notes %q", clients, r.Notes)
		}
	}
}
