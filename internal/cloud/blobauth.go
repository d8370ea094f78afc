package cloud

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"time"
)

// clockSkew is how old or early a signed request may be, as Azure has it.
const clockSkew = 15 * time.Minute

// authorize takes the account's key (SharedKey) or a token with a role. action
// is an entry of a role's dataActions, or of its actions where data is false.
func (s *blobs) authorize(w http.ResponseWriter, c *blobCall, action string, data bool) *blobError {
	scheme, value, _ := strings.Cut(c.Header.Get("Authorization"), " ")
	switch {
	case strings.EqualFold(scheme, "SharedKey"):
		return s.checkKey(c, value)
	case strings.EqualFold(scheme, "SharedKeyLite"):
		return notEmulated("SharedKeyLite; sign with SharedKey")
	case scheme == "" && c.query.Has("sig"):
		return notEmulated("shared access signatures; use a key or a token")
	}
	who, given, ok := s.cloud.bearer(c.Request, storageScope, storageAppID, "https://"+c.account.Name+".blob.core.windows.net")
	if !ok {
		w.Header().Set("Www-Authenticate", "Bearer authorization_uri="+s.cloud.login+"/"+s.cloud.tenant+"/oauth2/authorize resource_id="+storageScope)
		code := "NoAuthenticationInformation"
		if given {
			code = "InvalidAuthenticationInfo"
		}
		return &blobError{http.StatusUnauthorized, code, "Server failed to authenticate the request. Please refer to the information in the www-authenticate header."}
	}
	scope := c.account.ID
	if c.container != "" {
		scope += "/blobServices/default/containers/" + c.container
	}
	if !s.cloud.may(who, action, data, scope) {
		return &blobError{http.StatusForbidden, "AuthorizationPermissionMismatch", "This request is not authorized to perform this operation using this permission."}
	}
	return nil
}

func (s *blobs) checkKey(c *blobCall, value string) *blobError {
	refused := &blobError{http.StatusForbidden, "AuthenticationFailed", "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly including the signature."}
	if !flag(object(c.account.Body, "properties"), "allowSharedKeyAccess", true) {
		return &blobError{http.StatusForbidden, "KeyBasedAuthenticationNotPermitted", "Key based authentication is not permitted on this storage account."}
	}
	account, signature, _ := strings.Cut(value, ":")
	given, err := base64.StdEncoding.DecodeString(signature)
	if err != nil || !strings.EqualFold(account, c.account.Name) || !s.recent(c.Header) {
		return refused
	}
	signed := []byte(stringToSign(c.Request, account))
	for _, key := range s.cloud.arm.Keys(c.account.ID) {
		raw, err := base64.StdEncoding.DecodeString(key.Reveal())
		if err != nil || len(raw) == 0 {
			continue
		}
		mac := hmac.New(sha256.New, raw)
		mac.Write(signed)
		if hmac.Equal(mac.Sum(nil), given) {
			return nil
		}
	}
	return refused
}

func (s *blobs) recent(h http.Header) bool {
	date := h.Get("X-Ms-Date")
	if date == "" {
		date = h.Get("Date")
	}
	at, err := http.ParseTime(date)
	return err == nil && s.cloud.now().Sub(at).Abs() <= clockSkew
}

// stringToSign is what SharedKey signs since 2015-02-21: an empty body has an
// empty length.
//
// https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
func stringToSign(r *http.Request, account string) string {
	length := ""
	if r.ContentLength > 0 {
		length = itoa(r.ContentLength)
	}
	date := r.Header.Get("Date")
	if r.Header.Get("X-Ms-Date") != "" {
		date = ""
	}
	lines := []string{r.Method, r.Header.Get("Content-Encoding"), r.Header.Get("Content-Language"), length, r.Header.Get("Content-Md5"), r.Header.Get("Content-Type"), date}
	for _, name := range []string{"If-Modified-Since", "If-Match", "If-None-Match", "If-Unmodified-Since", "Range"} {
		lines = append(lines, r.Header.Get(name))
	}
	var own []string
	for name, values := range r.Header {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-ms-") {
			own = append(own, name+":"+strings.TrimSpace(strings.Join(values, ",")))
		}
	}
	slices.SortFunc(own, func(a, b string) int { // by name: "-" sorts before the colon
		x, _, _ := strings.Cut(a, ":")
		y, _, _ := strings.Cut(b, ":")
		return strings.Compare(x, y)
	})
	return strings.Join(append(append(lines, own...), canonicalResource(r, account)), "\n")
}

func canonicalResource(r *http.Request, account string) string {
	path := r.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	text := "/" + account + path
	parameters := map[string][]string{}
	for name, values := range r.URL.Query() {
		name = strings.ToLower(name)
		parameters[name] = append(parameters[name], values...)
	}
	names := make([]string, 0, len(parameters))
	for name := range parameters {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		values := parameters[name]
		slices.Sort(values)
		text += "\n" + name + ":" + strings.Join(values, ",")
	}
	return text
}
