package estate

// Part is a named piece of a resource that has no life of its own: a rule, an
// ip configuration. ID is empty where ARM gives none.
type Part struct {
	ID   string `arm:"id"`
	Name string `arm:"name" tf:"name"`
	At   At
	// Doubt is the place of a second statement that contradicts the first in a
	// way that cannot be merged; everything about the part is then unknown.
	Doubt At
}

func (p *Part) placeAt(at At) { p.At = at }
func (p *Part) part() *Part   { return p }

// Resource is what all resources have.
type Resource struct {
	Part
	Type     string        `arm:"type"` // as written, for example Microsoft.Network/virtualNetworks
	Location Value[string] `arm:"location" tf:"location"`
	// Address is the resource's address in a Terraform plan, for example
	// module.net.azurerm_subnet.apps["a"]; empty in an ARM document.
	Address string
	// Stub is true of a resource that was not read but must exist, because
	// something that was read lies inside it. All its values are absent and
	// say nothing.
	Stub bool
	// Partial is true of a data source in a plan: it shows a resource that is
	// there, but not all of it. What it does not show is unknown.
	Partial bool
}

// Base is the resource itself; it makes every resource type a Thing.
func (r *Resource) Base() *Resource { return r }

// Thing is a resource of any type.
type Thing interface{ Base() *Resource }

// Other is a resource of a type that has no struct here. Estate.Raw gives its
// JSON.
type Other struct{ Resource }
