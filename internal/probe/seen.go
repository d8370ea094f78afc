package probe

import (
	"net/http"
	"net/netip"
)

// Seen is what a look showed, whatever it should have shown.
type Seen string

// What can be seen. The zero value is no sight that tells anything: silence, a
// stranger's certificate, an answer that is not Azure's.
const (
	SeenNothing      Seen = ""
	SeenAnswer       Seen = "an answer"     // a resolver's: Facts.Addresses, none where the name has none
	SeenNoConnection Seen = "no connection" // by TCP
	SeenConnection   Seen = "a connection"  // by TCP, and no more was asked
	SeenKeptOut      Seen = "kept out"      // Azure refused the call because of where it came from
	SeenLetIn        Seen = "let in"        // the network let the call through; what the account said then is another matter
)

// Facts are for whoever holds a look against a model of the network.
type Facts struct {
	Host      string       `json:"host,omitempty"` // of the endpoint that was looked at
	Seen      Seen         `json:"seen,omitempty"`
	Resolver  string       `json:"resolver,omitempty"`  // as in Config, with the transport behind it; or "system"
	Addresses []netip.Addr `json:"addresses,omitempty"` // that the resolver gave
	Tried     []Try        `json:"tried,omitempty"`     // in order; only the last can be connected
}

// Try is one attempt at a TCP connection.
type Try struct {
	Address   netip.Addr `json:"address"`
	Connected bool       `json:"connected"`
}

// Public reports whether an address is one of the internet's.
func Public(a netip.Addr) bool { return a.IsGlobalUnicast() && !private(a) }

// seen is what an end of a connection tells of the network. That TLS broke off
// tells nothing: an appliance on the way may take the connection to do so.
func (s stage) seen() Seen {
	if s == noConnect {
		return SeenNoConnection
	}
	return SeenNothing
}

// seen is what an answer tells of the network. One that is an error and not in
// Azure's words may come from anybody.
func (r response) seen() Seen {
	switch {
	case r.keptOut():
		return SeenKeptOut
	case r.status < http.StatusMultipleChoices:
		return SeenLetIn
	case r.status >= http.StatusInternalServerError:
		return SeenNothing
	case r.status >= http.StatusBadRequest && (r.code != "" || r.message != ""):
		return SeenLetIn
	}
	return SeenNothing
}
