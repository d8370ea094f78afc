package emulator

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/ostiary/ostiary/internal/secret"
)

// Settings are the emulator's section of a configuration file. The zero value
// is a working emulator: one private account with two deployments, and a
// directory with one application.
type Settings struct {
	ListenPublic  string        `yaml:"listen_public" doc:"address of the public front, where the internet arrives; default 127.0.0.1:8441"`
	ListenPrivate string        `yaml:"listen_private" doc:"address of the private front, where a private endpoint leads; default 127.0.0.1:8442"`
	ListenIssuer  string        `yaml:"listen_issuer" doc:"address of the token issuer; default 127.0.0.1:8443"`
	IssuerURL     string        `yaml:"issuer_url" doc:"https URL that tokens and discovery name; default https:// and the issuer's address"`
	Hosts         []string      `yaml:"hosts" doc:"further names and addresses for the certificates of all three fronts"`
	State         string        `yaml:"state" doc:"directory of the certificate authority and the keys; default ostiary-emulator"`
	TokenDelay    time.Duration `yaml:"token_delay" doc:"pause between streamed tokens, at most 1m; default none"`
	Accounts      []Account     `yaml:"accounts" doc:"Azure OpenAI accounts; default one, ostiary-demo"`
	Directory     Directory     `yaml:"directory" doc:"the Entra tenant that issues tokens"`
	Network       *Network      `yaml:"network" doc:"an Azure around the accounts: Resource Manager, services, places in a network; default none"`
}

// Account is one Azure OpenAI resource.
type Account struct {
	Name                string       `yaml:"name" config:"required" doc:"subdomain of the account: NAME.openai.azure.com"`
	Key                 secret.Ref   `yaml:"key" doc:"where the account's key is kept; default NAME.key in the state directory, made once"`
	PublicNetworkAccess bool         `yaml:"public_network_access" doc:"whether the public front serves it; default no: it answers 403"`
	DisableLocalAuth    bool         `yaml:"disable_local_auth" doc:"refuse keys and take tokens alone; default no"`
	Region              string       `yaml:"region" doc:"display name of the region; default East US"`
	OpenAIUsers         []string     `yaml:"openai_users" doc:"names of the applications that hold Cognitive Services OpenAI User; default all"`
	Deployments         []Deployment `yaml:"deployments" doc:"model deployments; default gpt-4o-mini and text-embedding-3-small"`
}

// Deployment is a model under a name of the account's choice.
type Deployment struct {
	Name    string `yaml:"name" config:"required" doc:"name that requests use"`
	Model   string `yaml:"model" doc:"model of the catalogue; default the deployment's name"`
	Version string `yaml:"version" doc:"model version; default the catalogue's newest"`
}

// Directory is the emulated Entra tenant.
type Directory struct {
	Tenant        string        `yaml:"tenant" doc:"tenant id; default 0b5f1a4e-6d1c-4c8e-9a52-3f7d2e9c1b60"`
	TokenLifetime time.Duration `yaml:"token_lifetime" doc:"life of an access token, 1m to 24h; default 1h"`
	DevicePoll    time.Duration `yaml:"device_poll" doc:"how long a device waits between two polls, 1s to 1m; default 5s"`
	Users         []User        `yaml:"users" doc:"people who can sign in by a click; default three sample people"`
	Groups        []Group       `yaml:"groups" doc:"security groups; default those of the sample people"`
	Apps          []App         `yaml:"apps" doc:"registered applications; default sample-app, ostiary-cli, ostiary-chat"`
	Resources     []Resource    `yaml:"resources" doc:"APIs beside Azure's own that tokens can be issued for; default api://ostiary-gateway and api://ostiary-chat"`
	Issuers       []Issuer      `yaml:"issuers" doc:"others' OIDC issuers, whose tokens federated credentials may name; default none"`
}

// User is a person of the directory. Nobody has a password: the sign-in page
// is for rehearsal.
type User struct {
	Login       string   `yaml:"login" config:"required" doc:"user principal name, such as one@sample.example"`
	DisplayName string   `yaml:"display_name" doc:"what the sign-in page shows; default the login"`
	ObjectID    string   `yaml:"object_id" doc:"object id, a GUID; default derived from login"`
	Groups      []string `yaml:"groups" doc:"names of groups, at most 200; default none"`
	Roles       []string `yaml:"roles" doc:"application roles that the person's tokens carry; default none"`
}

// Group is a security group.
type Group struct {
	Name     string `yaml:"name" config:"required" doc:"display name"`
	ObjectID string `yaml:"object_id" doc:"object id, a GUID, as tokens carry it; default derived from name"`
}

