package chat

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/ostiary/ostiary/internal/httpd"
	"github.com/ostiary/ostiary/internal/login"
	"github.com/ostiary/ostiary/internal/secret"
)

// Settings is the section `chat` of the configuration file.
type Settings struct {
	Listen  string `yaml:"listen" config:"required" doc:"address and port"`
	URL     string `yaml:"url" config:"required" doc:"how browsers reach it, such as https://chat.corp.example; URL/signin/callback is the redirect URI to register"`
	TLS     *TLS   `yaml:"tls" doc:"certificate; without it only a loopback address or a Unix socket may be listened on"`
	Ingress bool   `yaml:"ingress" doc:"a platform's ingress ends TLS and is the only way to listen, which may then be plain on any address; default no"`
	Admin   string `yaml:"admin" doc:"private listener for /healthz, /readyz, /metrics and profiles; default none"`

	SignIn   SignIn  `yaml:"sign_in" config:"required" doc:"the login service"`
	Users    Access  `yaml:"users" config:"required" doc:"who may chat"`
	Admins   Access  `yaml:"admins" doc:"who may also see who uses it how much, and end sessions; default nobody"`
	Gateway  Gateway `yaml:"gateway" config:"required" doc:"where questions go"`
	Models   []Model `yaml:"models" doc:"what the picker offers, of what the gateway lets a person use; the first is the default; required without discover"`
	Discover bool    `yaml:"discover" doc:"offer whatever else the gateway lets a person use for chat/completions, by its deployment's name; default no"`
	Store    Store   `yaml:"store" config:"required" doc:"where conversations are kept"`

	Session Session `yaml:"session" doc:"how long a sign-in lasts"`
	History int     `yaml:"history" doc:"messages of a conversation that are sent along with a question, at most; default 200"`
}

// TLS names a certificate's files.
type TLS struct {
	Certificate string `yaml:"certificate" config:"required" doc:"PEM file with the certificate chain"`
	Key         string `yaml:"key" config:"required" doc:"PEM file with its private key"`
}

// SignIn is an application registered with Entra, or with another OpenID
// provider.
type SignIn struct {
	Tenant       string     `yaml:"tenant" doc:"Entra tenant id"`
	Authority    string     `yaml:"authority" doc:"Entra's login service; default https://login.microsoftonline.com"`
	Issuer       string     `yaml:"issuer" doc:"another OpenID provider, in place of tenant"`
	CA           string     `yaml:"ca" doc:"PEM file of the only authority trusted for the login service; default the system's"`
	ClientID     string     `yaml:"client_id" config:"required" doc:"application (client) id"`
	ClientSecret secret.Ref `yaml:"client_secret" doc:"the application's secret; required without managed_identity"`

	ManagedIdentity *login.ManagedIdentity `yaml:"managed_identity" doc:"identity of the host, whose token stands for a client secret; the application must trust it (federated identity credential)"`

	Scope      string `yaml:"scope" doc:"what the gateway's tokens are for; default api://ostiary-gateway/.default"`
	OnBehalfOf string `yaml:"on_behalf_of" doc:"scope of the chat's own API: people then sign in for that, and the chat exchanges their token for the gateway's (OAuth 2.0 on-behalf-of)"`
	BrowserURL string `yaml:"browser_url" doc:"where browsers reach the login service, if it is not at its own address; for rehearsal"`
}

// Access names people.
type Access struct {
	Groups   []string `yaml:"groups" doc:"ids of groups, as tokens carry them"`
	Roles    []string `yaml:"roles" doc:"application roles"`
	Everyone bool     `yaml:"everyone" doc:"whoever the login service signs in"`
}

// Gateway is where questions go.
type Gateway struct {
	URL string `yaml:"url" config:"required" doc:"base URL of the gateway, or of an inlet"`
	CA  string `yaml:"ca" doc:"PEM file of the only authority trusted for it; default the system's"`
}

// Model is one line of the picker. The gateway's policy decides who may use
// it, and it is offered to these.
type Model struct {
	Name       string   `yaml:"name" config:"required" doc:"deployment, as the gateway knows it"`
	Label      string   `yaml:"label" doc:"what people read; default the name"`
	Images     bool     `yaml:"images" doc:"it takes pictures"`
	Groups     []string `yaml:"groups" doc:"offered to these groups alone; default to everybody"`
	Currency   string   `yaml:"currency" doc:"three letters; default no cost is shown"`
	Prompt     float64  `yaml:"prompt" doc:"price of a million prompt tokens"`
	Completion float64  `yaml:"completion" doc:"price of a million completion tokens"`
}

// Store is one of two.
type Store struct {
	SQLite   string     `yaml:"sqlite" doc:"file of the database, made if it is not there"`
	Postgres secret.Ref `yaml:"postgres" doc:"env:NAME or file:PATH of a connection URL, such as postgres://chat:…@db.corp.example/chat?sslmode=verify-full"`
}

// Session bounds a sign-in.
type Session struct {
	Idle time.Duration `yaml:"idle" doc:"it ends after so long without a request; default 8h"`
	Life time.Duration `yaml:"life" doc:"it ends after so long in any case; default 24h"`
}

