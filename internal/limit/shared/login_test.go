package shared

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ostiary/ostiary/internal/limit"
	"github.com/ostiary/ostiary/internal/limit/redistest"
	"github.com/ostiary/ostiary/internal/secret"
)

func reference(t testing.TB, path string) (r secret.Ref) {
	t.Helper()
	if err := r.UnmarshalText([]byte("file:" + path)); err != nil {
		t.Fatal(err)
	}
	return r
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// rights are those that the documentation tells to give.
var rights = []any{"~ostiary:*", "+eval", "+evalsha", "+time", "+hmget", "+hget", "+hset", "+hdel", "+hincrby", "+pexpire"}

func addUser(r *redistest.Server, name, password string) {
	r.Do(append([]any{"ACL", "SETUSER", name, "reset", "on", ">" + password}, rights...)...)
}

// TestPassword: a user with no more rights than documented counts; a new
// password is read when a connection is made; a wrong one is said and not shown.
func TestPassword(t *testing.T) {
	r := redisServer(t)
	addUser(r, "gate", "canary-first")
	r.Do("ACL", "SETUSER", "stranger", "reset", "on", ">canary-stranger", "~*", "+eval")
	file := filepath.Join(t.TempDir(), "password")
	write(t, file, "canary-first")
	logs := &log{}
	s := newStore(t, r.Address(), quiet(prometheus.NewRegistry(), logs), func(c *Config) { c.Redis.User, c.Redis.Password = "gate", reference(t, file) })
	l := s.Limiter("team", limit.Limits{Requests: 10})
	take(t, l, 1)
	addUser(r, "gate", "canary-second") // which ends its connections
	r.Do("CLIENT", "KILL", "USER", "gate")
	for range maxFailed {
		if _, _, err := l.Take(1); err == nil || strings.Contains(err.Error(), "canary") {
			t.Error(err)
		}
	}
	if s.Status().Reason != becauseLogin || !strings.Contains(logs.String(), "WRONGPASS") {
		t.Errorf("%+v %s", s.Status(), logs)
	}
	write(t, file, "canary-second")
	s.probe()
	take(t, l, 1)
	if strings.Contains(logs.String(), "canary") || strings.Contains(fmt.Sprintf("%+v", s.cfg), "canary") {
		t.Error(logs)
	}
	write(t, file, "canary-stranger")
	for name, want := range map[string]string{"stranger": becauseLogin, "nobody": becauseLogin} {
		s := newStore(t, r.Address(), func(c *Config) { c.Redis.User, c.Redis.Password = name, reference(t, file) })
		if _, _, err := s.Limiter("team", limit.Limits{Requests: 10}).Take(1); err == nil || s.Status().Reason != want {
			t.Errorf("%s: %v %+v", name, err, s.Status())
		}
	}
}

// issuer gives tokens of an identity, one after the other.
type issuer struct {
	scope atomic.Value
	token atomic.Pointer[string]
}

func (i *issuer) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	i.scope.Store(strings.Join(o.Scopes, " "))
	token := i.token.Load()
	if token == nil {
		return azcore.AccessToken{}, errors.New("no token: canary")
	}
	return azcore.AccessToken{Token: *token, ExpiresOn: time.Now().Add(time.Hour)}, nil
}

const objectName = "0f0f0f0f-0000-0000-0000-00000000000a"