// App is an application with its service principal.
type App struct {
	Name         string     `yaml:"name" config:"required" doc:"display name"`
	ClientID     string     `yaml:"client_id" config:"required" doc:"application id, a GUID"`
	ObjectID     string     `yaml:"object_id" doc:"the service principal's object id, a GUID; default derived from client_id"`
	Secret       secret.Ref `yaml:"secret" doc:"where the client secret is kept; default NAME.secret in the state directory, made once"`
	Public       bool       `yaml:"public" doc:"an application without a secret, on people's own machines; default no"`
	RedirectURIs []string   `yaml:"redirect_uris" doc:"where people may be sent back to; of public applications any port of http://localhost or http://127.0.0.1 will do; default none"`
	Roles        []string   `yaml:"roles" doc:"application roles that its tokens carry; default none"`
}

// Resource is an API that tokens are issued for.
type Resource struct {
	URI          string   `yaml:"uri" config:"required" doc:"application ID URI, without a trailing slash"`
	AppID        string   `yaml:"app_id" config:"required" doc:"application id, a GUID: the audience of version 2 tokens"`
	TokenVersion int      `yaml:"token_version" doc:"accessTokenAcceptedVersion, 1 or 2; default 1, as Azure takes null"`
	Scopes       []string `yaml:"scopes" doc:"what people can let an application do there; default user_impersonation"`

	known map[string][]string // of one that Graph made: applications that people need not be asked about, and for which scopes
}

// The two APIs that Azure OpenAI's tokens are for. Neither sets
// accessTokenAcceptedVersion, so the v2 endpoint gives version 1 tokens.
const (
	cognitiveURI   = "https://cognitiveservices.azure.com"
	cognitiveAppID = "7d312290-28c8-473c-a0ed-8e53749b6d6d"
	foundryURI     = "https://ai.azure.com"
)

const (
	defaultTenant    = "0b5f1a4e-6d1c-4c8e-9a52-3f7d2e9c1b60"
	sampleClientID   = "5c1d7f02-94b3-4a6e-8d27-b0e6f3a81c45"
	gatewayAppID     = "e2a94d16-7b58-4f03-a1cc-6d90b8f4e273"
	maxTokenDelay    = time.Minute
	minTokenLifetime = time.Minute
	maxTokenLifetime = 24 * time.Hour
)

// withDefaults is a copy with every default filled in; s itself and what it
// points at stay as they are.
func (s Settings) withDefaults() Settings {
	s.ListenPublic = cmp.Or(s.ListenPublic, "127.0.0.1:8441")
	s.ListenPrivate = cmp.Or(s.ListenPrivate, "127.0.0.1:8442")
	s.ListenIssuer = cmp.Or(s.ListenIssuer, "127.0.0.1:8443")
	s.State = cmp.Or(s.State, "ostiary-emulator")
	s.Accounts = slices.Clone(s.Accounts)
	if len(s.Accounts) == 0 {
		s.Accounts = []Account{{Name: "ostiary-demo"}}
	}
	for i := range s.Accounts {
		s.Accounts[i] = s.Accounts[i].withDefaults()
	}
	s.Directory = s.Directory.withDefaults()
	if s.Network != nil {
		network := s.Network.withDefaults()
		s.Network, s.Directory = &network, s.Directory.withOwner()
	}
	return s
}

func (a Account) withDefaults() Account {
	a.Region = cmp.Or(a.Region, "East US")
	a.Deployments = slices.Clone(a.Deployments)
	if len(a.Deployments) == 0 {
		a.Deployments = []Deployment{{Name: "gpt-4o-mini"}, {Name: "text-embedding-3-small"}}
	}
	for i := range a.Deployments {
		d := &a.Deployments[i]
		d.Model = cmp.Or(d.Model, d.Name)
		if m, ok := findModel(d.Model); ok {
			d.Version = cmp.Or(d.Version, m.versions[0])
		}
	}
	return a
}

func (d Directory) withDefaults() Directory {
	d.Tenant = cmp.Or(d.Tenant, defaultTenant)
	d.TokenLifetime = cmp.Or(d.TokenLifetime, time.Hour)
	d.DevicePoll = cmp.Or(d.DevicePoll, 5*time.Second)
	d.Apps, d.Resources = slices.Clone(d.Apps), slices.Clone(d.Resources)
	if len(d.Apps) == 0 {
		d.Apps = SampleApps()
	}
	for i := range d.Apps {
		d.Apps[i].ObjectID = cmp.Or(d.Apps[i].ObjectID, derivedGUID("principal", d.Apps[i].ClientID))
	}
	if len(d.Resources) == 0 {
		d.Resources = []Resource{
			{URI: "api://ostiary-gateway", AppID: gatewayAppID, TokenVersion: 2},
			{URI: "api://ostiary-chat", AppID: chatClientID, TokenVersion: 2},
		}
	}
	for i := range d.Resources {
		r := &d.Resources[i]
		r.TokenVersion = cmp.Or(r.TokenVersion, 1)
		if len(r.Scopes) == 0 {
			r.Scopes = []string{impersonation}
		}
	}
	return d.withPeople()
}

