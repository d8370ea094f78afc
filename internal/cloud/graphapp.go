package cloud

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// password is a client secret; the text itself is shown once and not kept.
type password struct {
	KeyID string    `json:"keyId"`
	Name  string    `json:"displayName"`
	Hint  string    `json:"hint"` // the first three letters
	Hash  string    `json:"hash"` // SHA-256; the secret has 130 random bits
	Start time.Time `json:"startDateTime"`
	End   time.Time `json:"endDateTime"`
}

func (p password) document() map[string]any {
	return map[string]any{
		"keyId": p.KeyID, "displayName": p.Name, "hint": p.Hint, "secretText": nil, "customKeyIdentifier": nil,
		"startDateTime": p.Start.UTC().Format(time.RFC3339), "endDateTime": p.End.UTC().Format(time.RFC3339),
	}
}

// CheckPassword says whether a secret is one that Graph gave to an application,
// and whose service principal then signs in.
func (c *Cloud) CheckPassword(appID, secret string) (objectID string, ok bool) {
	g := c.graph
	g.mu.Lock()
	defer g.mu.Unlock()
	for id, app := range g.state.Applications {
		if !strings.EqualFold(text(app, "appId"), appID) {
			continue
		}
		for _, p := range g.state.Passwords[id] {
			if subtle.ConstantTimeCompare([]byte(p.Hash), []byte(hashOf(secret))) == 1 && c.now().Before(p.End) {
				ok = true
			}
		}
	}
	for id, p := range g.state.Principals {
		if ok && strings.EqualFold(text(p, "appId"), appID) {
			return id, true
		}
	}
	return "", false
}

func hashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// whole adds to a kept document what lies beside it.
func (g *graph) whole(kind string, d map[string]any) map[string]any {
	d = clone(d)
	d["@odata.type"] = graphEntity + strings.TrimSuffix(kind, "s")
	if kind == "applications" {
		list := []any{}
		for _, p := range g.state.Passwords[text(d, "id")] {
			list = append(list, p.document())
		}
		d["passwordCredentials"] = list
	}
	return d
}

// applications serves both collections. Who may write is not emulated: whoever
// has a token for Graph may.
func (g *graph) applications(c *graphCall) (int, any, *graphError) {
	kind := c.path[0]
	if len(c.path) == 1 {
		if c.Method == http.MethodPost {
			return g.create(c, kind)
		}
		if c.Method == http.MethodGet {
			return g.filtered(c, kind)
		}
		return 0, nil, notInGraph("this method")
	}
	d, refused := g.one(kind, c.path[1:])
	if refused != nil {
		return 0, nil, refused
	}
	rest := c.path[2:]
	if len(rest) == 0 {
		return g.object(c, kind, d)
	}
	return g.below(c, kind, text(d, "id"), rest)
}

func (g *graph) object(c *graphCall, kind string, d map[string]any) (int, any, *graphError) {
	id := text(d, "id")
	kept := map[string]map[string]map[string]any{"applications": g.state.Applications, "servicePrincipals": g.state.Principals}[kind]
	_, ours := kept[id]
	switch {
	case c.Method == http.MethodGet:
		return http.StatusOK, entity(kind, d), nil
	case !ours:
		return 0, nil, &graphError{http.StatusForbidden, "Authorization_RequestDenied", "This entry stands in the emulator's configuration; change it there."}
	case c.Method == http.MethodPatch:
		changed := clone(kept[id])
		for k, v := range c.body {
			if k != "id" && k != "appId" && k != "passwordCredentials" {
				changed[k] = merged(changed[k], v)
			}
		}
		if refused := g.consistent(changed); refused != nil {
			return 0, nil, refused
		}
		kept[id] = changed
		return g.saved(http.StatusNoContent, nil)
	case c.Method == http.MethodDelete:
		delete(kept, id)
		for of := range g.state.Children {
			if strings.HasPrefix(of, kind+"/"+id+"/") {
				delete(g.state.Children, of)
			}
		}
		if kind == "applications" {
			delete(g.state.Passwords, id)
			maps.DeleteFunc(g.state.Principals, func(_ string, p map[string]any) bool { return text(p, "appId") == text(d, "appId") })
		}
		return g.saved(http.StatusNoContent, nil)
	}
	return 0, nil, notInGraph("this method")
}

func (g *graph) saved(status int, body any) (int, any, *graphError) {
	if err := save(g.path, g.state); err != nil {
		g.cloud.log.Error("the directory could not be written", "error", err)
		return 0, nil, &graphError{http.StatusInternalServerError, "generalException", "The directory could not keep this."}
	}
	return status, body, nil
}

