package emulator

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/ostiary/ostiary/internal/arm"
	"github.com/ostiary/ostiary/internal/cloud"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/place"
)

// ownerApp is the application that owns the emulated subscription.
const (
	ownerApp      = "sample-owner"
	ownerClientID = "d9b1a7c4-5e02-4c6f-8f1a-3b7e60c2d518"
)

// world is the emulated Azure as a network: what its Resource Manager holds is
// what its clients meet.
type world struct {
	settings  Network
	state     string
	arm       *arm.Server
	cloud     *cloud.Cloud
	issuer    *issuer
	openAI    http.Handler // the data plane, which asks by what way a call came
	static    []*account   // accounts of the settings: on the internet, in no network
	directory Directory
	places    *place.Server
	proxy     net.Listener // of the places
	history   *history
	pipes     *pipes
	front     *http.Server
	page      net.Listener
	tokens    http.Handler // of managed identities
	token     string       // of the page's own API
	log       *slog.Logger
	now       func() time.Time
}

// withOwner adds the application that owns the subscription.
func (d Directory) withOwner() Directory {
	for _, a := range d.Apps {
		if a.Name == ownerApp {
			return d
		}
	}
	d.Apps = append(d.Apps, App{Name: ownerApp, ClientID: ownerClientID, ObjectID: derivedGUID("principal", ownerClientID)})
	return d
}

// newWorld makes the network and opens its listeners. On an error the caller
// closes what was opened.
func (e *Emulator) newWorld(cfg Config, now func() time.Time, plane *dataPlane) error {
	w := &world{
		settings: *e.settings.Network, state: e.settings.State, issuer: e.issuer, static: e.accounts,
		directory: e.settings.Directory,
		log:       e.log, now: now, pipes: newPipes(), token: randomHex(16),
	}
	e.world = w
	file := filepath.Join(w.state, "azure.json")
	_, err := os.Stat(file)
	fresh := os.IsNotExist(err)
	w.arm, err = arm.New(arm.Config{
		Tenant: e.settings.Directory.Tenant, Subscription: w.settings.Subscription,
		Owner: derivedGUID("principal", ownerClientID), Verify: w.armCaller,
		Settle: w.settings.Settle, File: file, Now: now, Logger: w.log,
	})
	if err != nil {
		return err
	}
	if w.settings.Seed != "" && fresh {
		if err := w.seed(w.settings.Seed); err != nil {
			_ = os.Remove(file) // else the next start would take half of it for the whole
			return err
		}
	}
	w.cloud, err = cloud.New(cloud.Config{
		ARM: w.arm, Verify: w.cloudCaller, People: w.people, Tenant: e.settings.Directory.Tenant,
		Dir: filepath.Join(w.state, "cloud"), Now: now, Logger: w.log,
	})
	if err != nil {
		return err
	}
	w.issuer.made = w.cloud
	if w.history, err = newHistory(w); err != nil {
		return err
	}
	w.tokens = w.identityTokens(e)
	w.openAI = plane.network(delayed{w.arm, w.history}, w.settings.RateLimits)
	if w.front, err = w.newFront(e.ca); err != nil {
		return err
	}
	if err := w.listen(cfg); err != nil {
		return err
	}
	e.urls.Page, e.urls.Places = "http://"+w.page.Addr().String()+"/", w.places.Addr().String()
	return nil
}

func (w *world) listen(cfg Config) (err error) {
	open := func(name, addr string, ready net.Listener) net.Listener {
		if ready != nil || err != nil {
			return ready
		}
		var l net.Listener
		if l, err = net.Listen("tcp", addr); err != nil {
			err = fault.New(fault.Unavailable, "cannot listen for the "+name).At(addr).
				Fix("stop what listens there, or choose another address in the section network").Because(err)
		}
		return l
	}
	w.page = open("network's page", w.settings.ListenPage, cfg.Page)
	w.proxy = open("places", w.settings.Listen, cfg.Places)
	if err != nil {
		return err
	}
	w.places, err = place.New(place.Config{
		Listener: w.proxy, View: w.history.view, Changed: w.history.next, Cloud: w,
		OutsideRefuses: w.settings.Outside == outsideRefuses, Logger: w.log,
	})
	return err
}

// close closes the listeners of a world that will not run.
func (w *world) close() {
	for _, l := range []net.Listener{w.page, w.proxy} {
		if l != nil {
			_ = l.Close()
		}
	}
	w.pipes.close()
}

// run serves until ctx ends.
func (w *world) run(ctx context.Context) error {
	if err := w.announce(); err != nil {
		return err
	}
	defer w.retract()
	var group sync.WaitGroup
	defer group.Wait()
	group.Go(func() { w.history.run(ctx) })
	group.Go(func() { w.stand(ctx) })
	group.Go(func() { w.serveFront(ctx) })
	group.Go(func() { w.servePage(ctx) })
	group.Go(func() { _ = w.cloud.Run(ctx) })
	return w.places.Run(ctx)
}

// stand puts the services of the settings into the network. A place that is not
// there yet is waited for: Terraform may make it later.
func (w *world) stand(ctx context.Context) {
	left := w.settings.Services
	for len(left) > 0 {
		w.history.refresh()
		changed := w.history.next()
		var still []NetworkService
		for _, s := range left {
			_, err := w.places.Offer(place.Service{At: s.At, Port: s.Port, To: s.To}) // it stands until the end
			if err != nil {
				w.log.Info("a service does not stand in the network yet", "err", err)
				still = append(still, s)
			}
		}
		left = still
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}

// armCaller tells the Resource Manager who bears a token for it.
func (w *world) armCaller(token string) (arm.Caller, bool) {
	c, ok := w.issuer.verifyFor(token, "https://management.azure.com", "https://management.core.windows.net", "797f4846-ba00-4fd7-ba43-dac1f8f63013")
	return arm.Caller{ObjectID: c.ObjectID, AppID: strings.ToLower(c.AppID + c.AZP), Groups: c.Groups}, ok
}

// cloudCaller tells the other services, which look at the audience themselves.
func (w *world) cloudCaller(token string) (cloud.Caller, bool) {
	c, err := w.issuer.parse(token)
	return cloud.Caller{
		ObjectID: c.ObjectID, AppID: strings.ToLower(c.AppID + c.AZP), Tenant: c.Tenant, Issuer: c.Issuer,
		Audience: c.Audience, Groups: c.Groups,
	}, err == nil
}

// people are the directory's entries, as Graph shows them.
func (w *world) people() []cloud.Principal {
	var all []cloud.Principal
	for _, a := range w.directory.Apps {
		all = append(all, cloud.Principal{ObjectID: a.ObjectID, Kind: "servicePrincipal", Name: a.Name, AppID: a.ClientID})
	}
	members := map[string][]string{}
	for _, u := range w.directory.Users {
		all = append(all, cloud.Principal{ObjectID: u.ObjectID, Kind: "user", Name: u.DisplayName, SignIn: u.Login})
		for _, g := range u.Groups {
			members[g] = append(members[g], u.ObjectID)
		}
	}
	for _, g := range w.directory.Groups {
		all = append(all, cloud.Principal{ObjectID: g.ObjectID, Kind: "group", Name: g.Name, Members: members[g.Name]})
	}
	return all
}
