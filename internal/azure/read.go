package azure

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/ostiary/ostiary/internal/fault"
)

// Config is what Read needs.
type Config struct {
	// Credential gives tokens for ARM. Required.
	Credential azcore.TokenCredential
	// Subscriptions are ids. Empty means all that the login sees.
	Subscriptions []string
	// Cloud is where ARM is. Zero means the public cloud; cloud.AzureGovernment
	// and what Custom makes are others.
	Cloud cloud.Configuration
	// Transport carries the requests. Nil means Transport(nil). It must not
	// follow redirects.
	Transport policy.Transporter
	// Retry bounds the retries of 408, 429 and 5xx; ARM's Retry-After is kept
	// where it is not over MaxRetryDelay. Zero means 4 retries, 2 minutes, and
	// 1 minute an attempt.
	Retry policy.RetryOptions
	// Parallel is how many requests are under way at once. Zero means 4.
	Parallel int
	// Progress is told of every part that was read, by one goroutine at a
	// time; total grows as parts are found. It must return soon. Nil means
	// nobody.
	Progress func(done, total int, what string)
	// Log gets one line for each part that was unreadable. Nil means none.
	Log *slog.Logger
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

func (c *Config) defaults() error {
	if c.Credential == nil {
		return fault.New(fault.Invalid, "no credential to read Azure with").Fix("sign in, for example with az login")
	}
	if len(c.Cloud.Services) == 0 {
		c.Cloud = cloud.AzurePublic
	}
	if c.Transport == nil {
		c.Transport = Transport(nil)
	}
	if c.Retry.MaxRetries == 0 {
		c.Retry.MaxRetries = maxRetries
	}
	if c.Retry.MaxRetryDelay == 0 {
		c.Retry.MaxRetryDelay = maxDelay
	}
	if c.Retry.TryTimeout == 0 {
		c.Retry.TryTimeout = tryTime
	}
	if c.Parallel <= 0 {
		c.Parallel = 4
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return nil
}

var guid = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)

// Read reads the subscriptions. A part that ARM refuses is a Gap of the
// snapshot, and the rest goes on. Errors are the context's own, or faults:
// Invalid for a Config that cannot work, TooLarge for more than 256 MiB, and
// Unavailable where there is no token, ARM does not answer, or the login sees
// no subscription; then there is no snapshot.
func Read(ctx context.Context, c Config) (Snapshot, error) {
	if err := c.defaults(); err != nil {
		return Snapshot{}, err
	}
	cl, err := newClient(c)
	if err != nil {
		return Snapshot{}, err
	}
	r := &reader{client: cl, log: c.Log, rows: rows(), shared: map[string]*node{}, versions: map[string]string{}}
	s := Snapshot{Taken: c.Now().UTC().Truncate(time.Second), Endpoint: cl.base.String()}
	if s.Subscriptions, err = r.subscriptions(ctx, c.Subscriptions); err != nil {
		return Snapshot{}, err
	}
	roots := make([]*node, len(s.Subscriptions))
	var first []task
	for i := range s.Subscriptions {
		roots[i] = &node{}
		first = append(first, r.subscription(roots[i], &s.Subscriptions[i], len(c.Subscriptions) == 0))
	}
	slices.Reverse(first) // a crew begins with the last
	crew := crew{progress: c.Progress}
	if err := crew.run(ctx, c.Parallel, first); err != nil {
		return Snapshot{}, err
	}
	s.APIVersions = r.versions
	for _, path := range slices.Sorted(maps.Keys(r.shared)) {
		roots = append(roots, r.shared[path])
	}
	s.gather(roots)
	return s, nil
}

// subscriptions are those that were named, or all.
func (r *reader) subscriptions(ctx context.Context, named []string) ([]Subscription, error) {
	var all []Subscription
	for _, id := range named {
		if !guid.MatchString(id) {
			return nil, fault.New(fault.Invalid, "not the id of a subscription").At(clean(id, 100)).
				Fix("give ids like 00000000-0000-0000-0000-000000000000")
		}
		all = append(all, Subscription{ID: strings.ToLower(id)})
	}
	if len(named) == 0 {
		items, why, err := r.list(ctx, r.url("/subscriptions", subscriptionsVersion, ""), nil)
		if err != nil {
			return nil, err
		}
		if why != nil {
			return nil, fault.New(fault.Unavailable, "the login's subscriptions cannot be listed: "+why.code+": "+why.message).
				Fix("check that the login belongs to the tenant, or name the subscriptions")
		}
		for _, raw := range items {
			if s := subscriptionOf(raw); guid.MatchString(s.ID) {
				all = append(all, s)
			}
		}
	}
	slices.SortFunc(all, func(a, b Subscription) int { return strings.Compare(a.ID, b.ID) })
	all = slices.CompactFunc(all, func(a, b Subscription) bool { return a.ID == b.ID })
	if len(all) == 0 {
		return nil, fault.New(fault.Unavailable, "the login sees no subscription").
			Fix("give it the role Reader at one, and check the tenant")
	}
	return all, nil
}

func subscriptionOf(raw []byte) Subscription {
	var s struct {
		ID   string `json:"subscriptionId"`
		Name string `json:"displayName"`
	}
	_ = json.Unmarshal(raw, &s) // what is not there stays empty, and is no id
	return Subscription{ID: strings.ToLower(s.ID), Name: clean(s.Name, 200)}
}
