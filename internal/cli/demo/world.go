package demo

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"sync"

	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/seal"
	"github.com/ostiary/ostiary/internal/secret"
)

// World is a running demo.
type World struct {
	Dir         string // configuration files and state
	InletURL    string // what the consumer's clients call
	GatewayURL  string // what the owner's own people call
	OutsideURL  string // the model as the internet sees it
	ChatURL     string // the page of the owner's own people; empty with a real model, for there is no login service
	CAFile      string // what clients of all three must trust
	Model       string // deployment to ask
	Emulated    bool
	Addresses   map[string]string // of every listener, by name
	AuditorFile string            // the secret that opens what the ledger keeps sealed

	env        *node.Env // with a context of our own
	stop       context.CancelFunc
	running    sync.WaitGroup
	listeners  map[string]net.Listener
	roots      *x509.CertPool
	kind       string
	identity   seal.Identity // the auditor's
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
