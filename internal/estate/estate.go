package estate

import (
	"io"
	"math"
	"strings"
)

// Estate is what was read. Its fields are for reading alone. Children stand
// both here and under their parents. An Estate keeps the document's text in
// memory; once read, it may be used by several goroutines.
type Estate struct {
	// Planned is true of a Terraform plan: what is absent there will be as
	// Azure or the provider makes it.
	Planned bool

	VirtualNetworks  []*VirtualNetwork
	Subnets          []*Subnet
	Peerings         []*Peering
	Interfaces       []*Interface
	VirtualMachines  []*VirtualMachine
	PublicIPs        []*PublicIP
	PublicIPPrefixes []*PublicIPPrefix
	NATGateways      []*NATGateway
	LoadBalancers    []*LoadBalancer

	Groups    []*Group
	AppGroups []*AppGroup

	NetworkManagers            []*NetworkManager
	NetworkGroups              []*NetworkGroup
	AdminConfigurations        []*AdminConfiguration
	ConnectivityConfigurations []*ConnectivityConfiguration

	RouteTables      []*RouteTable
	Firewalls        []*Firewall
	FirewallPolicies []*FirewallPolicy
	Gateways         []*Gateway
	LocalGateways    []*LocalGateway
	Connections      []*Connection

	PrivateEndpoints []*PrivateEndpoint
	PrivateZones     []*PrivateZone
	Resolvers        []*Resolver
	Rulesets         []*Ruleset

	Accounts        []*Account
	DeletedAccounts []*DeletedAccount
	Perimeters      []*Perimeter

	AppEnvironments []*AppEnvironment
	ContainerApps   []*ContainerApp
	WebApps         []*WebApp

	DiagnosticSettings []*DiagnosticSetting
	RoleAssignments    []*RoleAssignment
	RoleDefinitions    []*RoleDefinition
	KeyVaults          []*KeyVault
	Others             []*Other

	// Tags are the service tags whose prefixes are known.
	Tags *ServiceTags
	// Gaps are places that the reader could not see.
	Gaps []Gap
	// Conflicts are values that two documents of one id state differently.
	Conflicts []Conflict
	// Misread are values of the wrong kind, taken as unknown.
	Misread []At

	text  string
	byID  map[string]Thing
	marks []mark   // in the order of their places
	lists []string // pointers of the arrays that the resources stand in
	index lineIndex
}

// Gap is something that could not be read: an element {"id": …, "error": …}
// in place of a resource or of all below a scope, or a page that was not
// followed.
type Gap struct {
	ID   string // the scope that could not be read; empty where it is not known
	Code string // for example AuthorizationFailed
	At   At
}

// Conflict is a value stated twice, differently.
type Conflict struct {
	ID            string
	First, Second At
}

// Options bounds the reading.
type Options struct {
	// MaxBytes is the longest document accepted. Zero means 256 MiB; more than
	// 4 GiB is cut to that.
	MaxBytes int64
	// MaxDepth is the deepest nesting of arrays and objects accepted. Zero
	// means 64.
	MaxDepth int
	// Tags replaces the embedded snapshot of service tags. Nil means that.
	Tags *ServiceTags
}

func (o Options) depth() int {
	if o.MaxDepth <= 0 {
		return 64
	}
	return o.MaxDepth
}

func (o Options) bytes() int64 {
	if o.MaxBytes <= 0 {
		return 256 << 20
	}
	return min(o.MaxBytes, math.MaxUint32-2)
}

// Read reads an ARM document or the output of terraform show -json, whichever
// it is. An ARM document is an array of resources as ARM returns them, or an
// object that holds one under "value" or "resources".
//
// Errors are *fault.Error: TooLarge over a bound of Options, Invalid for
// anything that is no such document, with the byte or the pointer.
func Read(r io.Reader, o Options) (*Estate, error) {
	text, err := readAll(r, o)
	if err != nil {
		return nil, err
	}
	if looksPlanned(text, o) {
		return readPlan(text, o)
	}
	return readARM(text, o)
}

// ReadARM reads an ARM document, see Read.
func ReadARM(r io.Reader, o Options) (*Estate, error) {
	text, err := readAll(r, o)
	if err != nil {
		return nil, err
	}
	return readARM(text, o)
}

// ReadPlan reads the output of terraform show -json, see Read.
func ReadPlan(r io.Reader, o Options) (*Estate, error) {
	text, err := readAll(r, o)
	if err != nil {
		return nil, err
	}
	return readPlan(text, o)
}

// Find is the resource of an id, compared without case, or of an address in a
// plan; nil where there is none. Rules and routes are found in their tables.
func (e *Estate) Find(id string) Thing { return e.byID[fold(id)] }

// Missing is the gap that hides id: its own, or that of a scope around it.
// Nil where none does.
func (e *Estate) Missing(id string) *Gap {
	id = fold(id)
	for i := range e.Gaps {
		scope := fold(e.Gaps[i].ID)
		if rest, ok := strings.CutPrefix(id, scope); ok && scope != "" && (rest == "" || rest[0] == '/') {
			return &e.Gaps[i]
		}
	}
	return nil
}

// Veiled reports whether a part of the resource may not have been read: a gap
// lies on it, around it or below it.
func (e *Estate) Veiled(id string) bool {
	if len(e.Gaps) == 0 {
		return false
	}
	below := fold(id) + "/"
	for i := range e.Gaps {
		if strings.HasPrefix(fold(e.Gaps[i].ID), below) {
			return true
		}
	}
	return e.Missing(id) != nil
}

// fold makes ids comparable: ARM compares them without case.
func fold(id string) string { return strings.ToLower(strings.TrimSuffix(id, "/")) }
