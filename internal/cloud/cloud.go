package cloud

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/ostiary/ostiary/internal/arm"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/secret"
)

// ResourceManager is what is asked of the emulated Resource Manager.
type ResourceManager interface {
	Get(id string) (arm.Resource, bool)
	List(typ string) []arm.Resource
	Keys(id string) [2]secret.String
	MayDo(objectID, action string, data bool, scope string) bool
	Changed() <-chan struct{} // closed at the next change
}

// Config is what New needs.
type Config struct {
	ARM    ResourceManager
	Dir    string                            // where contents are kept; made with mode 0700
	Verify func(token string) (Caller, bool) // checks a bearer token; nil accepts none
	People func() []Principal                // the directory's people, groups and service principals; nil is none
	Tenant string                            // the directory's id
	Login  string                            // base URL that challenges name; empty is https://login.microsoftonline.com
	Now    func() time.Time                  // nil is time.Now
	Logger *slog.Logger                      // nil discards
}

// Caller is whom a verified token speaks for.
type Caller struct {
	ObjectID, AppID, Tenant, Issuer string
	Audience                        []string
	Groups                          []string // object ids
}

// may asks for a role assignment of the caller, or of a group it is in.
func (c *Cloud) may(who Caller, action string, data bool, scope string) bool {
	if c.arm.MayDo(who.ObjectID, action, data, scope) {
		return true
	}
	for _, g := range who.Groups {
		if c.arm.MayDo(g, action, data, scope) {
			return true
		}
	}
	return false
}

// Cloud is the handler of all four services.
type Cloud struct {
	arm    ResourceManager
	verify func(string) (Caller, bool)
	tenant string
	login  string
	now    func() time.Time
	log    *slog.Logger

	contents   *contents
	vaults     *vaults
	blobs      *blobs
	registries *registries
	graph      *graph
}

// New opens what Dir holds.
func New(cfg Config) (*Cloud, error) {
	if cfg.ARM == nil || cfg.Dir == "" {
		return nil, fault.New(fault.Internal, "the emulated services need a Resource Manager and a directory")
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fault.New(fault.Invalid, "cannot make the directory of the emulated services").At(cfg.Dir).Because(err)
	}
	c := &Cloud{
		arm: cfg.ARM, verify: cfg.Verify, tenant: cfg.Tenant,
		login: cmp.Or(strings.TrimSuffix(cfg.Login, "/"), "https://login.microsoftonline.com"),
		now:   cfg.Now, log: cfg.Logger,
	}
	if c.verify == nil {
		c.verify = func(string) (Caller, bool) { return Caller{}, false }
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	people := cfg.People
	if people == nil {
		people = func() []Principal { return nil }
	}
	var err error
	if c.contents, err = openContents(cfg.Dir); err != nil {
		return nil, err
	}
	if c.vaults, err = openVaults(c, cfg.Dir); err != nil {
		return nil, err
	}
	if c.blobs, err = openBlobs(c, cfg.Dir); err != nil {
		return nil, err
	}
	if c.registries, err = openRegistries(c, cfg.Dir); err != nil {
		return nil, err
	}
	if c.graph, err = openGraph(c, cfg.Dir, people); err != nil {
		return nil, err
	}
	return c, c.contents.sweep(c.blobs.digests(), c.registries.digests())
}

// ServeHTTP picks the service by the host that the client names.
func (c *Cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host := hostOf(r.Host)
	label, domain, _ := strings.Cut(host, ".")
	started := c.now()
	seen := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	switch {
	case host == "graph.microsoft.com":
		c.graph.ServeHTTP(seen, r)
	case domain == "vault.azure.net":
		c.vaults.serve(seen, r, label)
	case domain == "blob.core.windows.net":
		c.blobs.serve(seen, r, label)
	case domain == "azurecr.io":
		c.registries.serve(seen, r, label)
	default:
		http.Error(seen, "The emulated Azure has no service at this host name.", http.StatusMisdirectedRequest)
	}
	c.log.Info("cloud call", "host", host, "method", r.Method, "status", seen.status, "duration", c.now().Sub(started))
}

func hostOf(hostport string) string {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// find is the resource of a type whose name is the host's first label.
func (c *Cloud) find(typ, name string) (arm.Resource, bool) {
	for _, r := range c.arm.List(typ) {
		if strings.EqualFold(r.Name, name) {
			return r, true
		}
	}
	return arm.Resource{}, false
}

// keyOf is the name of a resource's state.
func keyOf(r arm.Resource) string { return strings.ToLower(r.ID) }

// Run drops the state of resources that are deleted, as they are, until ctx
// ends. Without it an account that is deleted and made again has the old one's
// contents. A vault's secrets stay while it can be recovered.
func (c *Cloud) Run(ctx context.Context) error {
	for {
		changed := c.arm.Changed() // before looking, or a change between would be missed
		if err := c.prune(); err != nil {
			c.log.Error("the state of deleted resources could not be dropped", "error", err)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}

func (c *Cloud) prune() error {
	there := map[string]bool{}
	for _, typ := range []string{storageType, registryType, vaultType} {
		for _, r := range c.arm.List(typ) {
			there[keyOf(r)] = true
		}
	}
	for _, r := range c.arm.List(deletedVaultType) {
		there[strings.ToLower(text(object(r.Body, "properties"), "vaultId"))] = true
	}
	return errors.Join(c.blobs.prune(there), c.registries.prune(there), c.vaults.prune(there))
}

// bearer verifies the token of a request for one of the audiences. given says
// whether there was a token at all.
func (c *Cloud) bearer(r *http.Request, audiences ...string) (who Caller, given, ok bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return Caller{}, false, false
	}
	who, ok = c.verify(token)
	return who, true, ok && meant(who.Audience, audiences)
}

// meant compares audiences as Azure does: without case and trailing slashes.
func meant(got, wanted []string) bool {
	for _, g := range got {
		for _, w := range wanted {
			if strings.EqualFold(strings.TrimRight(g, "/"), w) {
				return true
			}
		}
	}
	return false
}

// statusWriter remembers the status for the log.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
