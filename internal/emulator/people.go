package emulator

import (
	"cmp"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// Applications that are registered where the settings name none.
const (
	cliClientID  = "3f6c2b58-70ad-4e19-9c84-d25e61b7a0f3" // ostiary login, ostiary ask
	chatClientID = "8a3d5e71-2c46-4f9b-b0d8-15e7c92f6a34" // ostiary chat
	// Azure's own command line, by whose id azidentity and @azure/identity sign
	// people in where the program names no application of its own.
	azureCLIClientID = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
)

const (
	impersonation = "user_impersonation"
	maxGroups     = 200 // beyond, Entra leaves the claim groups out of a token
	minDevicePoll = time.Second
	maxDevicePoll = time.Minute
)

func loopbackURIs() []string { return []string{"http://localhost", "http://127.0.0.1"} }

// SampleApps are the applications of a directory whose settings name none: an
// application with a secret, the command line, and the chat, which still needs
// its redirect URI.
func SampleApps() []App {
	return []App{
		{Name: "sample-app", ClientID: sampleClientID},
		{Name: "ostiary-cli", ClientID: cliClientID, Public: true, RedirectURIs: loopbackURIs()},
		{Name: "ostiary-chat", ClientID: chatClientID},
	}
}

func samplePeople() []User {
	return []User{
		{Login: "one@sample.example", DisplayName: "Sample Person One", Groups: []string{"Sample Researchers"}},
		{Login: "two@sample.example", DisplayName: "Sample Person Two", Groups: []string{"Sample Researchers", "Sample Administrators"}, Roles: []string{"Admin"}},
		{Login: "three@sample.example", DisplayName: "Sample Person Three"},
	}
}

// withPeople fills in people and groups. The ids are derived, so that a
// gateway's policy can name them before the emulator has ever run.
func (d Directory) withPeople() Directory {
	d.Users, d.Groups = slices.Clone(d.Users), slices.Clone(d.Groups)
	if len(d.Users) == 0 {
		d.Users = samplePeople()
		if len(d.Groups) == 0 {
			d.Groups = []Group{{Name: "Sample Researchers"}, {Name: "Sample Administrators"}}
		}
	}
	for i := range d.Groups {
		d.Groups[i].ObjectID = cmp.Or(d.Groups[i].ObjectID, derivedGUID("group", d.Groups[i].Name))
	}
	for i := range d.Users {
		u := &d.Users[i]
		u.ObjectID = cmp.Or(u.ObjectID, derivedGUID("person", u.Login))
		u.DisplayName = cmp.Or(u.DisplayName, u.Login)
	}
	return d
}

var (
	loginName = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}@[a-z0-9][a-z0-9.-]{0,187}[a-z0-9]$`)
	})
	scopeName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,119}$`) })
)

func (d Directory) checkPeople(report func(path, what, fix string)) {
	if d.DevicePoll < minDevicePoll || d.DevicePoll > maxDevicePoll {
		report("directory.device_poll", "out of range", "use 1s to 1m")
	}
	groups, ids, logins := unique{}, unique{}, unique{}
	for i, g := range d.Groups {
		at := fmt.Sprintf("directory.groups[%d]", i)
		if g.Name == "" || !groups.add(g.Name) {
			report(at+".name", "not a free group name", "write each name once")
		}
		if !guid.MatchString(g.ObjectID) || !ids.add(g.ObjectID) {
			report(at+".object_id", "not a free GUID", "write it in lower case with hyphens, each id once")
		}
	}
	for i, u := range d.Users {
		at := fmt.Sprintf("directory.users[%d]", i)
		if !loginName().MatchString(u.Login) || !logins.add(strings.ToLower(u.Login)) {
			report(at+".login", "not a free login", "write NAME@DOMAIN, each once")
		}
		if !guid.MatchString(u.ObjectID) || !ids.add(u.ObjectID) {
			report(at+".object_id", "not a free GUID", "write it in lower case with hyphens, each id once")
		}
		if len(u.Groups) > maxGroups {
			report(at+".groups", fmt.Sprintf("more than %d", maxGroups), "use roles: Entra leaves so many groups out of a token")
		}
		for j, name := range u.Groups {
			if !groups[name] {
				report(fmt.Sprintf("%s.groups[%d]", at, j), "no such group", "name one of directory.groups")
			}
		}
	}
}

// check looks at what a registration says of people's sign-in.
func (a App) check(at string, report func(path, what, fix string)) {
	if a.Public && !a.Secret.IsZero() {
		report(at+".secret", "a public application has none", "remove secret, or public")
	}
	for i, uri := range a.RedirectURIs {
		u, err := url.Parse(uri)
		if err != nil || u.Scheme == "" || u.Fragment != "" || u.User != nil || !safeScheme(u) {
			report(fmt.Sprintf("%s.redirect_uris[%d]", at, i), "not a redirect URI", "write https://HOST/PATH, or http://localhost/PATH, without a fragment")
		}
	}
}

// safeScheme is what Entra takes: https, http to the same machine, and schemes
// of a native application's own.
func safeScheme(u *url.URL) bool {
	switch u.Scheme {
	case "https":
		return u.Host != ""
	case "http":
		return isLoopback(u.Hostname())
	case "javascript", "data", "file", "vbscript", "blob", "about":
		return false
	}
	return true
}

func isLoopback(host string) bool { return host == "localhost" || host == "127.0.0.1" || host == "::1" }

// person is a User with the ids of the groups.
type person struct {
	User
	groups []string
}

func newPeople(d Directory) []person {
	ids := map[string]string{}
	for _, g := range d.Groups {
		ids[g.Name] = g.ObjectID
	}
	people := make([]person, len(d.Users))
	for i, u := range d.Users {
		people[i].User = u
		for _, name := range u.Groups {
			people[i].groups = append(people[i].groups, ids[name])
		}
	}
	return people
}

// personBy finds a person by object id, or by login whatever its case.
func (i *issuer) personBy(key string) (person, bool) {
	at := slices.IndexFunc(i.people, func(p person) bool { return p.ObjectID == key || strings.EqualFold(p.Login, key) })
	if at < 0 || key == "" {
		return person{}, false
	}
	return i.people[at], true
}

// mayReturnTo says whether a registration knows a redirect URI. It is matched
// to the character, but for the port of loopback, which a native application
// is given by chance (RFC 8252 section 7.3).
func (a App) mayReturnTo(uri string) bool {
	if slices.Contains(a.RedirectURIs, uri) {
		return true
	}
	asked, err := url.Parse(uri)
	if err != nil || !a.Public || asked.Scheme != "http" || !isLoopback(asked.Hostname()) || asked.User != nil || asked.Fragment != "" {
		return false
	}
	return slices.ContainsFunc(a.RedirectURIs, func(known string) bool {
		u, err := url.Parse(known)
		return err == nil && u.Scheme == asked.Scheme && u.Hostname() == asked.Hostname() &&
			strings.TrimSuffix(u.EscapedPath(), "/") == strings.TrimSuffix(asked.EscapedPath(), "/") && u.RawQuery == asked.RawQuery
	})
}
