package cloud

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// secretInput is the body of set and update; update cannot set the value.
type secretInput struct {
	Value       *string            `json:"value"`
	ContentType *string            `json:"contentType"`
	Tags        *map[string]string `json:"tags"`
	Attributes  struct {
		Enabled   *bool  `json:"enabled"`
		NotBefore *int64 `json:"nbf"`
		Expires   *int64 `json:"exp"`
	} `json:"attributes"`
}

func readSecret(r *http.Request) (in secretInput, refused *vaultError) {
	data, err := io.ReadAll(io.LimitReader(r.Body, maxSecretBody+1))
	if err != nil || len(data) > maxSecretBody {
		return in, &vaultError{status: http.StatusRequestEntityTooLarge, code: "RequestEntityTooLarge", message: "The request body is too large."}
	}
	if json.Unmarshal(data, &in) != nil {
		return in, badVaultInput("Property has invalid value: the body is not a JSON object of a secret.")
	}
	if in.Value != nil && len(*in.Value) > maxSecretValue {
		return in, badVaultInput("The secret value exceeds the maximum allowed size of 25 KB.")
	}
	if in.Tags != nil {
		if len(*in.Tags) > maxTags {
			return in, badVaultInput("The number of tags exceeds the maximum of 15.")
		}
		for k, v := range *in.Tags {
			if len(k) > 256 || len(v) > 256 {
				return in, badVaultInput("A tag's name and value may have 256 characters each.")
			}
		}
	}
	return in, nil
}

func (in secretInput) apply(v *secretVersion, now int64) {
	if in.ContentType != nil {
		v.ContentType = *in.ContentType
	}
	if in.Tags != nil {
		v.Tags = *in.Tags
	}
	if in.Attributes.Enabled != nil {
		v.Enabled = *in.Attributes.Enabled
	}
	if in.Attributes.NotBefore != nil {
		v.NotBefore = *in.Attributes.NotBefore
	}
	if in.Attributes.Expires != nil {
		v.Expires = *in.Attributes.Expires
	}
	v.Updated = now
}

func (s *vaults) saved() *vaultError {
	if err := save(s.path, s.vaults); err != nil {
		s.cloud.log.Error("the index of secrets could not be written", "error", err)
		return &vaultError{status: http.StatusInternalServerError, code: "InternalServerError", message: "The server encountered an error and could not complete the request."}
	}
	return nil
}

// live finds a secret that is not deleted.
func (s *vaults) live(c *vaultCall) (*vaultSecret, *vaultError) {
	x := s.secrets(c.vault)[strings.ToLower(c.name)]
	if x == nil || !x.Deleted.IsZero() {
		return nil, noSecret(c.name)
	}
	return x, nil
}

// version finds the one asked for, or the newest.
func (x *vaultSecret) version(id string) *secretVersion {
	if id == "" {
		return &x.Versions[len(x.Versions)-1]
	}
	for i := range x.Versions {
		if x.Versions[i].ID == id {
			return &x.Versions[i]
		}
	}
	return nil
}

func (s *vaults) set(w http.ResponseWriter, c *vaultCall) *vaultError {
	in, refused := readSecret(c.Request)
	if refused != nil {
		return refused
	}
	if in.Value == nil {
		return badVaultInput("The request body must have a value.")
	}
	all := s.secrets(c.vault)
	x := all[strings.ToLower(c.name)]
	switch {
	case x == nil && len(all) >= maxSecrets, x != nil && len(x.Versions) >= maxVersions:
		return &vaultError{status: http.StatusForbidden, code: "Forbidden", message: "The emulator keeps no more secrets, or versions of one."}
	case x == nil:
		x = &vaultSecret{Name: c.name}
		all[strings.ToLower(c.name)] = x
	case !x.Deleted.IsZero():
		return deletedName(c.name)
	}
	now := s.cloud.now().Unix()
	v := secretVersion{ID: randomHex(16), Value: *in.Value, Enabled: true, Created: now}
	in.apply(&v, now)
	x.Versions = append(x.Versions, v)
	return s.answered(w, x.show(c.vault, v, true, false))
}

func (s *vaults) answered(w http.ResponseWriter, v any) *vaultError {
	if refused := s.saved(); refused != nil {
		return refused
	}
	writeJSON(w, http.StatusOK, v)
	return nil
}

func (s *vaults) get(w http.ResponseWriter, c *vaultCall) *vaultError {
	x, refused := s.live(c)
	if refused != nil {
		return refused
	}
	v := x.version(c.version)
	switch {
	case v == nil:
		return noSecret(c.name + "/" + c.version)
	case !v.Enabled:
		return &vaultError{http.StatusForbidden, "Forbidden", "Operation get is not allowed on a disabled secret.", "SecretDisabled"}
	}
	writeJSON(w, http.StatusOK, x.show(c.vault, *v, true, false))
	return nil
}

