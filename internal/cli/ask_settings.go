package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/ostiary/ostiary/internal/config"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/secret"
	"github.com/ostiary/ostiary/internal/signin"
)

// personFlags are what login and ask share. A flag counts before a variable of
// the environment, and that before the file.
type personFlags struct {
	Config    string `env:"OSTIARY_ASK_CONFIG" placeholder:"FILE" help:"File of settings (~/.config/ostiary/ask.yaml)."`
	Gateway   string `env:"OSTIARY_GATEWAY" placeholder:"URL" help:"Base URL of the gateway, or of an inlet."`
	CA        string `name:"ca" env:"OSTIARY_CA" placeholder:"FILE" help:"PEM file of the only authority trusted for the gateway."`
	Tenant    string `env:"OSTIARY_TENANT" placeholder:"ID" help:"Entra tenant to sign in to."`
	Authority string `env:"OSTIARY_AUTHORITY" placeholder:"URL" help:"Login service; Microsoft's public one without it."`
	ClientID  string `env:"OSTIARY_CLIENT_ID" placeholder:"ID" help:"Public application to sign in to."`
	Scope     string `env:"OSTIARY_SCOPE" placeholder:"SCOPE" help:"What the token is for (api://ostiary-gateway/user_impersonation)."`
	LoginCA   string `name:"login-ca" env:"OSTIARY_LOGIN_CA" placeholder:"FILE" help:"PEM file of the only authority trusted for the login service."`
}

// askSettings is ask.yaml.
type askSettings struct {
	Gateway string          `yaml:"gateway" doc:"base URL of the gateway, or of an inlet"`
	CA      string          `yaml:"ca" doc:"PEM file of the only authority trusted for it; default the system's"`
	Model   string          `yaml:"model" doc:"deployment to ask"`
	System  string          `yaml:"system" doc:"system prompt; default none"`
	Key     secret.Ref      `yaml:"key" doc:"a gateway key, env:NAME or file:PATH, in place of signing in"`
	Login   signin.Settings `yaml:"login" doc:"where to sign in"`

	home string // directory of the settings and the tokens
}

// Check reports what the types cannot.
func (s *askSettings) Check(report func(path, what, fix string)) {
	if s.Gateway != "" && !reachableSafely(s.Gateway) {
		report("gateway", "not an https URL", "write https://HOST, or http:// for this machine alone")
	}
}

// reachableSafely says whether a credential may be sent there: over TLS, or to
// the same machine.
func reachableSafely(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}

// file is where the settings are.
func (f personFlags) file() (string, error) {
	if f.Config != "" {
		return f.Config, nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fault.New(fault.Invalid, "there is no directory for settings").Fix("set HOME, or give --config FILE").Because(err)
	}
	return filepath.Join(dir, "ostiary", "ask.yaml"), nil
}

// settings puts flags, environment and file together. A file that was not
// named may be absent.
func (f personFlags) settings() (askSettings, error) {
	var s askSettings
	path, err := f.file()
	if err != nil {
		return s, err
	}
	err = config.Load(path, &s, config.Options{SkipSecrets: true}) // the key is read when it is needed
	if err != nil && (fault.KindOf(err) != fault.NotFound || f.Config != "" && !f.given()) {
		return s, err
	}
	s.home = filepath.Dir(path)
	s.Gateway, s.CA = cmp.Or(f.Gateway, s.Gateway), cmp.Or(f.CA, s.CA)
	l := &s.Login
	if f.Tenant != "" {
		l.Issuer = "" // a tenant given by hand counts before an issuer of the file
	}
	l.Tenant, l.Authority, l.ClientID = cmp.Or(f.Tenant, l.Tenant), cmp.Or(f.Authority, l.Authority), cmp.Or(f.ClientID, l.ClientID)
	l.Scope, l.CA = cmp.Or(f.Scope, l.Scope), cmp.Or(f.LoginCA, l.CA)
	return s, s.problem()
}

// given says whether the flags say where to go: a file that is still to be
// written may then be absent.
func (f personFlags) given() bool { return f.Gateway+f.Tenant != "" }

// problem is for what came by flags, which no file's check has seen.
func (s *askSettings) problem() (err error) {
	s.Check(func(path, what, fix string) {
		if err == nil {
			err = fault.New(fault.Invalid, what).At("--" + path).Fix(fix)
		}
	})
	return err
}

// signIn is the person's login, whose tokens lie beside the settings.
func (s askSettings) signIn() (*signin.SignIn, error) {
	return signin.New(signin.Config{Settings: s.Login, Cache: filepath.Join(s.home, "tokens.json")})
}

// write makes the file, and says whether it did: one that is there stays.
func (s askSettings) write(path string) (bool, error) {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	var b strings.Builder
	b.WriteString("# Settings of 'ostiary ask' and 'ostiary login'. No secrets.\n")
	line := func(indent, key, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s%s: %q\n", indent, key, value)
		}
	}
	line("", "gateway", s.Gateway)
	line("", "ca", absolute(s.CA))
	line("", "model", s.Model)
	b.WriteString("login:\n")
	line("  ", "tenant", s.Login.Tenant)
	line("  ", "authority", s.Login.Authority)
	line("  ", "issuer", s.Login.Issuer)
	line("  ", "client_id", s.Login.ClientID)
	line("  ", "scope", s.Login.Scope)
	line("  ", "ca", absolute(s.Login.CA))
	return true, pki.WriteFile(path, []byte(b.String()), 0o600)
}

// absolute keeps a file that was named from one directory good in another.
func absolute(path string) string {
	if path == "" {
		return ""
	}
	if whole, err := filepath.Abs(path); err == nil {
		return whole
	}
	return path
}
