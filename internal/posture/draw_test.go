package posture

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/estate/estatetest"
	"github.com/ostiary/ostiary/internal/topology"
)

func judgeEstate(e *estate.Estate, o Options) Report {
	return Judge(e, topology.New(e, topology.Config{}), o)
}

func TestReachedTellsWhoAndWhy(t *testing.T) {
	r := judgeJSON(t, []byte(small()), nil)
	if len(r.Reached) != 2 {
		t.Fatalf("%d doors", len(r.Reached))
	}
	front, door := r.Reached[0], r.Reached[1]
	if front.Endpoint != "" || front.Address != "model.openai.azure.com" || slices.ContainsFunc(front.Sources, func(s Sources) bool { return s.Allowed }) {
		t.Errorf("the public front: %+v", front)
	}
	if door.Endpoint != pep || door.Address != "10.0.2.4" || door.Port != 443 {
		t.Errorf("the endpoint: %+v", door)
	}
	var told []string
	for _, s := range door.Sources {
		told = append(told, strings.Join([]string{string(s.Status), s.Sentence, strings.Join(s.Ranges, " "), s.Where, lastOf(s.Rule), s.Pointer}, "|"))
	}
	want := []string{
		"pass|VNet vnet, subnet apps (10.0.1.0/24)|10.0.1.0/24|" + apps + "|allow-apps|/2/properties/securityRules/0",
		"pass|VNet vnet, 10.0.2.0/23|10.0.2.0/23|" + vnet + "|deny-all|/2/properties/securityRules/1",
	}
	slices.Sort(told)
	slices.Sort(want)
	if !slices.Equal(told, want) {
		t.Errorf("told\n%s", strings.Join(told, "\n"))
	}
}

func TestSelectedNetworksAreTold(t *testing.T) {
	doc := edited(t, nil, `"publicNetworkAccess":"Disabled"`, `"publicNetworkAccess":"Enabled"`, `"ipRules":[]`, `"ipRules":[{"value":"203.0.113.7"}]`)
	r := judgeJSON(t, []byte(doc), nil)
	let := slices.IndexFunc(r.Reached[0].Sources, func(s Sources) bool { return s.Allowed })
	if r.Verdict != Private || let < 0 || r.Reached[0].Sources[let].Status != Pass || !slices.Equal(r.Reached[0].Sources[let].Ranges, []string{"203.0.113.7"}) {
		t.Errorf("%s: %+v", r.Verdict, r.Reached[0])
	}
	if !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.Contains(n, "203.0.113.7 alone") }) {
		t.Errorf("notes %q", r.Notes)
	}
}

func TestPictureHoldsTogether(t *testing.T) {
	r := judgeJSON(t, []byte(edited(t, nil, `"access":"Deny","protocol":"*"`, `"access":"Allow","protocol":"*"`)), []string{apps})
	kinds := map[string]string{}
	for _, n := range r.Map.Nodes {
		if kinds[n.ID] != "" {
			t.Errorf("%s is drawn twice", n.ID)
		}
		if n.Parent != "" && kinds[n.Parent] == "" {
			t.Errorf("%s stands in %s, which is not drawn before it", n.ID, n.Parent)
		}
		kinds[n.ID] = n.Kind
	}
	for id, kind := range map[string]string{internet: "internet", account: "account", pep: "endpoint", vnet: "vnet", ends: "subnet", apps: "subnet"} {
		if kinds[id] != kind {
			t.Errorf("%s is drawn as %q", id, kinds[id])
		}
	}
	var bad, good, links int
	for _, e := range r.Map.Edges {
		if kinds[e.From] == "" || kinds[e.To] == "" {
			t.Errorf("an edge from %q to %q", e.From, e.To)
		}
		switch {
		case e.Kind == "link":
			links++
		case e.To == pep && e.Allowed && e.Status == Fail && strings.Contains(e.Rule, "deny-all"):
			bad++
		case e.To == pep && e.From == apps && e.Allowed && e.Status == Pass:
			good++
		}
	}
	if bad != 1 || good != 1 || links != 1 {
		t.Errorf("%d bad, %d good, %d links of %+v", bad, good, links, r.Map.Edges)
	}
}

// A large estate is drawn in part, and the report says so.
func TestLargePicturesAreBounded(t *testing.T) {
	var doc bytes.Buffer
	if err := estatetest.Big(&doc, estatetest.Size{VNets: 450, Rules: 900, Endpoints: 6}); err != nil {
		t.Fatal(err)
	}
	e, err := estate.Read(bytes.NewReader(doc.Bytes()), estate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := judgeEstate(e, Options{Now: now()})
	drawn := 0
	for _, n := range r.Map.Nodes {
		if n.Kind == "vnet" {
			drawn++
		}
	}
	if drawn == 0 || drawn > mostNetworks {
		t.Errorf("%d networks drawn", drawn)
	}
	if !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.Contains(n, "of 450 virtual networks") }) {
		t.Errorf("notes %q", r.Notes)
	}
	if len(r.Findings) > 400 {
		t.Errorf("%d findings", len(r.Findings))
	}
}