func tokenOf(serial int) string {
	payload := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"oid":"%s","uti":"%d"}`, objectName, serial))
	return "e30." + payload + ".c2ln"
}

// TestEntra: the token is the password, and the object id in it the user; a new
// token serves the connections that are made after it.
func TestEntra(t *testing.T) {
	r := redisServer(t)
	from := &issuer{}
	logs := &log{}
	s := newStore(t, r.Address(), quiet(prometheus.NewRegistry(), logs), func(c *Config) { c.credential = from })
	l := s.Limiter("team", limit.Limits{Requests: 10})
	if wait := s.keeper.look(t.Context()); wait != tokenRetry {
		t.Errorf("looks again after %v", wait)
	}
	if _, _, err := l.Take(1); err == nil || s.Status().Reason != becauseLogin {
		t.Errorf("%v %+v", err, s.Status())
	}
	for serial := range 2 {
		addUser(r, objectName, tokenOf(serial))
		from.token.Store(new(tokenOf(serial)))
		if wait := s.keeper.look(t.Context()); wait != tokenLook {
			t.Errorf("looks again after %v", wait)
		}
		take(t, l, 1)
		if who := fmt.Sprint(r.Do("CLIENT", "LIST")); !strings.Contains(who, "user="+objectName) {
			t.Error(who)
		}
		r.Do("CLIENT", "KILL", "USER", objectName) // as Azure does when a token ends
		until(t, "the connections have ended", func() bool {
			return !strings.Contains(r.Do("CLIENT", "LIST").(string), objectName)
		})
	}
	if from.scope.Load() != DefaultScope {
		t.Errorf("asked for %v", from.scope.Load())
	}
	if text := logs.String(); strings.Contains(text, "canary") || strings.Contains(text, "c2ln") {
		t.Error(text)
	}
	for token, want := range map[string]string{tokenOf(1): objectName, "": "", "a.b": "", "e30.e30.x": "", "e30." + strings.Repeat("A", 10): ""} {
		if got := objectID(token); got != want {
			t.Errorf("%s: %q", token, got)
		}
	}
}

// certificate makes one that signs itself, for a name.
func certificate(t testing.TB, name string) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	write(t, certFile, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})))
	write(t, keyFile, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	return certFile, keyFile
}

func freePort(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return strconv.Itoa(ln.Addr().(*net.TCPAddr).Port)
}

// TestTLS: the server must prove its name to the configured authority, and a
// connection that it ended is not used again.
func TestTLS(t *testing.T) {
	cert, key := certificate(t, "localhost")
	port := freePort(t)
	r := redisServer(t, "--tls-port", port, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert, "--tls-auth-clients", "no")
	s := newStore(t, "localhost:"+port, func(c *Config) { c.Redis.CA = cert })
	l := s.Limiter("team", limit.Limits{Requests: 10})
	take(t, l, 1)
	for range 3 {
		r.Do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
		until(t, "the connections have ended", func() bool {
			return strings.Count(r.Do("CLIENT", "LIST").(string), "\n") == 1 // its own
		})
		take(t, l, 1)
	}
	other, _ := certificate(t, "localhost")
	for name, change := range map[string]func(*Config){
		"another authority": func(c *Config) { c.Redis.CA = other },
		"the system's":      func(*Config) {},
		"another name":      func(c *Config) { c.Redis.Address, c.Redis.CA = "127.0.0.1:"+port, cert },
	} {
		s := newStore(t, "localhost:"+port, change)
		if _, _, err := s.Limiter("team", limit.Limits{Requests: 10}).Take(1); err == nil || s.Status().Reason != becauseCertificate {
			t.Errorf("%s: %v %+v", name, err, s.Status())
		}
	}
	plain := newStore(t, "localhost:"+port, func(c *Config) { c.Redis.Plaintext = true })
	if _, _, err := plain.Limiter("team", limit.Limits{Requests: 10}).Take(1); err == nil {
		t.Error("in clear")
	}
}

// redirect is what a node of a cluster says.
type redirect string

func (r redirect) Error() string { return string(r) }
func (redirect) RedisError()     {}

// TestNodesComeAndGo: of the nodes that a cluster has had, those that have
// nothing of ours any more are forgotten.
func TestNodesComeAndGo(t *testing.T) {
	s := newStore(t, "seed:1", func(c *Config) { c.Redis.Plaintext = true })
	c := s.client
	for i := range 10_000 {
		to, ok := c.moved(redirect(fmt.Sprintf("MOVED %d 10.0.0.1:%d", i, i)))
		if !ok {
			t.Fatal(i)
		}
		c.settle("key", to)
		c.node("key")
	}
	if n := len(c.nodes); n > maxNodes || len(c.home) != 1 {
		t.Errorf("%d nodes", n)
	}
	for said, want := range map[string]string{
		"MOVED 3999 127.0.0.1:6381": "127.0.0.1:6381", "MOVED 3999 [::1]:6381": "[::1]:6381", "MOVED 3999 :6381": "seed:6381",
		"MOVED 3999": "", "MOVED 3999 x": "", "MOVED 3999 x:": "", "MOVED 1 a:1 b": "", "ASK 3999 127.0.0.1:6381": "", "ERR": "",
	} {
		if to, _ := c.moved(redirect(said)); to != want {
			t.Errorf("%s: %q", said, to)
		}
	}
	if _, ok := c.moved(errors.New("MOVED 3999 127.0.0.1:6381")); ok {
		t.Error("not a server's word")
	}
}

// TestCluster: a workload is counted at the node that has it, whichever is
// asked first, and the process that asked another one learns.
func TestCluster(t *testing.T) {
	ports, buses := []string{freePort(t), freePort(t)}, []string{freePort(t), freePort(t)}
	var nodes []*redistest.Server
	for i, port := range ports {
		n := redisServer(t, "--port", port, "--bind", "127.0.0.1", "--cluster-enabled", "yes", "--cluster-config-file", "nodes-"+strconv.Itoa(i), "--cluster-port", buses[i])
		nodes = append(nodes, n)
	}
	nodes[0].Do("CLUSTER", "ADDSLOTSRANGE", 0, 8191)
	nodes[1].Do("CLUSTER", "ADDSLOTSRANGE", 8192, 16383)
	nodes[0].Do("CLUSTER", "MEET", "127.0.0.1", ports[1], buses[1])
	known := func(n *redistest.Server) bool {
		info := fmt.Sprint(n.Do("CLUSTER", "INFO"))
		return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_slots_assigned:16384")
	}
	until(t, "the nodes know each other", func() bool { return known(nodes[0]) && known(nodes[1]) })
	var stores []*Store
	for _, port := range ports {
		stores = append(stores, newStore(t, "127.0.0.1:"+port, func(c *Config) { c.Redis.Plaintext = true }))
	}
	for i := range 8 {
		name := fmt.Sprintf("team%d", i)
		one, other := stores[0].Limiter(name, limit.Limits{Requests: 4}), stores[1].Limiter(name, limit.Limits{Requests: 4})
		for range 2 {
			take(t, one, 1)
			take(t, other, 1)
		}
		if _, no := take(t, one, 1); no == nil {
			t.Errorf("%s: let through", name)
		}
		if _, used := other.State(); used.Requests != 4 {
			t.Errorf("%s: %+v", name, used)
		}
	}
	for _, s := range stores {
		if len(s.client.nodes) != 2 || len(s.client.home) == 0 {
			t.Errorf("%d nodes, %d keys elsewhere", len(s.client.nodes), len(s.client.home))
		}
	}
}
