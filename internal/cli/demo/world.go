package demo

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/ostiary/ostiary/internal/authority"
	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/cli/serve"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/gateway"
	"github.com/ostiary/ostiary/internal/httpd"
	"github.com/ostiary/ostiary/internal/membership"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/portal"
	"github.com/ostiary/ostiary/internal/relay"
	"github.com/ostiary/ostiary/internal/secret"
)

// World is a running demo.
type World struct {
	Dir        string // configuration files and state
	InletURL   string // what the consumer's clients call
	GatewayURL string // what the owner's own people call
	OutsideURL string // the model as the internet sees it
	CAFile     string // what clients of all three must trust
	Model      string // deployment to ask
	Emulated   bool
	Addresses  map[string]string // of every listener, by name

	env        *node.Env // with a context of our own
	stop       context.CancelFunc
	running    sync.WaitGroup
	listeners  map[string]net.Listener
	roots      *x509.CertPool
	kind       string
	outsideKey secret.String
	temporary  bool

	mu     sync.Mutex
	failed error // the first service that ended by itself
}

// Start brings everything up: listeners first, so that every address is known
// and nothing has to wait for anything else.
func Start(env *node.Env, o Options) (*World, error) {
	ctx, stop := context.WithCancel(env.Ctx)
	inner := *env
	inner.Ctx = ctx
	w := &World{env: &inner, stop: stop, Model: o.Model, Addresses: map[string]string{}, listeners: map[string]net.Listener{}}
	if err := w.start(o); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

func (w *World) start(o Options) error {
	if err := w.makeDir(o.State); err != nil {
		return err
	}
	for _, name := range []string{"authority", "relay", "gateway", "members", "inlet"} {
		if err := w.listen(name); err != nil {
			return err
		}
	}
	m, err := w.startModel(o)
	if err != nil {
		return err
	}
	if err := w.certify(); err != nil {
		return err
	}
	if err := errors.Join(w.writeFiles(m), w.rememberAddresses()); err != nil {
		return err
	}
	if err := w.startAuthority(); err != nil {
		return err
	}
	if err := w.enrollAll(); err != nil {
		return err
	}
	w.InletURL = "https://" + w.Addresses["inlet"]
	w.GatewayURL = "https://" + w.Addresses["gateway"]
	return w.startRest()
}

func (w *World) makeDir(dir string) (err error) {
	if dir == "" {
		w.temporary = true
		w.Dir, err = os.MkdirTemp("", "ostiary-demo-")
		return err
	}
	if w.Dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	return os.MkdirAll(w.Dir, 0o700)
}

// addressFile remembers every listener's address, so that a demo started again
// from its directory is found where it was: by a client's configuration, and
// by the members, which renew at the authority's address.
const addressFile = "addresses.json"

func (w *World) listen(name string) error {
	before := map[string]string{}
	if data, err := os.ReadFile(filepath.Join(w.Dir, addressFile)); err == nil {
		_ = json.Unmarshal(data, &before) // a damaged file costs the old ports, no more
	}
	ln, err := httpd.Listen(cmp.Or(before[name], "127.0.0.1:0"))
	if err != nil && before[name] != "" {
		ln, err = httpd.Listen("127.0.0.1:0")
	}
	if err != nil {
		return err
	}
	w.listeners[name], w.Addresses[name] = ln, ln.Addr().String()
	return nil
}

func (w *World) rememberAddresses() error {
	data, err := json.Marshal(w.Addresses)
	if err != nil {
		return err
	}
	return pki.WriteFile(filepath.Join(w.Dir, addressFile), data, 0o600)
}

// certify gives gateway and inlet certificates for their clients, from the
// rehearsal's authority, which stands for a company's own.
func (w *World) certify() error {
	dir := filepath.Join(w.Dir, "rehearsal")
	ca, err := pki.LoadOrCreateCA(dir, "Ostiary rehearsal CA")
	if err != nil {
		return err
	}
	w.CAFile, w.roots = filepath.Join(dir, "ca.pem"), pki.Pool(ca.Certificate())
	if !w.Emulated { // the model's own certificate is then a public one
		if system, err := x509.SystemCertPool(); err == nil {
			system.AddCert(ca.Certificate())
			w.roots = system
		}
	}
	for _, name := range []string{"gateway", "inlet"} {
		cert, err := ca.ServerCertificate("localhost", "127.0.0.1")
		if err != nil {
			return err
		}
		if err := w.storePair(name, cert); err != nil {
			return err
		}
	}
	return nil
}

func (w *World) storePair(name string, cert tls.Certificate) error {
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		return err
	}
	err = pki.WriteFile(filepath.Join(w.Dir, name+".key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600)
	if err != nil {
		return err
	}
	return pki.WriteFile(filepath.Join(w.Dir, name+".pem"), pki.CertificatePEM(cert.Certificate[0]), 0o644)
}

func (w *World) writeFiles(m model) error {
	values := map[string]string{"dir": w.Dir, "callers": m.callers, "workload": m.workload, "backend": m.backend}
	for name, address := range w.Addresses {
		values[name] = address
	}
	for name, template := range map[string]string{
		"authority": authorityYAML, "relay": relayYAML, "owner": ownerYAML, "consumer": consumerYAML,
	} {
		if err := write(w.Dir, name, template, values); err != nil {
			return err
		}
	}
	return nil
}

// run keeps a service going beside the others. One that ends before it is
// told to takes the whole demo down.
func (w *World) run(name string, service func(*node.Env) error) {
	w.running.Go(func() {
		err := service(w.env)
		if err == nil && w.env.Ctx.Err() != nil {
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.failed == nil {
			w.failed = fault.New(fault.Internal, "the "+name+" ended").Because(err)
		}
		w.stop()
	})
}

func (w *World) socket() string { return filepath.Join(w.Dir, "authority", "admin.sock") }

func (w *World) startAuthority() error {
	sections, err := load[struct {
		Authority *authority.Settings `yaml:"authority"`
	}](w.Dir, "authority")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(sections.Authority.Directory, 0o700); err != nil {
		return err
	}
	admin, err := httpd.Listen(sections.Authority.AdminAddress())
	if err != nil {
		return err
	}
	w.run("authority", func(env *node.Env) error {
		return node.Authority(env, *sections.Authority, w.listeners["authority"], admin)
	})
	return nil
}

// enrollAll makes a ticket for each member and redeems it, as an administrator
// and four machines would.
func (w *World) enrollAll() error {
	service := map[string]string{"service": "openai"}
	group, ctx := errgroup.WithContext(w.env.Ctx)
	for dir, req := range map[string]authority.TicketRequest{
		"relay":   {Role: pki.Relay, Name: "relay-1"},
		"gateway": {Role: pki.Gateway, Name: "ai-corp"},
		"outlet":  {Role: pki.Outlet, Name: "ai-corp", Attributes: service},
		"inlet":   {Role: pki.Inlet, Name: "health-corp", Attributes: map[string]string{"service": "openai", "team": "research"}},
	} {
		group.Go(func() error { return w.enroll(ctx, filepath.Join(w.Dir, "members", dir), req) })
	}
	return group.Wait()
}

func (w *World) enroll(ctx context.Context, dir string, req authority.TicketRequest) error {
	if _, err := os.Stat(filepath.Join(dir, "member.pem")); err == nil {
		return nil // an earlier demo with the same --state enrolled it
	}
	var answer authority.Ticket
	if err := node.CallAdmin(ctx, w.socket(), "POST", authority.TicketsPath, req, &answer); err != nil {
		return err
	}
	ticket, err := membership.ParseTicket(answer.Ticket)
	if err != nil {
		return err
	}
	_, err = membership.Enroll(ctx, ticket, dir)
	return err
}

// startRest starts what needs a membership.
func (w *World) startRest() error {
	between, err := load[struct {
		Relay *relay.Settings `yaml:"relay"`
	}](w.Dir, "relay")
	if err != nil {
		return err
	}
	owner, err := load[struct {
		Gateway *gateway.Settings      `yaml:"gateway"`
		Outlet  *portal.OutletSettings `yaml:"outlet"`
	}](w.Dir, "owner")
	if err != nil {
		return err
	}
	consumer, err := load[struct {
		Inlet *portal.InletSettings `yaml:"inlet"`
	}](w.Dir, "consumer")
	if err != nil {
		return err
	}
	w.run("relay", func(env *node.Env) error { return node.Relay(env, *between.Relay, w.listeners["relay"]) })
	w.run("gateway", func(env *node.Env) error {
		return serve.Gateway(env, *owner.Gateway, w.listeners["gateway"], w.listeners["members"])
	})
	w.run("outlet", func(env *node.Env) error { return node.Outlet(env, *owner.Outlet) })
	w.run("inlet", func(env *node.Env) error { return node.Inlet(env, *consumer.Inlet, w.listeners["inlet"]) })
	return nil
}

// Close stops everything, and removes the directory if it was temporary. It
// returns what made the demo fail, if anything did; calling it again is
// harmless.
func (w *World) Close() error {
	w.stop()
	w.running.Wait()
	for _, ln := range w.listeners {
		_ = ln.Close() // closed already where its service ran
	}
	if w.temporary && w.Dir != "" {
		_ = os.RemoveAll(w.Dir)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed
}
