package emulator

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ostiary/ostiary/docs"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/secret"
)

// Config is what New needs. The zero value listens on the default addresses.
type Config struct {
	Settings Settings

	// Ready listeners, in place of the addresses in Settings. They are closed
	// when Run ends, or by Close.
	Public, Private, Issuer net.Listener
	Places, Page            net.Listener // of the network, where the settings have one

	Documents  fs.FS                 // what answers are quoted from, *.md at the root; nil is Ostiary's own
	Now        func() time.Time      // nil is time.Now
	Logger     *slog.Logger          // nil discards
	Registerer prometheus.Registerer // nil registers no metric
}

// Emulator holds open listeners from New on; Run serves them.
type Emulator struct {
	settings Settings
	ca       *pki.CA
	fronts   []listening
	public   http.Handler
	private  http.Handler
	issuer   *issuer
	accounts []*account
	urls     URLs
	world    *world // nil without a network
	log      *slog.Logger
}

// URLs are the base URLs of the three fronts, without a trailing slash. With a
// network, Page is the URL of the page that draws it, and Places the address of
// the proxy; both are empty without.
type URLs struct{ Public, Private, Issuer, Page, Places string }

// New checks the settings, loads or makes the state, and opens the listeners.
// It does not build the index of documents: the first question does.
func New(cfg Config) (*Emulator, error) {
	settings := cfg.Settings.withDefaults()
	if err := problems(settings); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(settings.State, 0o700); err != nil {
		return nil, fault.New(fault.Invalid, "cannot make the emulator's state directory").At(settings.State).Because(err)
	}
	e := &Emulator{settings: settings, log: cfg.Logger}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	if err := e.start(cfg); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// start is New's second half: everything that may leave a listener open.
func (e *Emulator) start(cfg Config) (err error) {
	if e.ca, err = pki.LoadOrCreateCA(e.settings.State, "Ostiary emulator CA"); err != nil {
		return err
	}
	if err := e.listen(cfg); err != nil {
		return err
	}
	now := cfg.Now
	if now == nil {
		now = time.Now
	}
	if e.issuer, err = newIssuer(e.settings, e.urls.Issuer, now); err != nil {
		return err
	}
	if e.accounts, err = loadAccounts(e.settings); err != nil {
		return err
	}
	documents := cfg.Documents
	if documents == nil {
		documents = docs.Files
	}
	calls, err := newMetrics(cfg.Registerer)
	if err != nil {
		return err
	}
	plane := &dataPlane{
		accounts: e.accounts,
		hosts:    e.settings.Hosts,
		tokens:   e.issuer,
		stored:   newResponseStore(),
		corpus:   sync.OnceValue(func() *corpus { return newCorpus(documents) }),
		delay:    e.settings.TokenDelay,
		now:      now,
		log:      e.log,
		calls:    calls,
	}
	e.public = &front{dataPlane: plane, name: "public", public: true}
	e.private = &front{dataPlane: plane, name: "private"}
	for i, h := range []http.Handler{e.public, e.private, e.issuer} {
		e.fronts[i].handler = h
	}
	if e.settings.Network == nil {
		return nil
	}
	return e.newWorld(cfg, now, plane)
}

// problems joins what Check reports into one fault.
func problems(s Settings) error {
	var all []string
	s.Check(func(path, what, fix string) { all = append(all, path+": "+what+"; "+fix) })
	if len(all) == 0 {
		return nil
	}
	slices.Sort(all)
	return fault.New(fault.Invalid, strings.Join(all, "\n"))
}

// URLs tells where the fronts are.
func (e *Emulator) URLs() URLs { return e.urls }

// Public is the public front's handler; Private and Issuer are the others'.
func (e *Emulator) Public() http.Handler { return e.public }

// Private is the handler behind the private endpoint.
func (e *Emulator) Private() http.Handler { return e.private }

// Issuer is the token issuer's handler.
func (e *Emulator) Issuer() http.Handler { return e.issuer }

// CA is the certificate, in PEM, that clients of all three fronts must trust.
func (e *Emulator) CA() []byte { return e.ca.PEM() }

// CAFile is where that certificate lies.
func (e *Emulator) CAFile() string { return filepath.Join(e.settings.State, "ca.pem") }

// Key is the key of an account.
func (e *Emulator) Key(account string) (secret.String, error) {
	for _, a := range e.accounts {
		if a.Name == account {
			return a.key, nil
		}
	}
	return secret.String{}, fault.New(fault.NotFound, fmt.Sprintf("no account %q in the emulator", account))
}

// Credential is what an application signs in with.
type Credential struct {
	Tenant   string
	ClientID string
	ObjectID string
	Secret   secret.String
}

// App is the credential of an application of the directory.
func (e *Emulator) App(name string) (Credential, error) {
	for _, a := range e.issuer.apps {
		if a.Name == name {
			return Credential{e.settings.Directory.Tenant, a.ClientID, a.ObjectID, a.secret}, nil
		}
	}
	return Credential{}, fault.New(fault.NotFound, fmt.Sprintf("no application %q in the emulated directory", name))
}
