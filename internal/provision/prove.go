package provision

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"

	"github.com/ostiary/ostiary/internal/azure"
	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/posture"
	"github.com/ostiary/ostiary/internal/topology"
)

// Proof is the estate as Azure has it, and what it is worth.
type Proof struct {
	Snapshot azure.Snapshot
	Topology *topology.Topology
	Options  posture.Options
	Report   posture.Report
}

// Prove reads the estate as Azure has it and judges it.
func (d *Deployment) Prove(ctx context.Context) (Proof, error) {
	var p Proof
	var err error
	if p.Snapshot, err = azure.Read(ctx, d.Azure); err != nil {
		return p, err
	}
	data, err := p.Snapshot.JSON()
	if err != nil {
		return p, err
	}
	e, err := estate.ReadARM(bytes.NewReader(data), estate.Options{})
	if err != nil {
		return p, err
	}
	p.Options = posture.Options{
		Source: "subscription " + d.Settings.Subscription, Taken: p.Snapshot.Taken, Now: d.Now(),
		Waivers: d.Settings.Waivers, Clients: d.Settings.clients(), Listed: p.Snapshot.Listed(),
	}
	p.Topology = topology.New(e, topology.Config{})
	p.Report = posture.Judge(e, p.Topology, p.Options)
	return p, nil
}

// Versions say what made an estate.
type Versions struct {
	Ostiary  string `json:"ostiary"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Tool     string `json:"tool"`     // its name and version, as "OpenTofu 1.12.6"
	Provider string `json:"provider"` // of azurerm, as the lock file has it; empty before a plan
}

var lockedVersion = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?s)/hashicorp/azurerm".*?version\s*=\s*"([^"]{1,64})"`)
})

// Versions asks the tool and reads the lock file.
func (d *Deployment) Versions(ctx context.Context) (Versions, error) {
	v := Versions{Ostiary: d.Image.Version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	t, err := newTool(d.path, d.space.stack(globalStack), d.space.log(globalStack))
	if err != nil {
		return v, err
	}
	defer t.close()
	if v.Tool, err = t.checkVersion(ctx); err != nil {
		return v, err
	}
	lock, _ := os.ReadFile(filepath.Join(d.space.stack(globalStack), ".terraform.lock.hcl"))
	if m := lockedVersion().FindSubmatch(lock); m != nil {
		v.Provider = string(m[1])
	}
	return v, nil
}

// Evidence is a run against the real thing, for others to read: what was
// deployed, what stands there, and what was seen from where it was looked from.
// It holds ids, names, addresses and tags, and no secret: what authors write
// into machines and apps is left out.
type Evidence struct {
	Format   string          `json:"format"`
	Versions Versions        `json:"versions"`
	Emulated bool            `json:"emulated"` // it was gathered in a rehearsal, and says nothing of Azure
	Endpoint string          `json:"endpoint"` // of the Resource Manager
	Status   Status          `json:"status"`
	Report   posture.Report  `json:"report"`
	Snapshot json.RawMessage `json:"snapshot"`
}

// EvidenceFormat names the file's format.
const EvidenceFormat = "ostiary-evidence/1"

// Bare is a snapshot without what authors may have written secrets into: the
// environment, commands and data of apps and machines, and connection keys.
// None of it decides what is private.
func Bare(snapshot []byte) ([]byte, error) {
	var v any
	d := json.NewDecoder(bytes.NewReader(snapshot))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, fault.New(fault.Internal, "the snapshot is not JSON").Because(err)
	}
	return json.Marshal(bare(v))
}

func bare(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = bare(v[i])
		}
	case map[string]any:
		for name, inner := range v {
			switch strings.ToLower(name) {
			case "env", "command", "args", "appsettings", "connectionstrings", "metadata", "appcommandline", "customdata", "userdata", "sharedkey", "authorizationkey":
				delete(v, name)
			default:
				v[name] = bare(inner)
			}
		}
	}
	return v
}
