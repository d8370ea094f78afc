package emulator

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/ostiary/ostiary/internal/arm"
	"github.com/ostiary/ostiary/internal/cloud"
	"github.com/ostiary/ostiary/internal/secret"
)

const (
	managedAccount    = "Microsoft.CognitiveServices/accounts"
	managedDeployment = managedAccount + "/deployments"
)

// resources is what the data plane asks of the Resource Manager.
type resources interface {
	List(typ string) []arm.Resource
	Keys(id string) [2]secret.String
	MayDo(objectID, action string, data bool, scope string) bool
	Version() uint64
}

// managed is what an account has of the Resource Manager.
type managed struct {
	resources resources
	id        string
	document  map[string]any
}

// liveAccounts is the Resource Manager's accounts by subdomain, read again when
// it has changed. Quotas outlive a change: they belong to a deployment and its
// capacity.
type liveAccounts struct {
	resources resources
	limits    bool

	mu      sync.Mutex
	read    bool
	version uint64
	named   map[string]*account
	quotas  map[string]*quota
}

// network is the data plane as the places of a network meet it: accounts of the
// Resource Manager first, then those of the settings, each behind its own
// network settings by the cloud.Origin of the request. limits makes the
// capacity of managed deployments count.
func (d *dataPlane) network(r resources, limits bool) http.Handler {
	plane := *d
	plane.live = &liveAccounts{resources: r, limits: limits, quotas: map[string]*quota{}}
	return &front{dataPlane: &plane, name: "network", network: true}
}

// find is the account of a subdomain, or nil.
func (l *liveAccounts) find(subdomain string) *account {
	l.mu.Lock()
	defer l.mu.Unlock()
	version := l.resources.Version() // before reading: a change between costs one reading more
	if !l.read || version != l.version {
		l.refresh()
		l.read, l.version = true, version
	}
	return l.named[strings.ToLower(subdomain)]
}

func (l *liveAccounts) refresh() {
	l.named = map[string]*account{}
	byID := map[string]*account{}
	for _, r := range l.resources.List(managedAccount) {
		if kind := textOf(r.Body, "kind"); !strings.EqualFold(kind, "OpenAI") && !strings.EqualFold(kind, "AIServices") {
			continue
		}
		a := l.account(r)
		byID[strings.ToLower(r.ID)] = a
		if a.Name != "" {
			l.named[strings.ToLower(a.Name)] = a
		}
	}
	kept := map[string]*quota{}
	for _, r := range l.resources.List(managedDeployment) {
		parent, name, _ := strings.Cut(strings.ToLower(r.ID), "/deployments/")
		if a := byID[parent]; a != nil && name != "" {
			l.deploy(a, r, kept)
		}
	}
	l.quotas = kept
}

// account reads the document of one. Its name is the subdomain: without one it
// has no name of its own to answer at.
func (l *liveAccounts) account(r arm.Resource) *account {
	properties := objectOf(r.Body, "properties")
	keys := l.resources.Keys(r.ID)
	disabled, _ := properties["disableLocalAuth"].(bool)
	return &account{
		Account: Account{
			Name:             textOf(properties, "customSubDomainName"),
			DisableLocalAuth: disabled, Region: displayRegion(r.Location),
		},
		key: keys[0], second: keys[1], deployments: map[string]*deployment{},
		managed: &managed{l.resources, r.ID, r.Body},
	}
}

func (l *liveAccounts) deploy(a *account, r arm.Resource, kept map[string]*quota) {
	asked := objectOf(objectOf(r.Body, "properties"), "model")
	m := modelCalled(textOf(asked, "name"))
	version := cmp.Or(textOf(asked, "version"), m.versions[0])
	capacity := 0
	if n, ok := numberOf(objectOf(r.Body, "sku"), "capacity"); ok && l.limits {
		capacity = max(1, n)
	}
	key := fmt.Sprintf("%s %d", strings.ToLower(r.ID), capacity)
	if kept[key] = l.quotas[key]; kept[key] == nil {
		kept[key] = newQuota(capacity)
	}
	a.deployments[r.Name] = &deployment{
		Deployment: Deployment{Name: r.Name, Model: m.name, Version: version}, model: m, quota: kept[key],
	}
}

// displayRegion is how x-ms-region tells a location, for the ones that were
// seen; the others as they are.
func displayRegion(location string) string {
	switch strings.ToLower(strings.ReplaceAll(location, " ", "")) {
	case "eastus":
		return "East US"
	case "eastus2":
		return "East US 2"
	case "swedencentral":
		return "Sweden Central"
	case "westeurope":
		return "West Europe"
	}
	return location
}

// objectOf, textOf and numberOf read one member of a document.
func objectOf(d map[string]any, name string) map[string]any {
	v, _ := d[name].(map[string]any)
	return v
}

func textOf(d map[string]any, name string) string {
	v, _ := d[name].(string)
	return v
}

func numberOf(d map[string]any, name string) (int, bool) {
	switch v := d[name].(type) {
	case float64:
		return int(v), true
	case int:
		return v, true
	}
	return 0, false
}

// origin is by what way a call came: as the context says in a network, and on
// the two fronts as the front does.
func (f *front) origin(c *call) cloud.Origin {
	if f.network {
		return cloud.OriginOf(c.Context())
	}
	return cloud.Origin{Private: !f.public}
}
