package azure

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azlog "github.com/Azure/azure-sdk-for-go/sdk/azcore/log"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/ostiary/ostiary/internal/fault"
)

var update = flag.Bool("update", false, "write the golden file anew")

// oneOfEach answers every list with one resource, so that everything below it
// is asked for.
func oneOfEach(f *fakeARM) {
	f.all = func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Path
		if filter := r.URL.Query().Get("$filter"); strings.HasPrefix(filter, "resourceType") {
			path += "/providers/" + strings.Split(filter, "'")[1]
		}
		single := strings.Contains(path, "/config/") || strings.HasSuffix(path, "/one") || strings.HasSuffix(path, "/role")
		if single {
			fmt.Fprintf(w, `{"id":%q}`, path)
			return
		}
		path = strings.Replace(path, subA+"/providers", subA+"/resourceGroups/rg/providers", 1)
		fmt.Fprintf(w, `{"value":[{"id":%q,"kind":"OpenAI","properties":{"roleDefinitionId":"/subscriptions/%s/providers/Microsoft.Authorization/roleDefinitions/role"}}]}`, path+"/one", subA)
	}
}

func TestWhatIsAsked(t *testing.T) {
	f := newARM(t)
	oneOfEach(f)
	c, _ := f.serve()
	c.Subscriptions = []string{strings.ToUpper(subA)}
	s := mustRead(t, c)
	if len(s.Unreadable) > 0 || len(s.Resources) != 56 {
		t.Errorf("%d resources, gaps %+v", len(s.Resources), s.Unreadable)
	}
	slices.Sort(f.asked)
	got := strings.Join(f.asked, "\n") + "\n"
	const golden = "testdata/asked.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the requests are not those of %s (run with -update and look):\n%s", golden, got)
	}
}

// The order is that of rows, whatever comes first.
func TestSnapshotDoesNotDependOnTheOrderOfAnswers(t *testing.T) {
	read := func(parallel int) []byte {
		f := newARM(t)
		oneOfEach(f)
		c, _ := f.serve()
		c.Parallel = parallel
		last, total := 0, 0
		c.Progress = func(done, of int, what string) {
			if done != last+1 || done > of || what == "" {
				t.Errorf("progress %d of %d (%s) after %d", done, of, what, last)
			}
			last, total = done, of
		}
		s := mustRead(t, c)
		if last != total {
			t.Errorf("ended at %d of %d", last, total)
		}
		s.Endpoint = ""
		data, err := s.JSON()
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	if one, many := read(1), read(16); !bytes.Equal(one, many) {
		t.Errorf("one at a time:\n%s\n16 at a time:\n%s", one, many)
	}
}

func TestResourcesAreByteForByte(t *testing.T) {
	odd := []string{
		`{ "id" : "/subscriptions/` + subA + `/x/y/a",` + "\n\t" + `"n": 1.50e+3, "s": "\u003c<>&\/é 日本", "n": 2 }`,
		`{"id":"/subscriptions/` + subA + `/x/y/b","big":123456789012345678901234567890,"properties":null}`,
	}
	f := newARM(t)
	f.answers["/subscriptions/"+subA+vnets] = says(200, `{"value":[ `+odd[0]+" ,\n"+odd[1]+` ]}`)
	c := f.direct()
	s := mustRead(t, c)
	path := t.TempDir() + "/estate.json"
	if err := s.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	loaded, err := ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []Snapshot{s, loaded} {
		if len(s.Resources) != 2 || string(s.Resources[0]) != odd[0] || string(s.Resources[1]) != odd[1] {
			t.Errorf("resources are %s", s.Resources)
		}
		if !s.Taken.Equal(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) || s.Subscriptions[0] != (Subscription{subA, "A"}) || s.APIVersions["Microsoft.Network/virtualNetworks"] != network {
			t.Errorf("heading is %+v", s)
		}
	}
}

func TestPages(t *testing.T) {
	element := func(n int) string { return fmt.Sprintf(`{"id":"/subscriptions/%s/x/y/%d"}`, subA, n) }
	stranger := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("another host was asked: %s, Authorization %q", r.URL, r.Header.Get("Authorization"))
	}))
	defer stranger.Close()
	otherHost := strings.Replace(stranger.URL, "127.0.0.1", "localhost", 1)
	list := "/subscriptions/" + subA + vnets
	for _, test := range []struct {
		name, next, code string
		want             int
	}{
		{"followed", "https://127.0.0.1:24582" + list + "?api-version=x&$skiptoken=a b+c", "", 2}, // the port is not used
		{"relative", list + "?page=2", "ForeignNextLink", 1},
		{"another host", otherHost + list + "?page=2", "ForeignNextLink", 1},
		{"a host in the user's name", "https://127.0.0.1@" + strings.TrimPrefix(otherHost, "https://") + list, "ForeignNextLink", 1},
		{"somebody's name", "https://user@127.0.0.1" + list + "?page=2", "ForeignNextLink", 1},
		{"not encrypted", "http://127.0.0.1" + list + "?page=2", "ForeignNextLink", 1},
		{"no URL", "https://[", "ForeignNextLink", 1},
		{"control character", "https://127.0.0.1/\x01", "ForeignNextLink", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newARM(t)
			next, _ := json.Marshal(test.next)
			f.answers[list] = inTurn(
				says(200, `{"value":[`+element(1)+`],"nextLink":`+string(next)+`}`),
				says(200, `{"value":[`+element(2)+`,`+element(1)+`],"nextLink":""}`)) // an element moved to the next page
			c, _ := f.serve()
			s := mustRead(t, c)
			if len(s.Resources) != test.want {
				t.Errorf("%d resources: %s", len(s.Resources), s.Resources)
			}
			if test.code != "" {
				wantGap(t, s, list, test.code)
			} else if len(s.Unreadable) > 0 {
				t.Errorf("gaps %+v", s.Unreadable)
			}
		})
	}
}

