package cloud

import (
	"context"
	"net/netip"
)

// Origin says how a request came to a service. The zero value is a public
// request from an address that nobody knows, which no rule of addresses admits.
type Origin struct {
	Private bool       // through an approved private endpoint of the resource asked
	Address netip.Addr // the public address that the service sees
	Subnet  string     // resource id of the subnet whose service endpoint vouches; empty for none
}

type originKey struct{}

// WithOrigin attaches o to the context of a request or of its connection.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// OriginOf is what WithOrigin attached, or the zero value.
func OriginOf(ctx context.Context) Origin {
	o, _ := ctx.Value(originKey{}).(Origin)
	return o
}

// String is the address as Azure's refusals quote it.
func (o Origin) String() string {
	if o.Address.IsValid() {
		return o.Address.Unmap().String()
	}
	return "unknown"
}