func (s *vaults) update(w http.ResponseWriter, c *vaultCall) *vaultError {
	in, refused := readSecret(c.Request)
	if refused != nil {
		return refused
	}
	x, refused := s.live(c)
	if refused != nil {
		return refused
	}
	v := x.version(c.version)
	if v == nil {
		return noSecret(c.name + "/" + c.version)
	}
	in.apply(v, s.cloud.now().Unix())
	return s.answered(w, x.show(c.vault, *v, false, false))
}

// page is a list with the link to the rest of it.
type page struct {
	Value []any   `json:"value"`
	Next  *string `json:"nextLink"`
}

// paged cuts a list as maxresults (1 to 25, Azure's default the most) asks.
func paged(c *vaultCall, all []any) (page, *vaultError) {
	most, skip := 25, 0
	query := c.URL.Query()
	for name, into := range map[string]*int{"maxresults": &most, "$skiptoken": &skip} {
		text := query.Get(name)
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || name == "maxresults" && (n < 1 || n > 25) {
			return page{}, badVaultInput("Invalid value of %s.", name)
		}
		*into = n
	}
	all = all[min(skip, len(all)):]
	p := page{Value: append([]any{}, all[:min(most, len(all))]...)}
	if len(all) > most {
		next := url.Values{"api-version": {query.Get("api-version")}, "maxresults": {strconv.Itoa(most)}, "$skiptoken": {strconv.Itoa(skip + most)}}
		link := strings.TrimSuffix(vaultURL(c.vault), "/") + c.URL.EscapedPath() + "?" + next.Encode()
		p.Next = &link
	}
	return p, nil
}

func (s *vaults) page(w http.ResponseWriter, c *vaultCall, all []any) *vaultError {
	p, refused := paged(c, all)
	if refused == nil {
		writeJSON(w, http.StatusOK, p)
	}
	return refused
}

func (s *vaults) list(w http.ResponseWriter, c *vaultCall) *vaultError {
	var all []any
	secrets := s.secrets(c.vault)
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		if x := secrets[name]; x.Deleted.IsZero() {
			all = append(all, x.show(c.vault, x.newest(), false, true))
		}
	}
	return s.page(w, c, all)
}

func (s *vaults) versions(w http.ResponseWriter, c *vaultCall) *vaultError {
	x, refused := s.live(c)
	if refused != nil {
		return refused
	}
	var all []any
	for _, v := range x.Versions {
		all = append(all, x.show(c.vault, v, false, false))
	}
	return s.page(w, c, all)
}

func (s *vaults) remove(w http.ResponseWriter, c *vaultCall) *vaultError {
	x, refused := s.live(c)
	if refused != nil {
		return refused
	}
	x.Deleted = s.cloud.now().UTC()
	return s.answered(w, x.showDeleted(c.vault, false))
}

// gone finds a deleted secret.
func (s *vaults) gone(c *vaultCall) (*vaultSecret, *vaultError) {
	x := s.secrets(c.vault)[strings.ToLower(c.name)]
	if x == nil || x.Deleted.IsZero() {
		return nil, &vaultError{status: http.StatusNotFound, code: "SecretNotFound", message: "Deleted Secret not found: " + c.name}
	}
	return x, nil
}

func (s *vaults) listDeleted(w http.ResponseWriter, c *vaultCall) *vaultError {
	var all []any
	secrets := s.secrets(c.vault)
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		if x := secrets[name]; !x.Deleted.IsZero() {
			all = append(all, x.showDeleted(c.vault, true))
		}
	}
	return s.page(w, c, all)
}

func (s *vaults) getDeleted(w http.ResponseWriter, c *vaultCall) *vaultError {
	x, refused := s.gone(c)
	if refused != nil {
		return refused
	}
	writeJSON(w, http.StatusOK, x.showDeleted(c.vault, false))
	return nil
}

func (s *vaults) recover(w http.ResponseWriter, c *vaultCall) *vaultError {
	x, refused := s.gone(c)
	if refused != nil {
		return refused
	}
	x.Deleted = time.Time{}
	return s.answered(w, x.show(c.vault, x.newest(), false, false))
}

func (s *vaults) purge(w http.ResponseWriter, c *vaultCall) *vaultError {
	x, refused := s.gone(c)
	if refused != nil {
		return refused
	}
	if recoveryLevel(c.vault) == "Recoverable" {
		return &vaultError{
			status: http.StatusForbidden, code: "Forbidden",
			message: `Operation "purge" is not allowed because purge protection is enabled for this vault. Key Vault service will automatically purge it after the retention period has passed.` + "\r\nVault: " + place(c.vault),
		}
	}
	delete(s.secrets(c.vault), strings.ToLower(x.Name))
	if refused := s.saved(); refused != nil {
		return refused
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