func TestPagesThatRepeatEnd(t *testing.T) {
	f := newARM(t)
	list := "/subscriptions/" + subA + vnets
	f.answers[list] = says(200, `{"value":[],"nextLink":"https://127.0.0.1`+list+`?again"}`)
	c, _ := f.serve()
	wantGap(t, mustRead(t, c), list, "EndlessPages")
	if n := f.count(list); n != 2 {
		t.Errorf("asked %d times", n)
	}
}

// An action's pages go on by skipToken in the question, and make one answer.
func TestActionsArePaged(t *testing.T) {
	f := newARM(t)
	manager := "/subscriptions/" + subA + "/resourceGroups/rg/providers/Microsoft.Network/networkManagers/m"
	f.answers["/subscriptions/"+subA+"/providers/Microsoft.Network/networkManagers"] = says(200, `{"value":[{"id":"`+manager+`"}]}`)
	f.answers["POST "+manager+"/listDeploymentStatus"] = inTurn(
		says(200, `{"value":[{"region":"eastus"}],"skipToken":"more"}`), says(200, `{"value":[{"region":"westus"}]}`))
	c, _ := f.serve()
	s := mustRead(t, c)
	want := `{"id":"` + manager + `/listDeploymentStatus","value":[{"region":"eastus"},{"region":"westus"}]}`
	if !slices.ContainsFunc(s.Resources, func(r json.RawMessage) bool { return string(r) == want }) {
		t.Errorf("no %s in %s", want, s.Resources)
	}
	if !slices.ContainsFunc(f.asked, func(q string) bool { return strings.HasPrefix(q, "POST") && strings.Contains(q, `"skipToken":"more"`) }) {
		t.Errorf("the second page was not asked for: %q", f.asked)
	}
}

func TestRefusedActionsHaveNoAnswer(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"refused":        refuses(403, "AuthorizationFailed"),
		"half an answer": inTurn(says(200, `{"value":[{"region":"eastus"}],"skipToken":"more"}`), refuses(403, "AuthorizationFailed")),
	} {
		t.Run(name, func(t *testing.T) {
			f := newARM(t)
			manager := "/subscriptions/" + subA + "/resourceGroups/rg/providers/Microsoft.Network/networkManagers/m"
			f.answers["/subscriptions/"+subA+"/providers/Microsoft.Network/networkManagers"] = says(200, `{"value":[{"id":"`+manager+`"}]}`)
			f.answers[manager+"/listDeploymentStatus"] = answer
			s := mustRead(t, f.direct())
			wantGap(t, s, manager+"/listDeploymentStatus", "AuthorizationFailed")
			if got := ids(s); !slices.Equal(got, []string{manager}) {
				t.Errorf("read %v", got)
			}
		})
	}
}