// Names end up in file names, host names and paths: nothing but these.
var (
	accountName    = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}[a-z0-9]$`) })
	appName        = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$`) })
	deploymentName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`) })
	guid           = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
)

// Check reports everything that is wrong with the settings.
func (s Settings) Check(report func(path, what, fix string)) {
	s = s.withDefaults()
	for _, listen := range []struct{ path, addr string }{
		{"listen_public", s.ListenPublic}, {"listen_private", s.ListenPrivate}, {"listen_issuer", s.ListenIssuer},
	} {
		if _, _, err := net.SplitHostPort(listen.addr); err != nil {
			report(listen.path, "not an address", "write HOST:PORT, for example 127.0.0.1:8441")
		}
	}
	if u, err := url.Parse(s.IssuerURL); s.IssuerURL != "" && (err != nil || u.Scheme != "https" || u.Host == "" || u.Path != "") {
		report("issuer_url", "not an https URL of a host alone", "write https://HOST:PORT")
	}
	if s.TokenDelay < 0 || s.TokenDelay > maxTokenDelay {
		report("token_delay", "out of range", "use 0s to 1m")
	}
	s.checkAccounts(report)
	s.Directory.check(report)
	if s.Network != nil {
		s.Network.check(func(path, what, fix string) { report("network."+path, what, fix) })
	}
}

func (s Settings) checkAccounts(report func(path, what, fix string)) {
	accounts := unique{}
	for i, a := range s.Accounts {
		at := fmt.Sprintf("accounts[%d]", i)
		if !accountName().MatchString(a.Name) || !accounts.add(a.Name) {
			report(at+".name", "not a free account name", "use 2 to 64 of a-z, 0-9 and -, each name once")
		}
		deployments := unique{}
		for j, d := range a.Deployments {
			at := fmt.Sprintf("%s.deployments[%d]", at, j)
			if !deploymentName().MatchString(d.Name) || !deployments.add(d.Name) {
				report(at+".name", "not a free deployment name", "use 1 to 64 of letters, digits, . _ and -, each name once")
			}
			if m, ok := findModel(d.Model); !ok {
				report(at+".model", "no such model in the catalogue", "use one of "+modelNames())
			} else if !slices.Contains(m.versions, d.Version) {
				report(at+".version", "no such version of "+d.Model, fmt.Sprintf("use one of %v", m.versions))
			}
		}
		for j, name := range a.OpenAIUsers {
			if !slices.ContainsFunc(s.Directory.Apps, func(app App) bool { return app.Name == name }) {
				report(fmt.Sprintf("%s.openai_users[%d]", at, j), "no such application", "name one of directory.apps")
			}
		}
	}
}

func (d Directory) check(report func(path, what, fix string)) {
	if !guid.MatchString(d.Tenant) {
		report("directory.tenant", "not a GUID", "write it in lower case with hyphens")
	}
	if d.TokenLifetime < minTokenLifetime || d.TokenLifetime > maxTokenLifetime {
		report("directory.token_lifetime", "out of range", "use 1m to 24h")
	}
	names, ids := unique{}, unique{}
	for i, a := range d.Apps {
		at := fmt.Sprintf("directory.apps[%d]", i)
		if !appName().MatchString(a.Name) || !names.add(a.Name) {
			report(at+".name", "not a free application name", "use 1 to 63 of letters, digits, _ and -, each name once")
		}
		if !guid.MatchString(a.ClientID) || !ids.add(a.ClientID) {
			report(at+".client_id", "not a free GUID", "write it in lower case with hyphens, each id once")
		}
		if !guid.MatchString(a.ObjectID) {
			report(at+".object_id", "not a GUID", "write it in lower case with hyphens")
		}
		a.check(at, report)
	}
	d.checkPeople(report)
	d.checkIssuers(report)
	for i, r := range d.Resources {
		at := fmt.Sprintf("directory.resources[%d]", i)
		if u, err := url.Parse(r.URI); err != nil || u.Scheme == "" || u.Host == "" {
			report(at+".uri", "not an application ID URI", "write api://NAME or https://HOST")
		}
		if !guid.MatchString(r.AppID) {
			report(at+".app_id", "not a GUID", "write it in lower case with hyphens")
		}
		if r.TokenVersion != 1 && r.TokenVersion != 2 {
			report(at+".token_version", "not a token version", "use 1 or 2")
		}
		for j, scope := range r.Scopes {
			if !scopeName().MatchString(scope) {
				report(fmt.Sprintf("%s.scopes[%d]", at, j), "not a scope's name", "use letters, digits, . _ and -, without the API's URI")
			}
		}
	}
}

// unique remembers what was seen.
type unique map[string]bool

func (u unique) add(s string) bool {
	seen := u[s]
	u[s] = true
	return !seen
}
