package authority

import (
	"path/filepath"
	"time"

	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/secret"
	"github.com/ostiary/ostiary/internal/witness"
)

// Settings is the section `authority` of the configuration file.
type Settings struct {
	Project         string        `yaml:"project" config:"required" doc:"name of the project: a-z, 0-9, - and ."`
	Directory       string        `yaml:"directory" config:"required" doc:"keeps the root key, the members and the issuance log; back it up, guard it"`
	Listen          string        `yaml:"listen" config:"required" doc:"address and port for nodes that enrol and renew"`
	Address         string        `yaml:"address" config:"required" doc:"host:port by which nodes reach it; written into tickets"`
	CertificateLife time.Duration `yaml:"certificate_life" doc:"life of a member's certificate, 1m to 24h; default 24h"`
	Database        secret.Ref    `yaml:"database" doc:"postgres://USER:PASSWORD@HOST/DATABASE of a PostgreSQL that several authorities share: env:NAME or file:PATH; default SQLite in the directory"`
	Admin           string        `yaml:"admin" doc:"private listener, unix:PATH; default unix:DIRECTORY/admin.sock"`

	Witness *witness.Settings `yaml:"witness" doc:"be a witness of logs kept by others, at https://ADDRESS/witness; default none"`
}

// Check reports what the types cannot.
func (s *Settings) Check(report func(path, what, fix string)) {
	if s.Project != "" && !pki.ValidLabel(s.Project) {
		report("project", "not a project's name", "use a-z, 0-9, - and ., 63 at most")
	}
	if l := s.CertificateLife; l != 0 && (l < MinLife || l > MaxLife) {
		report("certificate_life", "out of bounds", "choose 1m to 24h")
	}
}

// AdminAddress is Admin or its default.
func (s *Settings) AdminAddress() string {
	if s.Admin != "" {
		return s.Admin
	}
	return "unix:" + filepath.Join(s.Directory, "admin.sock")
}
