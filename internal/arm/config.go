package arm

import (
	"crypto/rand"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

// Config is what a Server needs.
type Config struct {
	// Tenant and Subscription are the ids of the one tenant and subscription.
	// Required.
	Tenant, Subscription string
	// Owner is the object id that holds the role Owner at the subscription.
	// Empty means an id made of the subscription's.
	Owner string
	// Verify tells who bears a token. Nil means that every bearer token is the
	// owner's.
	Verify func(token string) (Caller, bool)
	// Settle is how long a Cognitive account, new or changed, is busy. Zero
	// means not at all.
	Settle time.Duration
	// Quota is the capacity (thousands of tokens a minute) that each model has
	// in each region. Zero means 1000.
	Quota int
	// PageSize is how many items one page of a list holds. Zero means 1000, as
	// ARM's own lists; some of Azure's services give fewer.
	PageSize int
	// Login, Graph and ResourceManager are the base URLs told at
	// /metadata/endpoints. Empty means Azure's own for the first two, and the
	// host that was asked for the third.
	Login, Graph, ResourceManager string
	// File keeps the state over restarts; it holds keys, so that only its owner
	// may read it. Empty means memory alone.
	File string
	// Rand gives keys. Nil means crypto/rand.
	Rand io.Reader
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
	// Logger gets one line for each change and each refusal, without bodies.
	// Nil means none.
	Logger *slog.Logger
}

// Caller is who asks.
type Caller struct {
	ObjectID string
	AppID    string   // of an application; empty for a person
	Groups   []string // object ids of groups whose roles count too
}

func (c *Config) defaults() error {
	if !isGUID(c.Tenant) || !isGUID(c.Subscription) {
		return fault.New(fault.Invalid, "the emulated Resource Manager needs a tenant and a subscription").
			Fix("give each as a GUID")
	}
	if c.Settle < 0 || c.Quota < 0 || c.PageSize < 0 {
		return fault.New(fault.Invalid, "settle, quota and page size cannot be negative")
	}
	c.Subscription = strings.ToLower(c.Subscription)
	if c.Owner == "" {
		c.Owner = guidOf("owner", c.Subscription)
	}
	if c.Quota == 0 {
		c.Quota = 1000
	}
	if c.PageSize == 0 {
		c.PageSize = 1000
	}
	if c.Login == "" {
		c.Login = "https://login.microsoftonline.com"
	}
	if c.Graph == "" {
		c.Graph = "https://graph.microsoft.com"
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}
