package signin

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
)

// kept is one login in the cache. The first three fields name it.
type kept struct {
	Issuer  string    `json:"issuer"`
	Client  string    `json:"client_id"`
	Scope   string    `json:"scope"`
	Name    string    `json:"name"`
	Login   string    `json:"login"`
	Access  string    `json:"access_token"`
	Refresh string    `json:"refresh_token"`
	Expires time.Time `json:"expires"`
}

func (k kept) same(other kept) bool {
	return k.Issuer == other.Issuer && k.Client == other.Client && k.Scope == other.Scope
}

type contents struct {
	Version int    `json:"version"`
	Logins  []kept `json:"logins"`
}

const (
	cacheVersion = 1
	maxCache     = 1 << 20 // bytes
	maxLogins    = 32      // the oldest go
)

// cache is the file of logins.
type cache struct{ path string }

// load finds a login. Without one it is a fault of kind Unauthenticated.
func (c cache) load(key kept) (kept, error) {
	all, err := c.read()
	if err != nil {
		return kept{}, err
	}
	if i := slices.IndexFunc(all.Logins, key.same); i >= 0 {
		return all.Logins[i], nil
	}
	return kept{}, fault.New(fault.Unauthenticated, "you are not signed in").Fix("run 'ostiary login'")
}

// store writes the file anew, whole. Two commands at the same time may lose a
// login of one of them, never half a file.
func (c cache) store(k kept) error {
	all, err := c.read()
	if err != nil {
		return err
	}
	all.Logins = append(slices.DeleteFunc(all.Logins, k.same), k)
	if over := len(all.Logins) - maxLogins; over > 0 {
		all.Logins = all.Logins[over:]
	}
	return c.write(all)
}

func (c cache) remove(k kept) error {
	all, err := c.read()
	if err != nil || len(all.Logins) == 0 {
		return err
	}
	all.Logins = slices.DeleteFunc(all.Logins, k.same)
	return c.write(all)
}

func (c cache) write(all contents) error {
	if err := os.MkdirAll(filepath.Dir(c.path), 0o700); err != nil {
		return c.broken("cannot make the directory of the tokens", err)
	}
	data, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	if err := pki.WriteFile(c.path, append(data, '\n'), 0o600); err != nil {
		return c.broken("cannot write the tokens", err)
	}
	return nil
}

func (c cache) read() (contents, error) {
	all := contents{Version: cacheVersion}
	f, err := os.Open(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return all, c.broken("cannot read the tokens", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return all, c.broken("cannot read the tokens", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return all, fault.New(fault.Invalid, "others may read the tokens").At(c.path).
			Fix("run 'chmod 600' on it, and 'ostiary login' again if somebody may have")
	}
	data, err := io.ReadAll(io.LimitReader(f, maxCache+1))
	if err != nil {
		return all, c.broken("cannot read the tokens", err)
	}
	if len(data) > maxCache || json.Unmarshal(data, &all) != nil || all.Version != cacheVersion {
		return contents{}, fault.New(fault.Invalid, "not a file of tokens").At(c.path).Fix("delete it, and run 'ostiary login'")
	}
	return all, nil
}

func (c cache) broken(what string, err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err
	}
	return fault.New(fault.Unavailable, what).At(c.path).Because(err)
}
