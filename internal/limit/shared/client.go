package shared

import (
	"context"
	"crypto/sha1" //nolint:gosec // the name by which Redis knows a script
	"crypto/tls"
	"encoding/hex"
	"errors"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/ostiary/ostiary/internal/pki"
)

const (
	dialTime = 5 * time.Second // it outlives the call that caused it
	idleTime = 5 * time.Minute // Azure ends connections that are idle for 10
	maxNodes = 64              // of a cluster, then those without a key of ours are forgotten
	buffer   = 4 << 10         // bytes, each way
)

// client runs one script, on the server of the settings or, if that is a node of
// a cluster, on the one that it names.
type client struct {
	script, sha string
	options     redis.Options // but for the address
	login       credentials

	network, seed string
	mu            sync.Mutex
	nodes         map[string]*redis.Client // by address
	home          map[string]string        // of keys that are elsewhere than at seed
}

func newClient(s *RedisSettings, login credentials, script string, timeout time.Duration) (*client, error) {
	network, address := "tcp", s.Address
	path, unix := strings.CutPrefix(s.Address, unixScheme)
	if unix {
		network, address = "unix", path
	}
	var trust *tls.Config
	if !unix && !s.Plaintext {
		roots, err := pki.ReadPool(s.CA)
		if err != nil {
			return nil, err
		}
		host, _, _ := net.SplitHostPort(address) // which Check has seen
		trust = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, ServerName: host}
	}
	redis.SetLogger(silent{})       // what goes wrong is for us to say, in words that quote no server
	sum := sha1.Sum([]byte(script)) //nolint:gosec // as above
	return &client{
		script: script, sha: hex.EncodeToString(sum[:]), login: login,
		network: network, seed: address, nodes: map[string]*redis.Client{}, home: map[string]string{},
		options: redis.Options{
			Network: network, Protocol: 2, DisableIdentity: true,
			MaintNotificationsConfig:   &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
			Dialer:                     dialer(trust),
			CredentialsProviderContext: login,
			MaxRetries:                 -1, // what may have been done is not done again
			DialerRetries:              1,
			DialTimeout:                dialTime, ReadTimeout: timeout, WriteTimeout: timeout, PoolTimeout: timeout,
			ContextTimeoutEnabled: true,
			ReadBufferSize:        buffer, WriteBufferSize: buffer, PipelinePoolSize: -1,
			ConnMaxIdleTime: idleTime, ConnMaxLifetime: lifetime, ConnMaxLifetimeJitter: lifetime / 16,
		},
	}, nil
}

// dialer connects, with TLS unless trust is nil. Every node of a cluster has to
// prove the name that the settings give, so no redirect leads elsewhere.
func dialer(trust *tls.Config) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, dialTime)
		defer cancel()
		var d net.Dialer
		raw, err := d.DialContext(ctx, network, address)
		if err != nil || trust == nil {
			return guarded(raw, raw, err)
		}
		secure := tls.Client(raw, trust)
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = raw.Close()
			return nil, err
		}
		return guarded(secure, raw, nil)
	}
}

func guarded(conn, raw net.Conn, err error) (net.Conn, error) {
	if err != nil {
		return nil, err
	}
	return newGuard(conn, raw), nil
}

// run runs the script on a key. A redirect is followed once: the node that sent
// it has done nothing.
func (c *client) run(ctx context.Context, key string, args []any) (any, error) {
	reply, err := c.eval(ctx, c.node(key), key, args)
	if to, ok := c.moved(err); ok {
		c.settle(key, to)
		reply, err = c.eval(ctx, c.node(key), key, args)
	}
	var refused redis.Error
	if err != nil && !errors.As(err, &refused) { // if its node is gone, the seed knows where the key is now
		c.settle(key, c.seed)
	}
	return reply, err
}

// settle notes where a key is.
func (c *client) settle(key, address string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if address == c.seed {
		delete(c.home, key)
		return
	}
	c.home[key] = address
}

func (c *client) eval(ctx context.Context, node *redis.Client, key string, args []any) (any, error) {
	keys := []string{key}
	reply, err := node.EvalSha(ctx, c.sha, keys, args...).Result()
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		return node.Eval(ctx, c.script, keys, args...).Result()
	}
	return reply, err
}

// node is where a key is, as far as we know.
func (c *client) node(key string) *redis.Client {
	c.mu.Lock()
	defer c.mu.Unlock()
	address := c.seed
	if home, ok := c.home[key]; ok {
		address = home
	}
	node, ok := c.nodes[address]
	if !ok {
		c.forget()
		o := c.options
		o.Addr = address
		node = redis.NewClient(&o)
		c.nodes[address] = node
	}
	return node
}

// forget disconnects from nodes that have no key of ours any more, once they are
// many: those of a cluster come and go.
func (c *client) forget() {
	if len(c.nodes) < maxNodes {
		return
	}
	homes := slices.Collect(maps.Values(c.home))
	for address, node := range c.nodes {
		if address != c.seed && !slices.Contains(homes, address) {
			_ = node.Close() // what is under way there fails, as it is bound to
			delete(c.nodes, address)
		}
	}
}

// moved is the node that a server sends us to: MOVED SLOT HOST:PORT, where no
// host means its own.
func (c *client) moved(err error) (string, bool) {
	var e redis.Error
	if !errors.As(err, &e) || c.network != "tcp" {
		return "", false
	}
	words := strings.Fields(e.Error())
	if len(words) != 3 || words[0] != "MOVED" {
		return "", false
	}
	host, port, err := net.SplitHostPort(words[2])
	if err != nil || port == "" {
		return "", false
	}
	if host == "" {
		host, _, _ = net.SplitHostPort(c.seed)
	}
	return net.JoinHostPort(host, port), true
}

func (c *client) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, node := range c.nodes {
		_ = node.Close() // nothing is under way
	}
}

// silent is a logger of the client library.
type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}
