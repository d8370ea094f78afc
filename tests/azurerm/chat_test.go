//go:build azurerm

package azurerm_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/pki"
)

// A chat from nothing: its application is registered, trusts the chat's
// identity and has no secret. Then gateway and chat run with the configurations
// that the modules wrote, as the identities that Azure gave their places, and a
// person of the directory signs in at the chat's own address and is answered.
func TestDeployChat(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	group := w.graph("groups?$filter=displayName%20eq%20'Sample%20Researchers'")
	id := regexp.MustCompile(`"id":"([0-9a-f-]{36})"`).FindStringSubmatch(strings.ReplaceAll(group, " ", ""))
	if id == nil {
		t.Fatal(group)
	}
	w.write("estate.yaml", strings.ReplaceAll(example(t, "chat"), "22222222-3333-4444-5555-666666666666", id[1]))
	w.deploy(0, "apply", "--yes")
	w.built("acmechat", map[string]string{"acmechat-vnet/apps": "401", "internet": "403"})
	out := w.deploy(0, "plan")
	if !strings.Contains(out, "sign-in: nothing to do") {
		t.Errorf("a second plan: %s", tail(out))
	}
	if status := w.deploy(0, "status"); !strings.Contains(status, "sign-in       acmechat-chat, acmechat-gateway\n") {
		t.Errorf("status: %s", status)
	}
	apps := w.graph("applications")
	if !strings.Contains(apps, "/signin/callback") || strings.Contains(apps, `"hint"`) {
		t.Errorf("an application has a secret, or does not know the chat: %s", tail(apps))
	}
	w.talk("acmechat")
	w.deploy(0, "destroy", "--yes")
	w.nothingLeft()
	if apps := w.graph("applications"); strings.Contains(apps, "acmechat") {
		t.Errorf("left after destroy: %s", tail(apps))
	}
}

// graph asks Microsoft Graph with the owner's login.
func (w *world) graph(path string) string {
	w.t.Helper()
	return w.azure("https://graph.microsoft.com", "GET", "https://graph.microsoft.com/v1.0/"+path, "")
}

// rendered is the configuration that a module wrote for an app.
func (w *world) rendered(group, app string) string {
	w.t.Helper()
	out := w.arm("POST", "/subscriptions/SUBSCRIPTION/resourceGroups/"+group+"/providers/Microsoft.App/containerApps/"+app+"/listSecrets?api-version=2025-01-01", "")
	var secrets struct {
		Value []struct{ Name, Value string }
	}
	if err := json.Unmarshal([]byte(out), &secrets); err != nil {
		w.t.Fatal(err, out)
	}
	for _, s := range secrets.Value {
		if s.Name == "ostiary-yaml" {
			return s.Value
		}
	}
	w.t.Fatalf("%s has no configuration: %s", app, out)
	return ""
}

// talk runs gateway and chat at their places and has a person ask.
func (w *world) talk(name string) {
	w.t.Helper()
	var all struct {
		Chat struct{ URL string }
	}
	if err := json.Unmarshal([]byte(w.deploy(0, "output", "--json")), &all); err != nil || !strings.HasPrefix(all.Chat.URL, "https://"+name+"-chat.") {
		w.t.Fatalf("%v: %+v", err, all)
	}
	gateway, admin, chat := free(w.t), free(w.t), free(w.t)
	o := w.outputs()
	w.gateway(name, func(settings, _ map[string]any) {
		settings["listen"], settings["admin"] = gateway, admin
		settings["ledger"] = map[string]any{"directory": filepath.Join(w.dir, "ledger")}
	})
	words := w.rendered(name+"-workload", name+"-chat")
	if strings.Contains(words, "secret") {
		w.t.Errorf("the chat's configuration speaks of a secret:\n%s", words)
	}
	w.write("chat.yaml", words)
	if code, out := w.run(exec.Command(w.binary, "config", "check", filepath.Join(w.dir, "chat.yaml"))); code != 0 {
		w.t.Fatalf("the chat would not start: %s\n%s", out, words)
	}
	w.write("chat.yaml", strings.NewReplacer("/var/lib/ostiary/", w.dir+"/", "0.0.0.0:8080", chat, o.Gateway.URL, "http://"+gateway).Replace(words))
	// Both ask Entra as from the internet: what the tag AzureActiveDirectory of the
	// apps' group binds, the emulated network cannot tell. Their identities are
	// those of their places.
	entra := "http://internet:-@" + w.places()
	for _, role := range []string{"gateway", "chat"} {
		w.start(role+" serves", "emulate", "exec", "--state", w.state, "--from", name+"-"+role, "--",
			"env", "HTTPS_PROXY="+entra, "https_proxy="+entra, w.binary, role, "--config", role+".yaml")
	}

	p := w.person(all.Chat.URL, chat)
	page := p.signIn("one@sample.example")
	if !strings.Contains(page, `id="composer"`) || !strings.Contains(page, "gpt-4o-mini") {
		w.t.Fatalf("signed in, but to no chat: %s", tail(page))
	}
	if said := p.ask("What is Ockham's Razor?"); !strings.Contains(said, `"status":""`) {
		w.t.Errorf("no answer: %s", tail(said))
	} else {
		w.t.Logf("answered: %s", tail(said))
	}
	if page := w.person(all.Chat.URL, chat).signIn("three@sample.example"); strings.Contains(page, `id="composer"`) {
		w.t.Error("a person of no group is let in")
	}
}

