package arm_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/arm"
)

const (
	tenant = "11111111-2222-3333-4444-555555555555"
	sub    = "66666666-7777-8888-9999-aaaaaaaaaaaa"
	owner  = "abababab-cccc-dddd-eeee-ffffffffffff"
	rg     = "/subscriptions/" + sub + "/resourceGroups/rg"
	net    = rg + "/providers/Microsoft.Network/"
	cog    = rg + "/providers/Microsoft.CognitiveServices/accounts/"
)

// rig asks a server over its door, with a clock that the test moves.
type rig struct {
	t *testing.T
	*arm.Server
	now   time.Time
	token string
}

func newRig(t *testing.T, change func(*arm.Config)) *rig {
	t.Helper()
	r := &rig{t: t, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), token: "any"}
	c := arm.Config{Tenant: tenant, Subscription: sub, Owner: owner, Now: func() time.Time { return r.now }}
	if change != nil {
		change(&c)
	}
	var err error
	if r.Server, err = arm.New(c); err != nil {
		t.Fatal(err)
	}
	return r
}

// network is a rig with a resource group and a network of two subnets.
func network(t *testing.T, change func(*arm.Config)) *rig {
	r := newRig(t, change)
	r.put(rg, `{"location":"westeurope"}`)
	r.put(net+"virtualNetworks/vnet", `{"location":"westeurope","properties":{"addressSpace":{"addressPrefixes":["10.1.0.0/16"]},"subnets":[
		{"name":"clients","properties":{"addressPrefix":"10.1.1.0/24"}},{"name":"endpoints","properties":{"addressPrefix":"10.1.2.0/24"}}]}}`)
	return r
}

// account adds an account of that name, with public access off.
func (r *rig) account(name string) string {
	r.t.Helper()
	r.put(cog+name, `{"location":"swedencentral","kind":"OpenAI","sku":{"name":"S0"},"properties":{"customSubDomainName":"`+name+`","publicNetworkAccess":"Disabled"}}`)
	return cog + name
}

func endpointBody(target, subnet string) string {
	return `{"location":"westeurope","properties":{"subnet":{"id":"` + net + `virtualNetworks/vnet/subnets/` + subnet + `"},"privateLinkServiceConnections":[{"name":"c","properties":{"privateLinkServiceId":"` + target + `","groupIds":["account"]}}]}}`
}

// ask sends a request; a path without api-version gets one.
func (r *rig) ask(method, path, body string, header ...string) (int, map[string]any) {
	r.t.Helper()
	if !strings.Contains(path, "api-version") {
		sep := "?"
		if strings.Contains(path, "?") {
			sep = "&"
		}
		path += sep + "api-version=2025-05-01"
	}
	req := httptest.NewRequest(method, "https://management.azure.com"+path, strings.NewReader(body))
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	var d map[string]any
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil {
			r.t.Fatalf("%s %s: the answer is no JSON object: %v", method, path, err)
		}
	}
	return w.Code, d
}

func (r *rig) put(path, body string) map[string]any {
	r.t.Helper()
	code, d := r.ask(http.MethodPut, path, body)
	if code/100 != 2 {
		r.t.Fatalf("PUT %s: %d %v", path, code, d)
	}
	return d
}

func (r *rig) get(path string) map[string]any {
	r.t.Helper()
	code, d := r.ask(http.MethodGet, path, "")
	if code != http.StatusOK {
		r.t.Fatalf("GET %s: %d %v", path, code, d)
	}
	return d
}

// refused demands Azure's code.
func (r *rig) refused(method, path, body string, status int, code string) {
	r.t.Helper()
	got, d := r.ask(method, path, body)
	if got != status || at(d, "error.code") != code {
		r.t.Errorf("%s %s: %d %v, want %d %s", method, path, got, d, status, code)
	}
	if m, _ := at(d, "error.message").(string); m == "" {
		r.t.Errorf("%s %s: the refusal has no message", method, path)
	}
}

// at is the value at a dotted path; a number is an index of a list.
func at(v any, path string) any {
	for key := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[key]
		case []any:
			i := int(key[0] - '0')
			if i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}

func (r *rig) want(d map[string]any, path string, value any) {
	r.t.Helper()
	if got := at(d, path); got != value {
		r.t.Errorf("%s is %v, want %v", path, got, value)
	}
}
