package emulator

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/ostiary/ostiary/internal/arm"
	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/topology"
)

// history is the network as it was made, and as it has taken effect: a change
// is seen a set time after it was made.
type history struct {
	w *world

	mu      sync.Mutex
	version uint64 // of the last change that was read
	waiting []edition
	current edition
	count   uint64        // of editions that have taken effect
	changed chan struct{} // closed when current changes
}

// edition is the network as of one version of the Resource Manager.
type edition struct {
	since    time.Time // when it was made
	topology *topology.Topology
	accounts []arm.Resource
	sites    map[string]netip.Addr // what sites' DNS servers forward to
}

const (
	dnsTag = "ostiary-dns"
	// quiet is how long changes may gather before the page and open connections
	// hear of them: Terraform makes many at once.
	quiet = 50 * time.Millisecond
)

func newHistory(w *world) (*history, error) {
	h := &history{w: w, changed: make(chan struct{})}
	h.version = w.arm.Version()
	first, err := h.read()
	h.current = first
	return h, err
}

// read makes an edition of what the Resource Manager holds now.
func (h *history) read() (edition, error) {
	e, err := h.w.arm.Estate()
	if err != nil {
		return edition{}, err
	}
	servers, sites := h.w.resolvers(e)
	return edition{
		since:    h.w.now(),
		topology: topology.New(e, topology.Config{Servers: servers}),
		accounts: h.w.arm.List(managedAccount),
		sites:    sites,
	}, nil
}

// refresh reads what is new, and lets take effect what has waited for long
// enough.
func (h *history) refresh() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if v := h.w.arm.Version(); v != h.version {
		h.version = v
		next, err := h.read()
		if err != nil {
			h.w.log.Error("the network cannot be read", "err", err)
			return
		}
		h.waiting = append(h.waiting, next)
	}
	due := h.w.now().Add(-h.w.settings.Delay)
	for len(h.waiting) > 0 && !h.waiting[0].since.After(due) {
		h.current, h.waiting = h.waiting[0], h.waiting[1:]
		h.count++
		close(h.changed)
		h.changed = make(chan struct{})
	}
}

// at is the edition that is in effect.
func (h *history) at() edition {
	h.refresh()
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.current
}

// delayed is the Resource Manager with the accounts that are in effect: a change
// of their network settings takes its time too.
type delayed struct {
	*arm.Server
	history *history
}

// List is arm.Server's, but for accounts.
func (d delayed) List(typ string) []arm.Resource {
	if strings.EqualFold(typ, managedAccount) {
		return d.history.at().accounts
	}
	return d.Server.List(typ)
}

// Version grows with every change, and whenever one takes effect.
func (d delayed) Version() uint64 {
	d.history.refresh()
	d.history.mu.Lock()
	defer d.history.mu.Unlock()
	return d.Server.Version() + d.history.count
}

func (h *history) view() *topology.Topology { return h.at().topology }

// next is closed when another edition takes effect.
func (h *history) next() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.changed
}

// run reads changes as they are made, so that each begins to wait at once.
func (h *history) run(ctx context.Context) {
	for {
		changed := h.w.arm.Changed()
		h.refresh()
		pause := time.NewTimer(h.pause())
		select {
		case <-ctx.Done():
			pause.Stop()
			return
		case <-pause.C:
			continue
		case <-changed:
		}
		pause.Stop()
		select {
		case <-ctx.Done():
			return
		case <-time.After(quiet):
		}
	}
}

// pause is how long nothing will take effect by itself.
func (h *history) pause() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.waiting) == 0 {
		return time.Hour
	}
	return max(time.Millisecond, h.waiting[0].since.Add(h.w.settings.Delay).Sub(h.w.now()))
}

// resolvers are the custom DNS servers that settings and tags describe. No
// Resource Manager knows which programs run on a machine: the tag tells.
func (w *world) resolvers(e *estate.Estate) (servers []topology.Server, sites map[string]netip.Addr) {
	for _, s := range w.settings.DNSServers {
		server := topology.Server{Forward: map[string]netip.Addr{}}
		server.Addr, _ = netip.ParseAddr(s.Address) // checked before
		for domain, to := range s.Forward {
			server.Forward[domain], _ = netip.ParseAddr(to)
		}
		servers = append(servers, server)
	}
	for _, vm := range e.VirtualMachines {
		to, ok := w.dnsTagOf(vm.ID)
		if !ok {
			continue
		}
		for _, r := range vm.Interfaces.Items {
			if r.To == nil {
				continue
			}
			for _, ip := range r.To.IPs {
				if a, err := netip.ParseAddr(ip.Address.V); err == nil {
					servers = append(servers, topology.Server{Addr: a, Forward: map[string]netip.Addr{".": to}})
				}
			}
		}
	}
	sites = map[string]netip.Addr{}
	for _, l := range e.LocalGateways {
		if to, ok := w.dnsTagOf(l.ID); ok {
			sites[strings.ToLower(l.ID)] = to
		}
	}
	return servers, sites
}

func (w *world) dnsTagOf(id string) (netip.Addr, bool) {
	r, _ := w.arm.Get(id)
	tags, _ := r.Body["tags"].(map[string]any)
	for k, v := range tags {
		if s, ok := v.(string); ok && strings.EqualFold(k, dnsTag) {
			a, err := netip.ParseAddr(s)
			return a, err == nil
		}
	}
	return netip.Addr{}, false
}
