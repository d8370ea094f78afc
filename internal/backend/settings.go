package backend

import (
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/ostiary/ostiary/internal/login"
	"github.com/ostiary/ostiary/internal/openai"
	"github.com/ostiary/ostiary/internal/secret"
)

// Kind is how a backend speaks.
type Kind string

// The kinds.
const (
	Azure  Kind = "azure"  // both forms of Azure OpenAI; the default
	OpenAI Kind = "openai" // OpenAI's v1 below the URL
)

// Settings is one backend.
type Settings struct {
	Name        string        `yaml:"name" config:"required" doc:"its name in records and metrics"`
	URL         string        `yaml:"url" config:"required" doc:"azure: https://NAME.openai.azure.com; openai: up to and including /v1"`
	Kind        Kind          `yaml:"kind" doc:"azure or openai; default azure"`
	Deployments []string      `yaml:"deployments" doc:"deployments that it serves; * and ? match; default all"`
	Region      string        `yaml:"region" doc:"the Azure region it is in, such as swedencentral, for conditions of grants"`
	Workload    string        `yaml:"workload" doc:"the only workload that uses it; its files, batches, vector stores and stored responses can then be served; default any"`
	CA          string        `yaml:"ca" doc:"PEM file of the only authority trusted for it; default the system's"`
	Proxy       *Proxy        `yaml:"proxy" doc:"HTTP proxy to go out by; default directly, whatever the environment says"`
	Priority    int           `yaml:"priority" doc:"those with the lowest number are used while one of them is well; default 0"`
	Weight      int           `yaml:"weight" doc:"its share of the calls among those of one priority; default 1"`
	StreamUsage *bool         `yaml:"stream_usage" doc:"false for a server that knows no stream_options: streams are then not asked for their usage; default true"`
	FirstByte   time.Duration `yaml:"first_byte_timeout" doc:"longest wait for an answer to begin; default 10m"`

	APIKey           secret.Ref              `yaml:"api_key" doc:"env:NAME or file:PATH"`
	Entra            *login.ServicePrincipal `yaml:"entra" doc:"a service principal with a secret"`
	ManagedIdentity  *login.ManagedIdentity  `yaml:"managed_identity" doc:"the identity of the host; {} for the system-assigned one"`
	WorkloadIdentity *login.WorkloadIdentity `yaml:"workload_identity" doc:"federated identity of a Kubernetes pod; {} reads the AZURE_ variables"`
	PassCallerToken  bool                    `yaml:"pass_caller_token" doc:"the caller's own Entra token instead of ours, so that Azure's roles see the person; callers without one are not sent there"`
	Scope            string                  `yaml:"scope" doc:"scope of Entra tokens; default https://cognitiveservices.azure.com/.default"`
}

const (
	defaultScope     = "https://cognitiveservices.azure.com/.default"
	defaultFirstByte = 10 * time.Minute

	maxNumber = 1000 // priority and weight
)

// Check reports what the types cannot.
func (s *Settings) Check(report func(path, what, fix string)) {
	switch s.Kind {
	case "", Azure, OpenAI:
	default:
		report("kind", "unknown kind", "write azure or openai")
	}
	for i, pattern := range s.Deployments {
		if _, err := openai.ParsePattern(pattern); err != nil {
			report(fmt.Sprintf("deployments[%d]", i), "not a pattern", "write names, with * for any characters and ? for one")
		}
	}
	if s.FirstByte < 0 {
		report("first_byte_timeout", "negative", "write a duration such as 10m")
	}
	if s.Priority < 0 || s.Priority > maxNumber {
		report("priority", "out of range", "write a whole number from 0 on")
	}
	if s.Weight < 0 || s.Weight > maxNumber {
		report("weight", "out of range", "write a whole number from 1 on, such as 3 for three times the calls")
	}
	s.checkURL(report)
	if s.Proxy != nil {
		if _, _, err := net.SplitHostPort(s.Proxy.Address); err != nil {
			report("proxy.address", "not host:port", "write for example proxy.corp.example:3128")
		}
		if !strings.HasPrefix(s.URL, "https://") {
			report("proxy", "the proxy would read what is sent in clear", "use an https url, or leave the proxy out")
		}
	}
	switch n := s.credentials(); {
	case n > 1:
		report("", "more than one credential", "keep one of api_key, entra, managed_identity, workload_identity and pass_caller_token")
	case n == 0 && s.Kind != OpenAI:
		report("", "no credential", "add api_key, entra, managed_identity, workload_identity or pass_caller_token")
	}
}

func (s *Settings) checkURL(report func(path, what, fix string)) {
	if s.URL == "" {
		return // reported as missing
	}
	u, err := url.Parse(s.URL)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.RawPath != "":
		report("url", "not a plain URL", "write https://HOST, without user, query or escapes")
	case u.Scheme == "http" && s.credentials() > 0 && !loopback(u.Hostname()):
		report("url", "a credential would cross the network in clear", "use https; plain http is for loopback, or for a server without credential")
	case u.Scheme != "https" && u.Scheme != "http":
		report("url", "neither https nor http", "write https://HOST")
	}
}

// login is how the gateway gets tokens for the backend.
func (s *Settings) login() login.Login {
	return login.Login{ServicePrincipal: s.Entra, ManagedIdentity: s.ManagedIdentity, WorkloadIdentity: s.WorkloadIdentity}
}

func (s *Settings) credentials() int {
	n := s.login().Count()
	if !s.APIKey.IsZero() {
		n++
	}
	if s.PassCallerToken {
		n++
	}
	return n
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
