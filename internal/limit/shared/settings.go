package shared

import (
	"net"
	"regexp"
	"strings"
	"time"

	"github.com/ostiary/ostiary/internal/login"
	"github.com/ostiary/ostiary/internal/secret"
)

// Settings is where limits are counted for several gateways.
type Settings struct {
	Redis     RedisSettings `yaml:"redis" config:"required" doc:"the server that counts"`
	Prefix    string        `yaml:"prefix" doc:"what its keys begin with; gateways of one prefix share their limits; default ostiary"`
	OnFailure OnFailure     `yaml:"on_failure" doc:"what is done while it does not answer: refuse calls of limited workloads with 503, or alone, each gateway counting for itself; default refuse"`
	Timeout   time.Duration `yaml:"timeout" doc:"how long a call waits for it, 10ms to 5s; default 250ms"`
}

// RedisSettings is a server.
type RedisSettings struct {
	Address   string `yaml:"address" config:"required" doc:"host:port, of Azure Managed Redis NAME.REGION.redis.azure.net:10000; or unix:PATH"`
	Plaintext bool   `yaml:"plaintext" doc:"speak without TLS: only to a loopback address, or without login on a network that you trust"`
	CA        string `yaml:"ca" doc:"PEM file of the only authority trusted for the server; default the system's"`

	User             string                  `yaml:"user" doc:"with a password: the ACL user, default default; with Entra: default the object id in the token"`
	Password         secret.Ref              `yaml:"password" doc:"env:NAME or file:PATH, read anew for each connection"`
	Entra            *login.ServicePrincipal `yaml:"entra" doc:"a service principal with a secret"`
	ManagedIdentity  *login.ManagedIdentity  `yaml:"managed_identity" doc:"the identity of the host; {} for the system-assigned one"`
	WorkloadIdentity *login.WorkloadIdentity `yaml:"workload_identity" doc:"federated identity of a Kubernetes pod; {} reads the AZURE_ variables"`
	Scope            string                  `yaml:"scope" doc:"scope of Entra tokens; default https://redis.azure.com/.default"`
}

// OnFailure is what is done while the server does not answer.
type OnFailure string

// The two; empty means Refuse.
const (
	Refuse OnFailure = "refuse"
	Alone  OnFailure = "alone"
)

// What holds where the settings say nothing. The scope is that of Azure Managed
// Redis and of Azure Cache for Redis.
const (
	DefaultPrefix  = "ostiary"
	DefaultTimeout = 250 * time.Millisecond
	DefaultScope   = "https://redis.azure.com/.default"
)

const unixScheme = "unix:"

var prefixPattern = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,64}$`)

// Check reports what the types cannot.
func (s *Settings) Check(report func(path, what, fix string)) {
	if s.Prefix != "" && !prefixPattern.MatchString(s.Prefix) {
		report("prefix", "not a prefix", "write up to 64 letters, digits and any of . _ : -")
	}
	if s.OnFailure != "" && s.OnFailure != Refuse && s.OnFailure != Alone {
		report("on_failure", "unknown", "write refuse or alone")
	}
	if s.Timeout != 0 && (s.Timeout < 10*time.Millisecond || s.Timeout > 5*time.Second) {
		report("timeout", "out of range", "write a duration from 10ms to 5s")
	}
}

// Check reports what the types cannot.
func (s *RedisSettings) Check(report func(path, what, fix string)) {
	path, unix := strings.CutPrefix(s.Address, unixScheme)
	host, port, err := net.SplitHostPort(s.Address)
	if s.Address != "" && (unix && path == "" || !unix && (err != nil || host == "" || port == "")) {
		report("address", "not host:port", "write for example redis.internal:6379, or unix:PATH")
	}
	logins := s.login().Count()
	if !s.Password.IsZero() {
		logins++
	}
	ip := net.ParseIP(host)
	loopback := unix || host == "localhost" || ip != nil && ip.IsLoopback()
	switch {
	case logins > 1:
		report("", "more than one login", "keep one of password, entra, managed_identity and workload_identity")
	case logins == 1 && s.Plaintext && !loopback:
		report("plaintext", "a credential would cross the network in clear", "remove it, so that TLS is used")
	case logins == 0 && s.User != "":
		report("user", "a user without a login", "add password or one of Entra's logins, or remove it")
	}
}

func (s *RedisSettings) login() login.Login {
	return login.Login{ServicePrincipal: s.Entra, ManagedIdentity: s.ManagedIdentity, WorkloadIdentity: s.WorkloadIdentity}
}
