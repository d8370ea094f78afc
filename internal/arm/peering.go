package arm

import "strings"

// The state of a peering is the state of its two halves: Initiated while the
// other half is not there, Connected with it, Disconnected once the other half
// was deleted. A disconnected half must be written again or deleted before the
// other can be made anew.

const disconnected = "Disconnected"

func checkPeering(w *writing) *refusal {
	remote, no := w.refer("properties.remoteVirtualNetwork.id", vnetType)
	if no != nil {
		return no
	}
	here := w.parent()
	if remote == nil || here == nil {
		return badRequest("InvalidRequestFormat", "The peering %s names no remote virtual network.", last(w.id))
	}
	if remote.key() == here.key() {
		return badRequest("VnetCannotPeerWithItself", "Peering %s cannot be created: a virtual network cannot be peered with itself.", w.id)
	}
	for _, p := range w.siblings() {
		if fold(text(p.doc, "properties.remoteVirtualNetwork.id")) == remote.key() {
			return badRequest("AnotherPeeringAlreadyReferencesRemoteVnet", "Cannot create or update peering %s. Virtual network %s already has a peering %s referencing remote virtual network %s.", w.id, here.id, p.id, remote.id)
		}
	}
	for _, a := range here.space() {
		for _, b := range remote.space() {
			if a.Overlaps(b) {
				return badRequest("VnetAddressSpacesOverlap", "Cannot create or update peering %s. Virtual networks %s and %s cannot be peered because their address spaces overlap. Overlapping address prefixes: %s, %s.", w.id, here.id, remote.id, a, b)
			}
		}
	}
	for _, path := range []string{"peeringState", "peeringSyncLevel", "remoteAddressSpace", "remoteVirtualNetworkAddressSpace", "resourceGuid", "remoteGateways"} {
		unset(w.doc, prop(path))
	}
	if other := w.s.otherHalf(here, remote); other != nil && w.old == nil && text(other.doc, "properties.peeringState") == disconnected {
		return badRequest("RemotePeeringIsDisconnected", "Cannot create or update peering %s because remote peering %s referencing parent virtual network %s is in Disconnected state. Update or re-create the remote peering to get it back to Initiated state.", w.id, other.id, here.id)
	}
	return nil
}

// otherHalf is the peering of remote that leads here.
func (s *Server) otherHalf(here, remote *record) *record {
	for _, p := range s.children(remote.id, peeringType) {
		if fold(text(p.doc, "properties.remoteVirtualNetwork.id")) == here.key() {
			return p
		}
	}
	return nil
}

func showPeering(s *Server, r *record, d doc) {
	here, remote := s.records[fold(up(up(r.id)))], s.records[fold(text(r.doc, "properties.remoteVirtualNetwork.id"))]
	state := text(r.doc, "properties.peeringState")
	level := "RemoteNotInSync"
	switch {
	case here == nil || remote == nil:
		state = disconnected
	case state == disconnected:
	case s.otherHalf(here, remote) == nil:
		state = "Initiated"
	default:
		state, level = "Connected", "FullyInSync"
	}
	set(d, "properties.peeringState", state)
	set(d, "properties.peeringSyncLevel", level)
	set(d, "properties.resourceGuid", r.guid("resource"))
	if remote != nil {
		space := clone(at(remote.doc, "properties.addressSpace"))
		set(d, "properties.remoteAddressSpace", space)
		set(d, "properties.remoteVirtualNetworkAddressSpace", clone(space))
	}
}

// gonePeering leaves the other half disconnected.
func gonePeering(s *Server, r *record) {
	remote := s.records[fold(text(r.doc, "properties.remoteVirtualNetwork.id"))]
	if remote == nil {
		return
	}
	for _, p := range s.children(remote.id, peeringType) {
		if strings.EqualFold(text(p.doc, "properties.remoteVirtualNetwork.id"), up(up(r.id))) {
			s.amend(p, func(d doc) { set(d, "properties.peeringState", disconnected) })
		}
	}
}

// amend stores a changed copy of a record.
func (s *Server) amend(r *record, change func(doc)) {
	c := *r
	c.saved = nil
	c.doc = cloneDoc(r.doc)
	change(c.doc)
	s.store(&c)
}
