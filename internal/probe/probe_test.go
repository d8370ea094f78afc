package probe

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/ostiary/ostiary/internal/secret"
)

const (
	publicOff = `{"error":{"code":"AccessDenied","message": "Public access is disabled. Please configure private endpoint."}}`
	firewall  = `{"error":{"code":"403","message": "Access denied due to Virtual Network/Firewall rules."}}`
	keysOff   = `{"error":{"code":"AuthenticationTypeDisabled","message": "Key based authentication is disabled for this resource."}}`
	badKey    = `{"error":{"code":"401","message":"Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription and use a correct regional API endpoint for your resource."}}`
	badToken  = `{"statusCode":401,"message":"Unauthorized. Access token is missing, invalid, audience is incorrect (https://cognitiveservices.azure.com), or have expired."}`
	noRole    = `{"error":{"code":"PermissionDenied","message":"Principal does not have access to API/Operation."}}`
)

func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// account answers as an account does that its client reaches, keys off.
func account(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Header.Get("Api-Key") != "":
		says(403, keysOff)(w, r)
	case r.Header.Get("Authorization") == "Bearer "+token:
		says(200, `{"data":[]}`)(w, r)
	default:
		says(401, badToken)(w, r)
	}
}

func TestInsideAsItShouldBe(t *testing.T) {
	w := newWorld(t)
	c := w.config(w.inside(http.HandlerFunc(account)))
	w.zone("10.0.0.4:53", azureLinked())
	c.Servers, c.Credential = []string{"10.0.0.4"}, fixed(token)
	all := Run(t.Context(), c)
	want := "dns-a dns-aaaa dns-a dns-zone dns-aaaa dns-a dns-zone dns-aaaa dns-agree tls-version tls-name tls-issuer tls-privatelink tcp http-key http-token"
	var got []string
	for _, o := range all {
		got = append(got, o.Name)
		if o.Status != Pass || o.Expect == "" || o.Got == "" || o.Target == "" || o.Duration <= 0 {
			t.Errorf("%s", dump([]Observation{o}))
		}
	}
	if strings.Join(got, " ") != want {
		t.Errorf("observed %v", got)
	}
	wantStatus(t, all, "dns-zone", Pass, linked)
	wantStatus(t, all, "tls-issuer", Pass, "Microsoft Corporation: Test Issuing CA 01")
}

func TestOutsideAsItShouldBe(t *testing.T) {
	for name, body := range map[string]string{"public access off": publicOff, "firewall": firewall, "code 403": strings.Replace(publicOff, "AccessDenied", "403", 1)} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			asked := make(chan string, 20)
			c := w.config(w.outside(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				asked <- r.Method + " " + r.URL.RequestURI() + " " + r.Header.Get("Api-Key")
				says(403, body)(rw, r)
			})))
			w.zone("198.51.100.1:53", azurePublic())
			c.Servers = []string{"198.51.100.1:53"}
			all := Run(t.Context(), c)
			for _, o := range all {
				if o.Status != Pass {
					t.Errorf("%s", dump([]Observation{o}))
				}
			}
			if len(all) != 9+4+6 || len(asked) != 6 {
				t.Errorf("%d calls, observed %s", len(asked), dump(all))
			}
			close(asked)
			for line := range asked {
				if !strings.HasSuffix(line, " "+madeUp) {
					t.Errorf("call %s", line)
				}
			}
		})
	}
}

func TestWithoutAConnection(t *testing.T) {
	w := newWorld(t)
	w.names[host] = []netip.Addr{netip.MustParseAddr(outer)}
	all := Run(t.Context(), w.config(Endpoint{Host: host}))
	for _, name := range []string{"tls-version", "tls-name", "tls-issuer", "tls-privatelink", "http-inference", "http-models", "http-models-v1", "http-files", "http-fine-tuning", "http-fine-tuning-v1"} {
		wantStatus(t, all, name, Pass, "no connection: ")
	}
	// A name that nobody knows may be misspelt: nothing is shown.
	all = Run(t.Context(), w.config(Endpoint{Host: "dmeo.openai.azure.com"}))
	for _, o := range all {
		if o.Status != Unknown {
			t.Errorf("%s", dump([]Observation{o}))
		}
	}
	c := w.config(Endpoint{Host: host, Inside: true, Addresses: []netip.Addr{netip.MustParseAddr(inner)}})
	c.Credential = fixed(token)
	all = Run(t.Context(), c)
	for name, want := range map[string]Status{"dns-a": Fail, "tcp": Fail, "tls-version": Unknown, "http-token": Fail, "http-key": Unknown} {
		wantStatus(t, all, name, want, "")
	}
}

func TestSilence(t *testing.T) {
	w := newWorld(t)
	e := w.outside(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // or the server would not see the client leave
		<-r.Context().Done()
	}))
	c := w.config(e)
	c.Timeout = time.Second
	wantStatus(t, Run(t.Context(), c), "http-models", Unknown, "connected, but no answer: no answer in time")
	w.routes["tcp "+outer+":443"] = "hang"
	wantStatus(t, Run(t.Context(), c), "http-models", Pass, "no connection: no answer in time")
}

