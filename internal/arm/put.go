package arm

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"regexp"
	"strings"
	"sync"
)

// Patterns with long repetitions are compiled when they are first needed: each
// takes some 100 KiB, and every service carries this package.
var namePattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[^<>%&\\?/*:"|\x00-\x1f\x7f]{1,260}$`) })

// put writes one resource and, where its document embeds others, those too.
func (s *Server) put(a address, d doc, by Caller) (*record, *refusal) {
	old := s.records[fold(a.path)]
	id, typ, no := s.place(a, old)
	if no != nil {
		return nil, no
	}
	k := s.kind(typ)
	d = cloneDoc(d)
	prune(d)
	for _, key := range []string{"id", "name", "type", "etag", "systemData"} {
		delete(d, key)
	}
	unset(d, "properties.provisioningState")
	if p, ok := d["properties"]; ok {
		if _, ok := p.(doc); !ok {
			return nil, badContent("properties is not an object")
		}
	}
	embedded := takeOut(d, k.embeds)
	fill(d, k.filled)
	w := &writing{s: s, id: id, doc: d, old: old, by: by}
	if no := w.common(); no != nil {
		return nil, no
	}
	if k.check != nil {
		if no := k.check(w); no != nil {
			return nil, no
		}
	}
	w.rec = s.newRecord(id, typ, w.doc, old, k)
	s.store(w.rec)
	if no := s.putEmbedded(w, k, embedded); no != nil {
		return nil, no
	}
	if old == nil {
		for _, name := range k.singletons {
			child, _ := parsePath(id + "/" + name)
			if _, no := s.put(child, doc{}, by); no != nil {
				return nil, no
			}
		}
	}
	if k.after != nil {
		if no := k.after(w); no != nil {
			return nil, no
		}
	}
	r := s.records[fold(id)]
	return r, s.review(r)
}

func (s *Server) review(r *record) *refusal {
	if r == nil {
		return nil
	}
	if review := s.kind(r.typ).review; review != nil {
		return review(s, r)
	}
	return nil
}

// place gives a resource its id and type in their lasting spelling.
func (s *Server) place(a address, old *record) (string, string, *refusal) {
	if old != nil {
		return old.id, old.typ, nil
	}
	if len(a.types) == 0 {
		if a.group == "" || a.namespace != "" {
			return "", "", notAllowed(http.MethodPut, a.path)
		}
		return "/subscriptions/" + s.cfg.Subscription + "/resourceGroups/" + a.group, groupType, nil
	}
	wildcard := strings.HasPrefix(a.name(), "*") && strings.Contains(fold(a.typ()), "dnszones/") // checkRecords judges it
	if !namePattern().MatchString(a.name()) && !wildcard {
		return "", "", badRequest("InvalidResourceName", "Resource name %s is invalid.", clip(a.name()))
	}
	k := s.kind(a.typ())
	parent := s.records[fold(a.parent())]
	base, inVault := "", s.secretScope(a) // of a role for one secret, which the vault keeps and not the Resource Manager
	if parent == nil && a.parent() != "" && !inVault {
		return "", "", s.missing(a)
	}
	if inVault {
		base = a.parent()
	}
	if parent != nil {
		base = parent.id
	}
	if len(a.types) > 1 {
		return base + "/" + k.segment() + "/" + a.name(), k.typ, nil
	}
	return base + "/providers/" + k.typ + "/" + a.name(), k.typ, nil
}

// secretScope says whether an extension's scope is a secret of a vault that is
// there.
func (s *Server) secretScope(a address) bool {
	vault, secret, ok := strings.Cut(fold(a.parent()), "/secrets/")
	r := s.records[vault]
	return ok && len(a.types) == 1 && !strings.Contains(secret, "/") && r != nil && strings.EqualFold(r.typ, "Microsoft.KeyVault/vaults")
}

func (s *Server) newRecord(id, typ string, d doc, old *record, k *kind) *record {
	s.seq++
	r := &record{id: id, typ: typ, seq: s.seq, doc: d, etag: `W/"` + guidOf(id, s.random(8)) + `"`}
	if old != nil {
		r.seq, r.nonce, r.keys = old.seq, old.nonce, old.keys
	} else {
		r.nonce = s.random(8)
		if k.keys != "" {
			r.keys = [2]string{s.newKey(k.keys), s.newKey(k.keys)}
		}
	}
	if k.settles && s.cfg.Settle > 0 {
		r.ready = s.cfg.Now().Add(s.cfg.Settle)
	}
	return r
}

// takeOut takes the embedded lists out of a document. A list that is not
// there is nil, and leaves the children as they are.
func takeOut(d doc, names []string) map[string][]doc {
	out := map[string][]doc{}
	for _, name := range names {
		if _, there := at(d, prop(name)).([]any); there {
			out[name] = append([]doc{}, objects(d, prop(name))...)
		}
		unset(d, prop(name))
	}
	return out
}

// putEmbedded makes the children what the parent's document says they are.
func (s *Server) putEmbedded(w *writing, k *kind, embedded map[string][]doc) *refusal {
	for _, list := range k.embeds {
		items, there := embedded[list]
		if !there {
			continue
		}
		wanted := map[string]bool{}
		for _, item := range items {
			wanted[strings.ToLower(text(item, "name"))] = true
		}
		for _, c := range s.children(w.id, k.typ+"/"+list) {
			if wanted[strings.ToLower(c.name())] {
				continue
			}
			if no := s.mayGo(c); no != nil {
				return no
			}
			s.remove(c)
		}
		for _, item := range items {
			a, ok := parsePath(w.id + "/" + list + "/" + text(item, "name"))
			if !ok || a.tail != "" {
				return badContent("an element of " + list + " has no usable name")
			}
			if _, no := s.put(a, item, w.by); no != nil {
				return no
			}
		}
	}
	return nil
}

// common is what holds for every type: the location, and the identity.
func (w *writing) common() *refusal {
	if where, ok := w.doc["location"]; ok {
		s, _ := where.(string)
		region := normalRegion(s)
		if !knownRegion(region) {
			return badRequest("LocationNotAvailableForResourceType",
				"The provided location '%s' is not available for resource type '%s'.", clip(s), w.s.kind(typeOf(w.id)).typ)
		}
		w.doc["location"] = region
		if w.old != nil && text(w.old.doc, "location") != region && text(w.old.doc, "location") != "" {
			return conflict("InvalidResourceLocation",
				"The resource '%s' already exists in location '%s'. A resource with the same name cannot be created in location '%s'. Please select a new resource name.",
				last(w.id), text(w.old.doc, "location"), region)
		}
	}
	return w.identity()
}

// identity gives a managed identity its principal.
func (w *writing) identity() *refusal {
	id := object(w.doc, "identity")
	if id == nil {
		return nil
	}
	kind := strings.ToLower(text(id, "type"))
	delete(id, "principalId")
	delete(id, "tenantId")
	if strings.Contains(kind, "systemassigned") {
		id["principalId"], id["tenantId"] = guidOf("principal", w.id), w.s.cfg.Tenant
	}
	if !strings.Contains(kind, "userassigned") {
		delete(id, "userAssignedIdentities")
		return nil
	}
	for name := range object(id, "userAssignedIdentities") {
		r := w.s.records[fold(name)]
		if r == nil || !strings.EqualFold(r.typ, identityType) {
			return badRequest("FailedIdentityOperation", "Identity operation for resource '%s' failed with error 'Failed to perform resource identity operation. Status: 'BadRequest'. Response: 'The identity %s was not found'.'.", w.id, clip(name))
		}
		object(id, "userAssignedIdentities")[name] = doc{
			"principalId": text(r.doc, "properties.principalId"), "clientId": text(r.doc, "properties.clientId"),
		}
	}
	return nil
}

// keyForm is how the access keys of a type look.
type keyForm string

const (
	hexKey    keyForm = "hex"    // 32 hex digits
	longKey   keyForm = "long"   // 84 characters, Cognitive Services since 2024
	base64x64 keyForm = "base64" // 64 bytes: storage, Log Analytics
	base64x32 keyForm = "half"   // 32 bytes: Event Hubs, Redis
	wordKey   keyForm = "word"   // a registry's password
)

const wordChars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

func (s *Server) newKey(form keyForm) string {
	switch form {
	case longKey:
		return s.word(84)
	case base64x64:
		return base64.StdEncoding.EncodeToString([]byte(s.bytes(64)))
	case base64x32:
		return base64.StdEncoding.EncodeToString([]byte(s.bytes(32)))
	case wordKey:
		return s.word(52)
	default:
		return s.random(16)
	}
}

func (s *Server) word(n int) string {
	b := []byte(s.bytes(n))
	for i := range b {
		b[i] = wordChars[int(b[i])%len(wordChars)]
	}
	return string(b)
}

// random is n random bytes in hex.
func (s *Server) random(n int) string { return hex.EncodeToString([]byte(s.bytes(n))) }
