package gateway

import (
	"reflect"
)

// Reload puts the rules of other settings in force: who is known, workloads,
// limits, aliases, backends, prices. What a running gateway cannot change is
// left as it is, and named, as keys of the section: it takes effect at the next
// start. Errors are faults of kind Invalid, and leave everything as it is.
//
// Secrets and files that the settings name are read again, so a reload of
// settings that are the same is worth something too. A backend that is reached
// as before keeps its connections, its token and what is known of its health.
func (g *Gateway) Reload(s Settings) (later []string, err error) {
	g.reloading.Lock()
	defer g.reloading.Unlock()
	later = g.settings.fixed(&s)
	s.Certificates = g.settings.Certificates // whom TLS lets in, and whom we know, are one setting
	r, err := s.rules(g.rules.current.Load().Backends, g.cfg.Logger)
	if err != nil {
		return nil, err
	}
	if err := g.SetRules(r); err != nil {
		return nil, err
	}
	return later, nil
}

// reloads says which keys of the section a reload puts in force.
func reloads(key string) bool {
	switch key {
	case "entra", "oidc", "keys", "keys_file", "workloads", "backends", "aliases", "prices":
		return true
	}
	return false
}

// fixed names the other keys in which other settings differ.
func (s *Settings) fixed(other *Settings) []string {
	var differ []string
	ours, theirs := reflect.ValueOf(s).Elem(), reflect.ValueOf(other).Elem()
	for i := range ours.NumField() {
		key := ours.Type().Field(i).Tag.Get("yaml")
		if !reloads(key) && !reflect.DeepEqual(ours.Field(i).Interface(), theirs.Field(i).Interface()) {
			differ = append(differ, key)
		}
	}
	return differ
}
