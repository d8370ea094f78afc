package demo

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/emulator"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/httpd"
	"github.com/ostiary/ostiary/internal/identity"
)

// UpstreamKey is the variable that holds a real model's key.
const UpstreamKey = "OSTIARY_UPSTREAM_KEY"

// pace is the pause between the emulator's tokens: a stream should be seen to
// be one.
const pace = 4 * time.Millisecond

// model is what the gateway's configuration says of the model behind it.
type model struct{ callers, workload, backend, people string }

// startModel starts the emulator, or describes the upstream in its place.
func (w *World) startModel(o Options) (model, error) {
	if o.Upstream != "" {
		return w.upstream(o)
	}
	w.Emulated, w.kind = true, "azure"
	state := filepath.Join(w.Dir, "rehearsal")
	ready := map[string]net.Listener{}
	for _, name := range []string{"internet", "endpoint", "entra", "chat", "login"} {
		if err := w.listen(name); err != nil {
			return model{}, err
		}
		ready[name] = w.listeners[name]
	}
	e, err := emulator.New(emulator.Config{
		Settings: emulator.Settings{State: state, TokenDelay: pace, Directory: emulator.Directory{Apps: w.apps()}},
		Public:   ready["internet"], Private: ready["endpoint"], Issuer: ready["entra"],
		Logger: w.env.Log,
	})
	if err != nil {
		return model{}, err
	}
	w.run("emulator", func(env *node.Env) error { return e.Run(env.Ctx) })
	// A browser does not know the rehearsal's authority, and need not: its pages
	// come over plain loopback too.
	w.run("login", func(env *node.Env) error {
		return httpd.Serve(env.Ctx, w.listeners["login"], e.Issuer(), nil, env.Log)
	})
	w.OutsideURL, w.ChatURL = e.URLs().Public, "http://"+w.Addresses["chat"]
	if w.Model == "" {
		w.Model = "gpt-4o-mini"
	}
	if w.outsideKey, err = e.Key("ostiary-demo"); err != nil {
		return model{}, err
	}
	app, err := e.App("sample-app")
	if err != nil {
		return model{}, err
	}
	person, err := e.App(chatApp)
	if err != nil {
		return model{}, err
	}
	return model{
		callers: fmt.Sprintf("  entra:\n    - {tenant: %s, authority: %q, ca: %s,\n       audiences: [https://cognitiveservices.azure.com, https://ai.azure.com, 7d312290-28c8-473c-a0ed-8e53749b6d6d, api://ostiary-gateway, %s]}\n",
			app.Tenant, e.URLs().Issuer, e.CAFile(), gatewayApp),
		workload: platform("      apps: [" + app.ClientID + ", " + person.ClientID + "]\n"),
		backend: fmt.Sprintf("      url: %s   # the private endpoint\n      ca: %s\n      entra: {tenant: %s, client_id: %s, client_secret: \"file:%s\", authority: %q, ca: %s}\n",
			e.URLs().Private, e.CAFile(), app.Tenant, app.ClientID, filepath.Join(state, "sample-app.secret"), e.URLs().Issuer, e.CAFile()),
		people: fmt.Sprintf("  sign_in:\n    tenant: %s\n    authority: %q\n    browser_url: http://%s   # so that no browser asks about the rehearsal's certificate\n    ca: %s\n    client_id: %s\n    client_secret: \"file:%s\"\n  users: {everyone: true}\n  admins: {roles: [Admin]}\n  models:\n    - {name: %s}\n",
			app.Tenant, e.URLs().Issuer, w.Addresses["login"], e.CAFile(), person.ClientID, filepath.Join(state, chatApp+".secret"), w.Model),
	}, nil
}

const (
	chatApp    = "ostiary-chat"
	gatewayApp = "e2a94d16-7b58-4f03-a1cc-6d90b8f4e273" // of api://ostiary-gateway, in version 2 tokens
)

// apps are the directory's applications; the chat's is told where its people
// come back to.
func (w *World) apps() []emulator.App {
	apps := emulator.SampleApps()
	for i := range apps {
		if apps[i].Name == chatApp {
			at := "http://" + w.Addresses["chat"]
			apps[i].RedirectURIs = []string{at + "/signin/callback", at + "/signed-out"}
		}
	}
	return apps
}

// upstream describes a real model. Its key stays in the variable that holds
// it; no file of the demo has it.
func (w *World) upstream(o Options) (model, error) {
	u, err := url.Parse(strings.TrimRight(o.Upstream, "/"))
	if err != nil || u.Host == "" {
		return model{}, fault.New(fault.Invalid, "not a URL").At("--upstream").Fix("write for example http://localhost:11434/v1")
	}
	if o.Model == "" {
		return model{}, fault.New(fault.Invalid, "which model to ask is not known").At("--model").
			Fix("name the deployment, or the model of an OpenAI-compatible server")
	}
	w.kind = "openai"
	if isAzure(u.Hostname()) {
		w.kind = "azure"
	} else if !strings.HasSuffix(u.Path, "/v1") {
		u.Path += "/v1"
	}
	w.OutsideURL = u.String()
	backend := fmt.Sprintf("      url: %s\n      kind: %s\n", u, w.kind)
	switch {
	case os.Getenv(UpstreamKey) != "":
		backend += "      api_key: \"env:" + UpstreamKey + "\"\n"
	case os.Getenv("AZURE_CLIENT_SECRET") != "":
		backend += fmt.Sprintf("      entra: {tenant: %q, client_id: %q, client_secret: \"env:AZURE_CLIENT_SECRET\"}\n",
			os.Getenv("AZURE_TENANT_ID"), os.Getenv("AZURE_CLIENT_ID"))
	case w.kind == "azure":
		return model{}, fault.New(fault.Invalid, "no credential for the upstream").At("--upstream").
			Fix("set " + UpstreamKey + ", or AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET")
	}
	key, hash := identity.NewKey()
	if err := os.WriteFile(filepath.Join(w.Dir, "platform.key"), []byte(key.Reveal()+"\n"), 0o600); err != nil {
		return model{}, err
	}
	return model{
		callers:  fmt.Sprintf("  keys:\n    - {name: platform, workload: platform, hash: %s}   # the key is in platform.key\n", hash),
		workload: platform(""),
		backend:  backend,
	}, nil
}

// platform is the workload of the owner's own people.
func platform(who string) string {
	return "    - name: platform   # the owner's own people\n" + who +
		"      grants:\n        - deployments: [\"*\"]\n          operations: [chat/completions, embeddings, models]\n"
}

func isAzure(host string) bool {
	for _, zone := range []string{".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com", ".openai.azure.us"} {
		if strings.HasSuffix(host, zone) {
			return true
		}
	}
	return false
}