// Defaults and bounds.
const (
	defaultAuthority = "https://login.microsoftonline.com"
	defaultScope     = "api://ostiary-gateway/.default"
	defaultHistory   = 200
	maxHistory       = 2000
	maxModels        = 100
	maxPrice         = 1e6
)

// Check reports what the types cannot.
func (s *Settings) Check(report func(path, what, fix string)) {
	if u, err := url.Parse(s.URL); s.URL != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil) {
		report("url", "not the URL of a host", "write https://HOST")
	} else if s.URL != "" && u.Scheme == "http" && !isLoopback(u.Hostname()) {
		report("url", "cookies and prompts would cross the network in clear", "write https://HOST; plain http is for loopback alone")
	}
	if s.Listen != "" && s.TLS == nil && !s.Ingress && !private(s.Listen) {
		report("listen", "prompts and cookies would cross the network in clear", "add tls, or listen on loopback or unix:PATH behind a proxy that has it, or say ingress: true where nothing else can connect")
	}
	if s.Ingress && s.TLS != nil {
		report("ingress", "there is no plain listener that an ingress could stand before", "take away tls, or take away ingress")
	}
	s.SignIn.check(report)
	if len(s.Users.Groups)+len(s.Users.Roles) == 0 && !s.Users.Everyone {
		report("users", "nobody may chat", "add groups, roles, or everyone: true")
	}
	if s.Gateway.URL != "" && !safeURL(s.Gateway.URL) {
		report("gateway.url", "not an https URL", "write https://HOST; plain http is for loopback alone")
	}
	s.checkModels(report)
	if (s.Store.SQLite == "") == s.Store.Postgres.IsZero() {
		report("store", "not one place", "add either sqlite or postgres")
	}
	if s.Session.Idle < 0 || s.Session.Life < 0 || s.History < 0 || s.History > maxHistory {
		report("session", "a bound is out of range", fmt.Sprintf("use positive times, and history from 1 to %d", maxHistory))
	}
}

func (s *SignIn) check(report func(path, what, fix string)) {
	if (s.Tenant == "") == (s.Issuer == "") {
		report("sign_in", "not one login service", "add tenant for Entra, or issuer for another OpenID provider")
	}
	for field, value := range map[string]string{"authority": s.Authority, "issuer": s.Issuer} {
		if u, err := url.Parse(value); value != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
			report("sign_in."+field, "not an https URL", "write https://HOST")
		}
	}
	switch {
	case s.ClientSecret.IsZero() == (s.ManagedIdentity == nil):
		report("sign_in.client_secret", "not one proof that this is the application", "give client_secret, or managed_identity on a host of Azure that the application trusts")
	case s.ManagedIdentity != nil && s.Tenant == "":
		report("sign_in.managed_identity", "only Entra takes it", "give tenant, or client_secret for another OpenID provider")
	}
	if s.BrowserURL != "" && !safeURL(s.BrowserURL) {
		report("sign_in.browser_url", "not an https URL", "write https://HOST; plain http is for loopback alone")
	}
}

func (s *Settings) checkModels(report func(path, what, fix string)) {
	if len(s.Models) == 0 && !s.Discover {
		report("models", "the picker offers nothing", "list models, or write discover: true")
	}
	if len(s.Models) > maxModels {
		report("models", "too many", fmt.Sprintf("list %d at most", maxModels))
	}
	seen := map[string]bool{}
	for i, m := range s.Models {
		at := fmt.Sprintf("models[%d]", i)
		if seen[m.Name] {
			report(at+".name", "stands twice", "remove one of the two")
		}
		seen[m.Name] = true
		if m.Currency != "" && len(m.Currency) != 3 {
			report(at+".currency", "not a currency", "write three letters, such as USD")
		}
		if !(m.Prompt >= 0 && m.Prompt <= maxPrice && m.Completion >= 0 && m.Completion <= maxPrice) {
			report(at+".prompt", "not a price", "write the price of a million tokens, such as 2.5")
		}
	}
}

// safeURL says whether what is sent there crosses no network in clear.
func safeURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname()))
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// private says whether only this machine reaches the address.
func private(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return strings.HasPrefix(address, "unix:") || err == nil && isLoopback(host)
}

// ServerTLS reads the certificate; nil without one. It follows the files.
func (s *Settings) ServerTLS(logger *slog.Logger) (*tls.Config, error) {
	if s.TLS == nil {
		return nil, nil //nolint:nilnil // plain HTTP, which Check allows on private addresses
	}
	return httpd.FollowTLS([]string{s.TLS.Certificate, s.TLS.Key}, func() (*tls.Config, error) {
		cert, err := httpd.Certificate(s.TLS.Certificate, s.TLS.Key)
		if err != nil {
			return nil, err
		}
		return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2", "http/1.1"}}, nil
	}, logger)
}

// label is what people read.
func (m Model) label() string {
	if m.Label != "" {
		return m.Label
	}
	return m.Name
}

// cost is what tokens cost, in the model's currency.
func (m Model) cost(prompt, completion int64) float64 {
	return (float64(prompt)*m.Prompt + float64(completion)*m.Completion) / 1e6
}