// The list of all resources is thin: only what is then read is kept.
func TestGatewaysAreReadWhole(t *testing.T) {
	f := newARM(t)
	gateway := "/subscriptions/" + subA + "/resourceGroups/rg/providers/Microsoft.Network/virtualNetworkGateways/g"
	f.answers["/subscriptions/"+subA+"/resources"] = func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Query().Get("$filter"), "'Microsoft.Network/virtualNetworkGateways'") {
			says(200, `{"value":[{"id":"`+gateway+`"}]}`)(w, r)
			return
		}
		refuses(403, "AuthorizationFailed")(w, r)
	}
	whole := `{"id":"` + gateway + `","properties":{"gatewayType":"Vpn"}}`
	f.answers[gateway] = says(200, whole)
	s := mustRead(t, f.direct())
	if len(s.Resources) != 1 || string(s.Resources[0]) != whole {
		t.Errorf("read %s", s.Resources)
	}
	wantGap(t, s, "/subscriptions/"+subA+"/providers/Microsoft.Network/connections", "AuthorizationFailed")
}

func throttled(after string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", after)
		refuses(429, "TooManyRequests")(w, r)
	}
}

func TestThrottling(t *testing.T) {
	list := "/subscriptions/" + subA + vnets
	one := says(200, `{"value":[{"id":"`+list+`/one"}]}`)
	for _, test := range []struct {
		name    string
		answers []http.HandlerFunc
		asked   int
		waited  time.Duration // at least
		code    string
	}{
		{"at once", []http.HandlerFunc{throttled("0"), one}, 2, 0, ""},
		{"as ARM says", []http.HandlerFunc{throttled("1"), throttled("17"), one}, 3, 18 * time.Second, ""},
		{"503 too", []http.HandlerFunc{says(503, ""), one}, 2, 0, ""},
		{"not for an hour", []http.HandlerFunc{throttled("3600"), one}, 1, 0, "TooManyRequests"},
		{"not for ever", []http.HandlerFunc{throttled("100")}, 5, 400 * time.Second, "TooManyRequests"},
		{"nor for 500", []http.HandlerFunc{says(500, "oops")}, 5, 0, "UnexpectedStatus"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newARM(t)
				f.answers[list] = inTurn(test.answers...)
				c := f.direct()
				started := time.Now()
				s := mustRead(t, c)
				if n := f.count(list); n != test.asked {
					t.Errorf("asked %d times, want %d", n, test.asked)
				}
				if waited := time.Since(started); waited < test.waited || waited > test.waited+2*time.Minute {
					t.Errorf("waited %v, want %v", waited, test.waited)
				}
				if test.code != "" {
					wantGap(t, s, list, test.code)
				} else if got := ids(s); !slices.Equal(got, []string{list + "/one"}) {
					t.Errorf("read %v", got)
				}
			})
		})
	}
}