// create makes an application, or a service principal of one.
func (g *graph) create(c *graphCall, kind string) (int, any, *graphError) {
	if len(g.state.Applications)+len(g.state.Principals) >= maxDirectory {
		return 0, nil, &graphError{http.StatusForbidden, "Directory_QuotaExceeded", "The directory object quota limit for the emulator has been exceeded."}
	}
	d := clone(c.body)
	id := randomGUID()
	d["id"], d["createdDateTime"] = id, g.cloud.now().UTC().Format(time.RFC3339)
	if kind == "applications" {
		if text(d, "displayName") == "" {
			return 0, nil, &graphError{http.StatusBadRequest, "Request_BadRequest", "The displayName of an application is required."}
		}
		d["appId"], d["publisherDomain"] = randomGUID(), nil
		for name, value := range map[string]any{"signInAudience": "AzureADMyOrg", "identifierUris": []any{}, "appRoles": []any{}, "requiredResourceAccess": []any{}, "tags": []any{}} {
			if d[name] == nil {
				d[name] = value
			}
		}
		delete(d, "passwordCredentials")
		if refused := g.consistent(d); refused != nil {
			return 0, nil, refused
		}
		g.state.Applications[id] = d
		return g.saved(http.StatusCreated, entity(kind, g.whole(kind, d)))
	}
	app, refused := g.one("applications", []string{"(appId='" + text(d, "appId") + "')"})
	if refused != nil {
		return 0, nil, &graphError{http.StatusBadRequest, "Request_BadRequest", "The appId '" + clip(text(d, "appId")) + "' of the service principal is no application of this directory."}
	}
	if _, taken := g.one(kind, []string{"(appId='" + text(d, "appId") + "')"}); taken == nil {
		return 0, nil, &graphError{http.StatusConflict, "Request_MultipleObjectsWithSameKeyValue", "The service principal cannot be created, updated, or restored because the service principal name " + clip(text(d, "appId")) + " is already in use."}
	}
	for _, name := range []string{"displayName", "appRoles", "identifierUris"} {
		if d[name] == nil {
			d[name] = app[name]
		}
	}
	d["appDisplayName"], d["servicePrincipalType"], d["servicePrincipalNames"] = app["displayName"], "Application", []any{d["appId"]}
	if d["accountEnabled"] == nil {
		d["accountEnabled"] = true
	}
	g.state.Principals[id] = d
	return g.saved(http.StatusCreated, entity(kind, g.whole(kind, d)))
}

// below is what hangs on an application or a service principal.
func (g *graph) below(c *graphCall, kind, id string, rest []string) (int, any, *graphError) {
	switch what := rest[0]; {
	case what == "addPassword" && c.Method == http.MethodPost:
		return g.addPassword(c, kind, id)
	case what == "removePassword" && c.Method == http.MethodPost:
		keyID := text(c.body, "keyId")
		g.state.Passwords[id] = slices.DeleteFunc(g.state.Passwords[id], func(p password) bool { return p.KeyID == keyID })
		return g.saved(http.StatusNoContent, nil)
	case what == "federatedIdentityCredentials" && c.Method == http.MethodPost:
		if refused := g.federates(c, kind+"/"+id+"/"+what); refused != nil {
			return 0, nil, refused
		}
		return g.children(c, kind+"/"+id+"/"+what, rest[1:])
	case slices.Contains([]string{"owners", "federatedIdentityCredentials", "appRoleAssignments", "appRoleAssignedTo", "memberOf"}, what):
		return g.children(c, kind+"/"+id+"/"+what, rest[1:])
	}
	return 0, nil, notInGraph("'" + clip(rest[0]) + "' of " + kind)
}

func (g *graph) addPassword(c *graphCall, kind, id string) (int, any, *graphError) {
	if _, ours := g.state.Applications[id]; kind != "applications" || !ours {
		return 0, nil, notInGraph("passwords of service principals; add one to the application")
	}
	if len(g.state.Passwords[id]) >= maxCredentials {
		return 0, nil, &graphError{http.StatusBadRequest, "Request_BadRequest", "The emulator keeps no more passwords of one application."}
	}
	in := object(c.body, "passwordCredential")
	secret := rand.Text()
	now := g.cloud.now().UTC()
	p := password{KeyID: randomGUID(), Name: text(in, "displayName"), Hint: secret[:3], Hash: hashOf(secret), Start: now, End: now.AddDate(2, 0, 0)}
	for name, into := range map[string]*time.Time{"startDateTime": &p.Start, "endDateTime": &p.End} {
		if t, err := time.Parse(time.RFC3339, text(in, name)); err == nil {
			*into = t
		}
	}
	g.state.Passwords[id] = append(g.state.Passwords[id], p)
	d := p.document()
	d["secretText"], d["@odata.context"] = secret, graphMetadata+"microsoft.graph.passwordCredential"
	return g.saved(http.StatusOK, d)
}

// children is a list of documents with ids.
func (g *graph) children(c *graphCall, of string, rest []string) (int, any, *graphError) {
	all := g.state.Children[of]
	switch {
	case c.Method == http.MethodGet && len(rest) == 0:
		var found []map[string]any
		for _, x := range all {
			found = append(found, x.Document)
		}
		return http.StatusOK, g.collection("directoryObjects", found, c), nil
	case c.Method == http.MethodPost:
		if len(all) >= maxCredentials {
			return 0, nil, &graphError{http.StatusBadRequest, "Request_BadRequest", "The emulator keeps no more of these."}
		}
		d := clone(c.body)
		if ref := text(d, "@odata.id"); ref != "" { // owners/$ref names an object that is there
			d = map[string]any{"id": ref[strings.LastIndexByte(ref, '/')+1:]}
		} else {
			d["id"] = randomGUID()
		}
		g.state.Children[of] = append(all, child{of, d})
		if len(rest) > 0 {
			return g.saved(http.StatusNoContent, nil)
		}
		return g.saved(http.StatusCreated, d)
	case len(rest) == 0:
		return 0, nil, notInGraph("this method")
	}
	at := slices.IndexFunc(all, func(x child) bool {
		return strings.EqualFold(text(x.Document, "id"), rest[0]) || text(x.Document, "name") == rest[0]
	})
	switch {
	case at < 0:
		return 0, nil, noObject(rest[0])
	case c.Method == http.MethodGet:
		return http.StatusOK, all[at].Document, nil
	case c.Method == http.MethodPatch:
		maps.Copy(all[at].Document, c.body)
		return g.saved(http.StatusNoContent, nil)
	case c.Method == http.MethodDelete:
		g.state.Children[of] = slices.Delete(all, at, at+1)
		return g.saved(http.StatusNoContent, nil)
	}
	return 0, nil, notInGraph("this method")
}