func TestAnswers(t *testing.T) {
	for _, test := range []struct {
		name    string
		inside  bool
		look    string
		answer  http.HandlerFunc
		given   string // key
		status  Status
		because string
	}{
		{"open", false, "http-models", says(200, `{"data":[]}`), "", Fail, "answers from here"},
		{"open, made-up key", false, "http-models", says(401, badKey), "", Fail, "made-up key was looked at"},
		{"open, another key", false, "http-models", says(401, badKey), key, Fail, "the network let the call through"},
		{"open, no such deployment", false, "http-inference", says(404, `{"error":{"code":"DeploymentNotFound","message":"x"}}`), "", Fail, "HTTP 404 DeploymentNotFound"},
		{"somebody else's 403", false, "http-models", says(403, "<h1>Blocked by policy</h1>"), "", Fail, "not in Azure's words"},
		{"another 403", false, "http-models", says(403, keysOff), "", Fail, "let the call through"},
		{"the right words, another status", false, "http-models", says(401, publicOff), key, Fail, "let the call through"},
		{"redirect", false, "http-models", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://portal.example/", http.StatusFound)
		}, "", Fail, "HTTP 302"},
		{"ill", false, "http-models", says(503, "x"), "", Unknown, "HTTP 503"},
		{"a body past the bound", false, "http-models", says(403, `{"x":"`+strings.Repeat("x", maxBody)+`",`+publicOff[1:]), "", Fail, "not in Azure's words"},

		{"keys on", true, "http-key", says(200, `{}`), key, Fail, "a key opens the account"},
		{"keys off", true, "http-key", says(403, keysOff), "", Pass, "AuthenticationTypeDisabled"},
		{"keys seem on", true, "http-key", says(401, badKey), "", Unknown, "keys seem to be on"},
		{"not its key", true, "http-key", says(401, badKey), key, Unknown, "not the account's"},
		{"past the endpoint, key", true, "http-key", says(403, firewall), "", Fail, "past the private endpoint"},
		{"key, something else", true, "http-key", says(429, ""), "", Unknown, "HTTP 429"},
		{"token", true, "http-token", says(200, `{}`), "", Pass, "HTTP 200"},
		{"no role", true, "http-token", says(401, noRole), "", Fail, "OpenAI User"},
		{"bad token", true, "http-token", says(401, badToken), "", Fail, "not accepted"},
		{"past the endpoint", true, "http-token", says(403, publicOff), "", Fail, "past the private endpoint"},
		{"token, throttled", true, "http-token", says(429, `{"error":{"code":429,"message":"Rate limit is exceeded."}}`), "", Unknown, "HTTP 429 429: Rate limit"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			e := w.outside(test.answer)
			if test.inside {
				e = w.inside(test.answer)
			}
			c := w.config(e)
			if test.given != "" {
				c.Key = secret.New(test.given)
			}
			if test.look == "http-token" {
				c.Credential = fixed(token)
			}
			wantStatus(t, Run(t.Context(), c), test.look, test.status, test.because)
		})
	}
}

// What was sent is in no observation, even where the answer repeats it, and
// goes to nobody whom we do not know.
func TestSecretsStayHere(t *testing.T) {
	for _, test := range []struct {
		name string
		ca   authority
		used bool
	}{
		{"Azure", newAuthority(t, "DigiCert Inc", "Microsoft Corporation"), true},
		{"interception", newAuthority(t, "Proxy Ltd", "Proxy Ltd"), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.ca = test.ca
			used := make(chan bool, 30)
			echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				got := r.Header.Get("Api-Key") + r.Header.Get("Authorization")
				if strings.Contains(got, "canary") {
					used <- true
				}
				text, _ := json.Marshal("you sent " + got)
				says(403, `{"error":{"code":"403","message":`+string(text)+`}}`)(w, r)
			})
			for _, e := range []Endpoint{w.inside(echo), w.outside(echo)} {
				c := w.config(e)
				c.Key, c.Credential = secret.New(key), fixed(token)
				if text := dump(Run(t.Context(), c)); strings.Contains(text, "canary") || test.used != strings.Contains(text, "you sent Bearer [redacted]") {
					t.Errorf("observed %s", text)
				}
			}
			if (len(used) > 0) != test.used {
				t.Errorf("sent %d times", len(used))
			}
		})
	}
}

// asking is a credential that has no token, and says what it was asked for.
type asking chan string

func (a asking) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	a <- strings.Join(o.Scopes, " ")
	return azcore.AccessToken{}, errors.New("AADSTS700016: no such application\n")
}