func TestRefusedParts(t *testing.T) {
	scope := "/subscriptions/" + subA
	vnet := scope + "/resourceGroups/rg" + vnets + "/kept"
	zone := scope + "/resourceGroups/rg/providers/Microsoft.Network/privateDnsZones/z"
	for _, test := range []struct {
		name, path   string
		answer       http.HandlerFunc
		gap, code    string
		unregistered string
	}{
		{"403 on a subscription", scope, refuses(403, "AuthorizationFailed"), scope, "AuthorizationFailed", ""},
		{"404 on a subscription", scope, refuses(404, "SubscriptionNotFound"), scope, "SubscriptionNotFound", ""},
		{"403 on a type", scope + "/providers/Microsoft.Web/sites", refuses(403, "AuthorizationFailed"), scope + "/providers/Microsoft.Web/sites", "AuthorizationFailed", ""},
		{"401 on a type", scope + "/providers/Microsoft.Web/sites", says(401, "no"), scope + "/providers/Microsoft.Web/sites", "UnexpectedStatus", ""},
		{"302 on a type", scope + "/providers/Microsoft.Web/sites", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://localhost:1/", http.StatusFound)
		}, scope + "/providers/Microsoft.Web/sites", "UnexpectedStatus", ""},
		{"another api-version", scope + "/providers/Microsoft.Web/sites", refuses(400, "NoRegisteredProviderFound"), scope + "/providers/Microsoft.Web/sites", "NoRegisteredProviderFound", ""},
		{"404 of a type ARM does not know", scope + "/providers/Microsoft.Web/sites", refuses(404, "InvalidResourceType"), scope + "/providers/Microsoft.Web/sites", "InvalidResourceType", ""},
		{"provider not registered", scope + "/providers/Microsoft.Web/sites", refuses(404, "Subscription Not Registered"), "", "", scope + "/providers/Microsoft.Web/sites"},
		{"provider missing", scope + "/providers/Microsoft.Web/sites", refuses(409, "MissingSubscriptionRegistration"), "", "", scope + "/providers/Microsoft.Web/sites"},
		{"403 on a child", zone + "/virtualNetworkLinks", refuses(403, "AuthorizationFailed"), zone + "/virtualNetworkLinks", "AuthorizationFailed", ""},
		{"records hide below the zone", zone + "/ALL", refuses(403, "AuthorizationFailed"), zone, "AuthorizationFailed", ""},
		{"404 on a child is no empty list", zone + "/virtualNetworkLinks", refuses(404, "MissingSubscriptionRegistration"), zone + "/virtualNetworkLinks", "MissingSubscriptionRegistration", ""},
		{"permissions unreadable", scope + "/providers/" + permissionsType, refuses(403, "AuthorizationFailed"), scope + "/providers/" + permissionsType, "AuthorizationFailed", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newARM(t)
			f.answers[scope+vnets] = says(200, `{"value":[{"id":"`+vnet+`"}]}`)
			f.answers[scope+"/providers/Microsoft.Network/privateDnsZones"] = says(200, `{"value":[{"id":"`+zone+`"}]}`)
			other := "/subscriptions/" + subB + vnets
			f.answers[other] = says(200, `{"value":[{"id":"`+other+`/b"}]}`)
			f.answers[test.path] = test.answer
			c := f.direct()
			c.Subscriptions = []string{subB, subA, subA}
			var log strings.Builder
			c.Log = logTo(&log)
			s := mustRead(t, c)
			want := []string{vnet, zone, other + "/b"}
			if test.gap == scope {
				want = want[2:]
			}
			if got := ids(s); !slices.Equal(got, want) {
				t.Errorf("read %v, want %v", got, want)
			}
			if test.unregistered != "" {
				if !slices.Equal(s.Unregistered, []string{test.unregistered}) || len(s.Unreadable) > 0 {
					t.Errorf("unregistered %v, gaps %+v", s.Unregistered, s.Unreadable)
				}
				return
			}
			wantGap(t, s, test.gap, test.code)
			if len(s.Unreadable) != 1 || !strings.Contains(log.String(), test.code) {
				t.Errorf("gaps %+v, log %s", s.Unreadable, log.String())
			}
		})
	}
}

func TestUnusableAnswers(t *testing.T) {
	list := "/subscriptions/" + subA + vnets
	for body, code := range map[string]string{
		``:                                    "", // as 204: none
		`{"value":[]}`:                        "",
		`{`:                                   "MalformedAnswer",
		`{}`:                                  "MalformedAnswer",
		`[]`:                                  "MalformedAnswer",
		`null`:                                "MalformedAnswer",
		`{"value":null}`:                      "MalformedAnswer",
		`{"value":{}}`:                        "MalformedAnswer",
		`{"value":[]} trailing`:               "MalformedAnswer",
		"{\"value\":[{\"id\":\"/a/\xff\"}]}":  "MalformedAnswer",
		`<html>proxy</html>`:                  "MalformedAnswer",
		`{"value":[{}]}`:                      "NoID",
		`{"value":["x"]}`:                     "NoID",
		`{"value":[{"id":7}]}`:                "NoID",
		`{"value":[{"id":"//evil.example"}]}`: "NoID",
		`{"value":[{"id":"/a/../b"}]}`:        "NoID",
	} {
		t.Run(body, func(t *testing.T) {
			f := newARM(t)
			f.answers[list] = says(200, body)
			c := f.direct()
			s := mustRead(t, c)
			if code != "" {
				wantGap(t, s, list, code)
			} else if len(s.Unreadable) > 0 {
				t.Errorf("gaps %+v", s.Unreadable)
			}
			if len(s.Resources) > 0 {
				t.Errorf("resources %s", s.Resources)
			}
		})
	}
}