// browser is a person's, with cookies. Entra is reached through the emulated
// network; the chat's address by what stands for its environment's ingress.
type browser struct {
	t    *testing.T
	http *http.Client
	url  string
}

func (w *world) person(address, chat string) *browser {
	w.t.Helper()
	ca, err := pki.LoadOrCreateCA(w.state, "")
	if err != nil {
		w.t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		w.t.Fatal(err)
	}
	certificate, err := ca.ServerCertificate(u.Hostname())
	if err != nil {
		w.t.Fatal(err)
	}
	ingress := httptest.NewUnstartedServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: chat})
			r.Out.Host = r.In.Host
		},
		FlushInterval: -1,
	})
	ingress.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	ingress.StartTLS()
	w.t.Cleanup(ingress.Close)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca.PEM())
	places := &url.URL{Scheme: "http", User: url.UserPassword("internet", "-"), Host: w.places()}
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return &browser{w.t, &http.Client{Jar: jar, Transport: &http.Transport{
		Proxy: func(r *http.Request) (*url.URL, error) {
			if r.URL.Host == u.Host {
				return nil, nil
			}
			return places, nil
		},
		DialContext: func(ctx context.Context, network, to string) (net.Conn, error) {
			if strings.HasPrefix(to, u.Hostname()+":") {
				to = ingress.Listener.Addr().String()
			}
			return (&net.Dialer{}).DialContext(ctx, network, to)
		},
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	}}, address}
}

func (b *browser) read(resp *http.Response, err error) (*http.Response, string) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	if err != nil {
		b.t.Fatal(err)
	}
	return resp, string(body)
}

var (
	signInForm = regexp.MustCompile(`<form method="post"(?: action="([^"]*)")?>`)
	hiddenPart = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
)

// signIn opens the chat, and presses a person's button on the page to which it
// leads: what is shown in the end.
func (b *browser) signIn(login string) string {
	b.t.Helper()
	resp, page := b.read(b.http.Get(b.url + "/"))
	form := signInForm.FindStringSubmatch(page)
	if form == nil || resp.Request.URL.Host != "login.microsoftonline.com" {
		b.t.Fatalf("no sign-in at %s: %d %s", resp.Request.URL, resp.StatusCode, tail(page))
	}
	to, err := resp.Request.URL.Parse(html.UnescapeString(form[1]))
	if err != nil {
		b.t.Fatal(err)
	}
	fields := url.Values{"login": {login}}
	for _, f := range hiddenPart.FindAllStringSubmatch(page, -1) {
		fields.Set(html.UnescapeString(f[1]), html.UnescapeString(f[2]))
	}
	_, page = b.read(b.http.PostForm(to.String(), fields))
	return page
}

// ask asks, and gives what the answer's stream says at its end.
func (b *browser) ask(text string) string {
	b.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	form.WriteField("text", text)
	form.Close()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.url+"/ask", &body)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", form.FormDataContentType())
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	resp, said := b.read(b.http.Do(req))
	var begun struct{ URL string }
	if err := json.Unmarshal([]byte(said), &begun); err != nil || begun.URL == "" {
		return fmt.Sprint(resp.StatusCode, " ", said)
	}
	_, said = b.read(b.http.Get(b.url + begun.URL + "/stream"))
	if _, end, ok := strings.Cut(said, "event: done\ndata: "); ok {
		return end
	}
	return said
}
