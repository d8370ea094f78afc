package relay

import (
	"crypto/tls"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/revocation"
)

// defaultDrain is how long pairs may go on where the settings say nothing.
const defaultDrain = 30 * time.Second

// Settings is the section `relay` of the configuration file.
type Settings struct {
	Directory string        `yaml:"directory" config:"required" doc:"the relay's member directory, as portal enroll made it"`
	Listen    string        `yaml:"listen" config:"required" doc:"address and port for legs, as TLS and as WebSocket; 443 passes most firewalls"`
	MaxLegs   int           `yaml:"max_legs" doc:"legs open at once; default 4096"`
	Limits    Limits        `yaml:"limits" doc:"what one member may have"`
	Drain     time.Duration `yaml:"drain" doc:"how long sessions may go on after SIGTERM, while their ends move elsewhere; default 30s"`
	Web       *Web          `yaml:"web" doc:"certificate for the HTTPS around WebSocket legs, where something between wants one that the world trusts; default the relay's own"`
	Admin     string        `yaml:"admin" doc:"private listener for /healthz, /readyz and /metrics, for example 127.0.0.1:9443; default none"`

	Revocation revocation.Settings `yaml:"revocation" doc:"what to do when nothing is heard of the authority"`
}

// Config reads the files that the settings name.
func (s Settings) Config(me pki.Credentials) (Config, error) {
	c := Config{Credentials: me, MaxLegs: s.MaxLegs, Limits: s.Limits, Drain: s.Drain}
	if c.Drain == 0 {
		c.Drain = defaultDrain
	}
	if s.Web != nil {
		cert, err := tls.LoadX509KeyPair(s.Web.Certificate, s.Web.Key)
		if err != nil {
			return c, fault.New(fault.Invalid, "cannot read the relay's certificate").At(s.Web.Certificate).Because(err)
		}
		c.Web = &cert
	}
	return c, nil
}

// Web names a certificate's files.
type Web struct {
	Certificate string `yaml:"certificate" config:"required" doc:"PEM file with the certificate chain"`
	Key         string `yaml:"key" config:"required" doc:"PEM file with its private key"`
}