// Odd answers to single resources, and ids that lead elsewhere, are gaps.
func TestSingleResources(t *testing.T) {
	scope := "/subscriptions/" + subA
	site := scope + "/resourceGroups/rg/providers/Microsoft.Web/sites/s"
	account := scope + "/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/a"
	f := newARM(t)
	f.answers[scope+"/providers/Microsoft.Web/sites"] = says(200, `{"value":[{"id":"`+site+`"}]}`)
	f.answers[site+"/config/web"] = says(200, ` {"id":"`+site+`/config/web"} `)
	f.answers[site+"/config/authsettingsV2"] = says(200, `["x"]`)
	f.answers[scope+"/providers/Microsoft.CognitiveServices/accounts"] = says(200, `{"value":[{"id":"`+account+`","kind":"aiservices","properties":[]},{"id":"`+account+`2","kind":"SpeechServices"}]}`)
	assignment := account + "/providers/Microsoft.Authorization/roleAssignments"
	f.answers[assignment] = says(200, `{"value":[
		{"id":"`+assignment+`/1","properties":{"roleDefinitionId":"//evil.example/x"}},
		{"id":"`+assignment+`/2","properties":{"roleDefinitionId":"/providers/Microsoft.Authorization/roleDefinitions/r"}},
		{"id":"`+assignment+`/3","properties":{"roleDefinitionId":"/providers/microsoft.authorization/roledefinitions/R"}},
		{"id":"`+assignment+`/4","properties":null}]}`)
	f.answers["/providers/Microsoft.Authorization/roleDefinitions/r"] = says(200, `{"id":"/providers/Microsoft.Authorization/roleDefinitions/r"}`)
	c := f.direct()
	c.Subscriptions = []string{subA}
	c.Parallel = 1
	s := mustRead(t, c)
	want := []string{account, assignment + "/1", assignment + "/2", assignment + "/3", assignment + "/4", account + "2", site, site + "/config/web", "/providers/Microsoft.Authorization/roleDefinitions/r"}
	if got := ids(s); !slices.Equal(got, want) {
		t.Errorf("read %q", got)
	}
	wantGap(t, s, site+"/config/authsettingsV2", "MalformedAnswer")
	wantGap(t, s, "//evil.example/x", "NoID")
	if n := f.count("/deployments") + f.count("/diagnosticSettings"); len(s.Unreadable) != 2 || n != 2 {
		t.Errorf("%d questions about one account that hosts models; gaps %+v", n, s.Unreadable)
	}
}

