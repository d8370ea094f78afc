package relay

// Settings is the section `relay` of the configuration file.
type Settings struct {
	Directory string `yaml:"directory" config:"required" doc:"the relay's member directory, as portal enroll made it"`
	Listen    string `yaml:"listen" config:"required" doc:"address and port for legs; 443 passes most firewalls"`
	MaxLegs   int    `yaml:"max_legs" doc:"legs open at once; default 4096"`
	Admin     string `yaml:"admin" doc:"private listener for /healthz, /readyz and /metrics, for example 127.0.0.1:9443; default none"`
}