func TestNoToken(t *testing.T) {
	for name, test := range map[string]struct{ host, scope, want string }{
		"public cloud":  {host, "", "https://cognitiveservices.azure.com/.default"},
		"US Government": {"demo.openai.azure.us", "", "https://cognitiveservices.azure.us/.default"},
		"as given":      {host, "https://ai.azure.com/.default", "https://ai.azure.com/.default"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newWorld(t).config(Endpoint{Host: test.host, Inside: true})
			asked := make(asking, 10)
			c.Credential, c.Scope = asked, test.scope
			wantStatus(t, Run(t.Context(), c), "http-token", Unknown, "no token: AADSTS700016: no such application ")
			if got := <-asked; got != test.want {
				t.Errorf("asked for %s", got)
			}
		})
	}
}

func TestBadNames(t *testing.T) {
	w := newWorld(t)
	c := w.config(w.inside(http.HandlerFunc(account)))
	for _, name := range []string{"no host\n", "localhost", "", "a..b", "-a.example", strings.Repeat("a", 64) + ".example", "10.1.2.4:443", "a.example/path"} {
		c.Endpoints = []Endpoint{{Host: name}}
		if all := Run(t.Context(), c); len(all) != 1 || all[0].Name != "endpoint" || all[0].Status != Unknown {
			t.Errorf("%q: %s", name, dump(all))
		}
	}
	c.Endpoints = []Endpoint{{Host: "Demo.OpenAI.Azure.com.", Inside: true}}
	wantStatus(t, Run(t.Context(), c), "tls-name", Pass, "")
}

func TestEndOfContext(t *testing.T) {
	w := newWorld(t)
	c := w.config(w.inside(http.HandlerFunc(account)))
	c.Wait = time.Hour
	w.dnsServer("10.0.0.4:53", func([]byte, bool) [][]byte { return nil })
	c.Servers = []string{"10.0.0.4"}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, o := range Run(ctx, c) { // the fake resolver looks at no context
		if o.Status == Pass && !strings.HasPrefix(o.Name, "dns") {
			t.Errorf("after the end: %s", dump([]Observation{o}))
		}
	}
}

// A change takes minutes; each observation says when it came.
func TestWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		rounds := map[string]int{}
		fake := func(name string, statuses ...Status) look {
			return look{make: func(context.Context, Endpoint) []Observation {
				mu.Lock()
				s := statuses[min(rounds[name], len(statuses)-1)]
				rounds[name]++
				mu.Unlock()
				time.Sleep(time.Second)
				return []Observation{{Name: name, Target: host, Status: s}}
			}}
		}
		// One look of two observations, of which the first is right from the start.
		n := 0
		pair := look{make: func(context.Context, Endpoint) []Observation {
			n++
			o := []Observation{{Name: "early", Status: Pass}, {Name: "late", Status: Unknown}}
			if n == 4 {
				o[1].Status = Pass
			}
			return o
		}}
		p := &prober{Config: Config{Wait: time.Minute, Every: 10 * time.Second}}
		all := p.repeat(t.Context(), []look{fake("at once", Pass), fake("third", Fail, Unknown, Pass), fake("never", Fail), pair})
		for i, want := range []struct {
			status Status
			took   time.Duration
			detail string
		}{
			{Pass, time.Second, ""},
			{Pass, 23 * time.Second, "came after 23s"},
			{Fail, 56 * time.Second, "still so after 56s"},
			{Pass, 0, ""},
			{Pass, 33 * time.Second, "came after 33s"},
		} {
			if o := all[i]; o.Status != want.status || o.Duration != want.took || o.Detail != want.detail {
				t.Errorf("%+v, want %+v", o, want)
			}
		}
		if rounds["at once"] != 1 || rounds["third"] != 3 || rounds["never"] != 6 || n != 4 {
			t.Errorf("looked %v, %d", rounds, n)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		started := time.Now()
		if all := p.repeat(ctx, []look{fake("cut", Fail)}); len(all) != 1 || time.Since(started) != 15*time.Second {
			t.Errorf("cut after %v: %+v", time.Since(started), all)
		}
		p.Wait = 0
		rounds["never"] = 0
		if p.repeat(t.Context(), []look{fake("never", Fail)}); rounds["never"] != 1 {
			t.Errorf("without Wait: %d looks", rounds["never"])
		}
	})
}

func TestWaitingForAzure(t *testing.T) {
	w := newWorld(t)
	n := 0
	e := w.outside(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/openai/v1/models" {
			if n++; n < 3 {
				says(200, "{}")(rw, r)
				return
			}
		}
		says(403, publicOff)(rw, r)
	}))
	c := w.config(e)
	c.Wait, c.Every = 10*time.Second, time.Millisecond
	all := Run(t.Context(), c)
	wantStatus(t, all, "http-models-v1", Pass, "came after")
	wantStatus(t, all, "http-models", Pass, "HTTP 403 AccessDenied")
	if n != 3 {
		t.Errorf("asked %d times", n)
	}
}