func TestHugePageIsCutAndNotAskedAgain(t *testing.T) {
	f := newARM(t)
	list := "/subscriptions/" + subA + vnets
	f.answers[list] = func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"value":[`))
		space := bytes.Repeat([]byte(" "), 1<<20)
		for range 40 {
			if _, err := w.Write(space); err != nil {
				return
			}
		}
	}
	c, _ := f.serve()
	wantGap(t, mustRead(t, c), list, "TooLarge")
	if n := f.count(list); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestWholeIsBounded(t *testing.T) {
	f := newARM(t)
	c, _ := f.serve()
	if err := c.defaults(); err != nil {
		t.Fatal(err)
	}
	cl, err := newClient(c)
	if err != nil {
		t.Fatal(err)
	}
	cl.left.Store(5)
	if _, _, err := cl.send(t.Context(), cl.url("/x", "1", ""), nil); fault.KindOf(err) != fault.TooLarge {
		t.Errorf("got %v", err)
	}
}

func TestRightsThatDoNotCoverAList(t *testing.T) {
	scope := "/subscriptions/" + subA
	for _, test := range []struct {
		name, rights string
		want         []string // scopes
	}{
		{"Reader", `[{"actions":["*/read"]}]`, nil},
		{"Owner", `[{"actions":["*"],"notActions":[]}]`, nil},
		{"none", `[]`, []string{scope}},
		{"other actions", `[{"actions":["Microsoft.Network/*/write"]}]`, []string{scope}},
		{"all but two", `[{"actions":["*/READ"],"notActions":["Microsoft.KeyVault/*","microsoft.web/sites/read"]}]`,
			[]string{scope + "/providers/Microsoft.KeyVault/vaults", scope + "/providers/Microsoft.Web/sites"}},
		{"given back by another role", `[{"actions":["*/read"],"notActions":["Microsoft.KeyVault/*"]},{"actions":["Microsoft.KeyVault/vaults/read"]}]`, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newARM(t)
			f.answers[scope+"/providers/"+permissionsType] = says(200, `{"value":`+test.rights+`}`)
			c := f.direct()
			var got []string
			for _, g := range mustRead(t, c).Unreadable {
				if g.Code != "PartialRights" {
					t.Errorf("gap %+v", g)
				}
				got = append(got, g.ID)
			}
			slices.Sort(got)
			if !slices.Equal(got, test.want) {
				t.Errorf("gaps at %v, want %v", got, test.want)
			}
		})
	}
}

func TestCancellation(t *testing.T) {
	f := newARM(t)
	ctx, cancel := context.WithCancel(t.Context())
	f.all = func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}
	c, _ := f.serve()
	if _, err := Read(ctx, c); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

type failing struct{ err error }

func (f failing) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{}, f.err
}

func TestReadingFails(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*fakeARM, *Config)
		kind   fault.Kind
	}{
		"no credential":       {func(_ *fakeARM, c *Config) { c.Credential = nil }, fault.Invalid},
		"no TLS":              {func(_ *fakeARM, c *Config) { c.Cloud = Custom("http://127.0.0.1", "") }, fault.Invalid},
		"no address":          {func(_ *fakeARM, c *Config) { c.Cloud = Custom("", "") }, fault.Invalid},
		"path in the address": {func(_ *fakeARM, c *Config) { c.Cloud = Custom("https://127.0.0.1/x", "") }, fault.Invalid},
		"bad subscription":    {func(_ *fakeARM, c *Config) { c.Subscriptions = []string{"../" + subA} }, fault.Invalid},
		"no token":            {func(_ *fakeARM, c *Config) { c.Credential = failing{errors.New("AADSTS700016")} }, fault.Unavailable},
		"no subscription":     {func(f *fakeARM, _ *Config) { f.answers["/subscriptions"] = says(200, `{"value":[]}`) }, fault.Unavailable},
		"list refused":        {func(f *fakeARM, _ *Config) { f.answers["/subscriptions"] = refuses(401, "InvalidAuthenticationToken") }, fault.Unavailable},
		"ARM goes away": {func(_ *fakeARM, c *Config) {
			inner, n := c.Transport, 0
			c.Parallel = 1
			c.Transport = transport(func(r *http.Request) (*http.Response, error) {
				if n++; n > 5 {
					return nil, errors.New("connection refused")
				}
				return inner.Do(r)
			})
		}, fault.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			f := newARM(t)
			c, _ := f.serve()
			test.change(f, &c)
			s, err := Read(t.Context(), c)
			if fault.KindOf(err) != test.kind || len(s.Resources) > 0 {
				t.Errorf("got %v, %+v", err, s)
			}
		})
	}
}

// The token is in no log, error or file, whatever ARM answers.
func TestTokenIsNotLeaked(t *testing.T) {
	var log strings.Builder
	azlog.SetListener(func(_ azlog.Event, text string) { log.WriteString(text) })
	defer azlog.SetListener(nil)
	f := newARM(t)
	f.answers["/subscriptions/"+subA+vnets] = refuses(403, "AuthorizationFailed")
	c, _ := f.serve()
	c.Parallel = 1
	c.Log = logTo(&log)
	data, err := mustRead(t, c).JSON()
	if err != nil {
		t.Fatal(err)
	}
	log.Write(data)
	c.Transport = transport(func(*http.Request) (*http.Response, error) { return nil, errors.New("gone") })
	_, err = Read(t.Context(), c)
	fmt.Fprintf(&log, "%v %+v %#v", err, err, err)
	if text := log.String(); strings.Contains(text, token) || !strings.Contains(text, "AuthorizationFailed") {
		t.Errorf("the token, or nothing, is in: %.2000s", text)
	}
}

func TestTransportFollowsNoRedirect(t *testing.T) {
	stranger := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("followed") }))
	defer stranger.Close()
	f := newARM(t)
	f.all = func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, stranger.URL, http.StatusTemporaryRedirect)
	}
	c, server := f.serve()
	own := Transport(server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs)
	c.Transport = own
	wantGap(t, mustRead(t, c), "/subscriptions/"+subA+vnets, "UnexpectedStatus")
}
