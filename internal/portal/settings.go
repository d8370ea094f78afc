package portal

import "github.com/ostiary/ostiary/internal/pki"

// InletSettings is the section `inlet` of the configuration file.
type InletSettings struct {
	Directory string   `yaml:"directory" config:"required" doc:"the inlet's member directory, as portal enroll made it"`
	Listen    string   `yaml:"listen" config:"required" doc:"address and port for clients; whoever reaches it speaks as the member"`
	Relays    []string `yaml:"relays" config:"required" doc:"relays as host:port, tried in turn"`
	Service   string   `yaml:"service" config:"required" doc:"the service, as the ticket named it"`
	Outlet    pki.ID   `yaml:"outlet" config:"required" doc:"the one outlet to speak to, spiffe://PROJECT/outlet/MEMBER"`
	Gateway   pki.ID   `yaml:"gateway" doc:"the gateway behind the outlet, spiffe://PROJECT/gateway/MEMBER: clients' connections become mutual TLS with it, as this member; default plain bytes"`
	TLS       *TLS     `yaml:"tls" doc:"certificate shown to clients; default plain TCP"`
	Admin     string   `yaml:"admin" doc:"private listener for /healthz, /readyz and /metrics; default none"`
}

// TLS names a certificate's files.
type TLS struct {
	Certificate string `yaml:"certificate" config:"required" doc:"PEM file with the certificate chain"`
	Key         string `yaml:"key" config:"required" doc:"PEM file with its private key"`
}

// OutletSettings is the section `outlet` of the configuration file.
type OutletSettings struct {
	Directory string   `yaml:"directory" config:"required" doc:"the outlet's member directory, as portal enroll made it"`
	Relays    []string `yaml:"relays" config:"required" doc:"relays as host:port; legs are kept waiting at each"`
	Service   string   `yaml:"service" config:"required" doc:"the service, as the ticket named it"`
	Target    string   `yaml:"target" config:"required" doc:"host:port of the service, for example the gateway's members listener"`
	Allow     []Rule   `yaml:"allow" config:"required" doc:"who may connect; a rule fits when all it says fits"`
	Admin     string   `yaml:"admin" doc:"private listener for /healthz, /readyz and /metrics; default none"`
}
