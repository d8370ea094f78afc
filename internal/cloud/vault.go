package cloud

import (
	"maps"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/ostiary/ostiary/internal/arm"
)

const (
	vaultType        = "Microsoft.KeyVault/vaults"
	deletedVaultType = "Microsoft.KeyVault/locations/deletedVaults"
	vaultScope       = "https://vault.azure.net"
	vaultAppID       = "cfa8b339-82a2-471a-a3c9-0fc0be7a4093"
)

// Bounds. A value's and the tags' are Azure's own; Azure counts neither
// secrets nor versions.
const (
	maxSecretValue = 25 << 10 // bytes
	maxSecretBody  = 256 << 10
	maxTags        = 15
	maxSecrets     = 5_000 // of a vault, deleted ones included
	maxVersions    = 500   // of a secret
)

// vaults is Key Vault's data plane, for secrets.
type vaults struct {
	cloud *Cloud
	path  string

	mu     sync.Mutex
	vaults map[string]map[string]*vaultSecret // by keyOf the vault, then by lower-case name
}

type vaultSecret struct {
	Name     string          `json:"name"`
	Versions []secretVersion `json:"versions"` // the newest last
	Deleted  time.Time       `json:"deleted,omitzero"`
}

// secretVersion is kept in clear: see the package comment.
type secretVersion struct {
	ID          string            `json:"id"`
	Value       string            `json:"value"`
	ContentType string            `json:"contentType,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
	Enabled     bool              `json:"enabled"`
	NotBefore   int64             `json:"nbf,omitempty"` // seconds since 1970
	Expires     int64             `json:"exp,omitempty"`
	Created     int64             `json:"created"`
	Updated     int64             `json:"updated"`
}

func openVaults(c *Cloud, dir string) (*vaults, error) {
	s := &vaults{cloud: c, path: filepath.Join(dir, "secrets.json"), vaults: map[string]map[string]*vaultSecret{}}
	return s, load(s.path, &s.vaults)
}

// secrets are those of a vault; what was deleted longer ago than the vault
// keeps it is gone. The caller holds mu.
func (s *vaults) secrets(v arm.Resource) map[string]*vaultSecret {
	key := keyOf(v)
	if s.vaults[key] == nil {
		s.vaults[key] = map[string]*vaultSecret{}
	}
	for name, x := range s.vaults[key] {
		if !x.Deleted.IsZero() && s.cloud.now().After(x.purged(v)) {
			delete(s.vaults[key], name)
		}
	}
	return s.vaults[key]
}

// prune drops the secrets of vaults that are neither there nor soft-deleted.
func (s *vaults) prune(there map[string]bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.vaults)
	maps.DeleteFunc(s.vaults, func(key string, _ map[string]*vaultSecret) bool { return !there[key] })
	if len(s.vaults) == before {
		return nil
	}
	return save(s.path, s.vaults)
}

// retention is how many days a deleted secret can be recovered.
func retention(v arm.Resource) int {
	if days, ok := member(object(v.Body, "properties"), "softDeleteRetentionInDays").(float64); ok {
		return int(days)
	}
	return 90
}

func (x *vaultSecret) purged(v arm.Resource) time.Time {
	return x.Deleted.AddDate(0, 0, retention(v))
}

// recoveryLevel is the vault's, as attributes spell it.
func recoveryLevel(v arm.Resource) string {
	if flag(object(v.Body, "properties"), "enablePurgeProtection", false) {
		return "Recoverable"
	}
	return "Recoverable+Purgeable"
}

// bundle is a secret on the wire. Members stand in the order of Azure's.
type (
	bundle struct {
		Value       *string           `json:"value,omitempty"`
		ContentType string            `json:"contentType,omitempty"`
		ID          string            `json:"id"`
		Attributes  attributes        `json:"attributes"`
		Tags        map[string]string `json:"tags,omitempty"`
	}
	attributes struct {
		Enabled         bool   `json:"enabled"`
		NotBefore       int64  `json:"nbf,omitempty"`
		Expires         int64  `json:"exp,omitempty"`
		Created         int64  `json:"created"`
		Updated         int64  `json:"updated"`
		RecoveryLevel   string `json:"recoveryLevel"`
		RecoverableDays int    `json:"recoverableDays"`
	}
	deletedBundle struct {
		RecoveryID string `json:"recoveryId"`
		Deleted    int64  `json:"deletedDate"`
		Purge      int64  `json:"scheduledPurgeDate"`
		bundle
	}
)

// show is a version as the service tells of it. unversioned leaves the version
// out of the id, as lists do.
func (x *vaultSecret) show(v arm.Resource, version secretVersion, value, unversioned bool) bundle {
	id := vaultURL(v) + "secrets/" + x.Name
	if !unversioned {
		id += "/" + version.ID
	}
	b := bundle{
		ContentType: version.ContentType, ID: id, Tags: version.Tags,
		Attributes: attributes{
			version.Enabled, version.NotBefore, version.Expires, version.Created, version.Updated, recoveryLevel(v), retention(v),
		},
	}
	if value {
		b.Value = &version.Value
	}
	return b
}

func (x *vaultSecret) showDeleted(v arm.Resource, unversioned bool) deletedBundle {
	return deletedBundle{
		RecoveryID: vaultURL(v) + "deletedsecrets/" + x.Name,
		Deleted:    x.Deleted.Unix(),
		Purge:      x.purged(v).Unix(),
		bundle:     x.show(v, x.newest(), false, unversioned),
	}
}

func (x *vaultSecret) newest() secretVersion { return x.Versions[len(x.Versions)-1] }

func vaultURL(v arm.Resource) string {
	return "https://" + strings.ToLower(v.Name) + ".vault.azure.net/"
}
