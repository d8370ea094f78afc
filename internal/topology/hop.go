package topology

import "github.com/ostiary/ostiary/internal/estate"

// Step is what kind of thing a Hop is.
type Step uint8

// The steps, in the order in which a packet meets them.
const (
	StepPlace     Step = iota // where it starts
	StepAdmin                 // security admin rules
	StepGroup                 // a network security group
	StepRoute                 // the route out of the source's subnet
	StepPeering               // a peering, or a connected group
	StepGateway               // a virtual network gateway
	StepAppliance             // a firewall or another appliance
	StepEndpoint              // the private endpoint's connection
	StepAccount               // the account's own network settings
	StepTarget                // where it ends
)

func (s Step) String() string {
	return [...]string{"place", "admin rule", "security group", "route", "peering", "gateway", "appliance", "private endpoint", "account", "target"}[s]
}

// Hop is one thing that had a say in a flow.
type Hop struct {
	Step    Step
	Verdict Verdict
	Note    Note
	Inbound bool      // of admin rules and groups: the destination's side
	ID      string    // the resource that spoke: a rule, group, route, peering, account
	Rule    string    // the name of the rule or route; one of Azure's own has no ID beyond its group's
	At      estate.At // where that was read
}

// Note says why a Hop says what it says.
type Note uint8

// The notes.
const (
	NoteRule Note = iota
	NoteRuleUnclear
	NoteNoGroup
	NoteGroupUnknown
	NoteGroupNotBinding
	NoteGroupPerhapsBinding
	NoteAdminOverrides
	NoteAdminExempt
	NoteLocal
	NotePeered
	NotePeeringDown
	NotePeeringUnclear
	NotePeeringShut
	NoteConnectedGroup
	NoteEndpointRoute
	NoteOwnRoute
	NoteRouteUnclear
	NoteNoRoute
	NoteDropped
	NoteAppliance
	NoteApplianceNotForwarding
	NoteGateway
	NoteNoTransit
	NoteInternetRoute
	NoteServiceEndpoint
	NoteNoEgress
	NoteEgressUnclear
	NoteApproved
	NoteNotApproved
	NoteApprovalUnclear
	NoteNotRouted
	NotePublicOff
	NotePublicOpen
	NotePublicUnclear
	NoteIPRule
	NoteNetworkRule
	NoteNoIPRule
	NotePerimeter
	NotePerimeterRule
	NotePerimeterDenies
	NotePerimeterUnclear
	NoteTrustedServices
	NoteUnseenNetwork
	NoteSourceUnclear
	NoteTargetUnknown
	NoteMixed
	NoteNoPublicAddress
	NoteNoNetwork
	NotePlatform
	NoteNobody
	NoteUnseenEndpoint
	NoteGhost
)

func (n Note) String() string {
	return [...]string{
		NoteRule:                   "the rule decides",
		NoteRuleUnclear:            "whether the rule matches cannot be told from the data",
		NoteNoGroup:                "no security group",
		NoteGroupUnknown:           "the security group was not read",
		NoteGroupNotBinding:        "the subnet's security group does not bind private endpoints: privateEndpointNetworkPolicies does not enable it",
		NoteGroupPerhapsBinding:    "whether the subnet's security group binds private endpoints is unknown",
		NoteAdminOverrides:         "an AlwaysAllow admin rule passes the security groups by",
		NoteAdminExempt:            "admin rules do not apply here",
		NoteLocal:                  "within the network",
		NotePeered:                 "through the peering",
		NotePeeringDown:            "the peering is not connected",
		NotePeeringUnclear:         "whether the peering carries it is unknown",
		NotePeeringShut:            "the peering has virtual network access turned off; whether anything still passes is not certain",
		NoteConnectedGroup:         "a connected group of Virtual Network Manager may join the networks; it is not modelled",
		NoteEndpointRoute:          "the private endpoint's own route",
		NoteOwnRoute:               "a user-defined route",
		NoteRouteUnclear:           "which route holds is unknown",
		NoteNoRoute:                "no route leads there",
		NoteDropped:                "a user-defined route drops it",
		NoteAppliance:              "what the appliance lets through is not modelled",
		NoteApplianceNotForwarding: "the next hop does not forward packets",
		NoteGateway:                "through the gateway",
		NoteNoTransit:              "the network does not use the gateway of its peer",
		NoteInternetRoute:          "out to the internet",
		NoteServiceEndpoint:        "through the subnet's service endpoint",
		NoteNoEgress:               "the subnet has no way out to the internet",
		NoteEgressUnclear:          "from which public address it leaves is unknown",
		NoteApproved:               "the connection is approved",
		NoteNotApproved:            "the connection is not approved",
		NoteApprovalUnclear:        "whether the connection is approved is unknown",
		NoteNotRouted:              "private addresses are not routed on the internet",
		NotePublicOff:              "public network access is off",
		NotePublicOpen:             "public network access is open to everyone",
		NotePublicUnclear:          "the account's network settings do not tell",
		NoteIPRule:                 "an IP rule admits the address",
		NoteNetworkRule:            "a virtual network rule admits the subnet",
		NoteNoIPRule:               "no IP rule or virtual network rule admits it",
		NotePerimeter:              "the perimeter leaves it to the account's own settings",
		NotePerimeterRule:          "an access rule of the perimeter admits it",
		NotePerimeterDenies:        "no access rule of the perimeter admits it",
		NotePerimeterUnclear:       "what the perimeter admits cannot be told from the data",
		NoteTrustedServices:        "trusted Azure services pass the account's rules by",
		NoteUnseenNetwork:          "the peered network was not read",
		NoteSourceUnclear:          "the source cannot be told from the data",
		NoteTargetUnknown:          "the target cannot be told from the data",
		NoteMixed:                  "it depends on the address",
		NoteNoPublicAddress:        "the target has no public address",
		NoteNoNetwork:              "the app stands in no virtual network",
		NotePlatform:               "a platform address",
		NoteNobody:                 "no subnet holds the address",
		NoteUnseenEndpoint:         "the private endpoint was not read: nobody knows who stands behind it",
		NoteGhost:                  "an interface whose address is unknown may be the one here, and has this group",
	}[n]
}

// Flow is the answer to whether traffic passes, and why.
type Flow struct {
	Verdict Verdict
	Hops    []Hop // in the order in which the packet meets them
}

// Decider is the hop that decides: the first certain denial, else the first
// that is unknown, else the last rule that allows, else the last hop. Nil for
// a flow without hops.
func (f Flow) Decider() *Hop {
	for i := range f.Hops {
		if f.Hops[i].Verdict == f.Verdict && f.Verdict != Allowed {
			return &f.Hops[i]
		}
	}
	for i := len(f.Hops) - 1; i >= 0; i-- {
		if h := &f.Hops[i]; h.Step == StepGroup || h.Step == StepAdmin || h.Step == StepAccount {
			return h
		}
	}
	if len(f.Hops) == 0 {
		return nil
	}
	return &f.Hops[len(f.Hops)-1]
}

// trail is a flow in the making.
type trail struct {
	hops    []Hop
	verdict Verdict
}

func newTrail() trail { return trail{hops: make([]Hop, 0, 6), verdict: Allowed} }

func (t *trail) add(h Hop) {
	t.hops = append(t.hops, h)
	t.verdict = t.verdict.and(h.Verdict)
}

func (t *trail) flow() Flow { return Flow{t.verdict, t.hops} }
