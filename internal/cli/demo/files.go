package demo

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ostiary/ostiary/internal/config"
	"github.com/ostiary/ostiary/internal/fault"
)

// The configuration files that the demo writes and then runs from: they are
// what a person would write, and stay readable beside the state they name.

const authorityYAML = `# The authority: who belongs to the project.
authority:
  project: demo
  directory: {{dir}}/authority
  listen: {{authority}}
  address: {{authority}}
`

const relayYAML = `# The relay, between the companies. It joins them and reads nothing.
relay:
  directory: {{dir}}/members/relay
  listen: {{relay}}
  admin: unix:{{dir}}/relay.sock
`

const ownerYAML = `# The owner company: the gateway in front of the private model, and the outlet.
gateway:
  listen: {{gateway}}
  tls: {certificate: {{dir}}/gateway.pem, key: {{dir}}/gateway.key}
  members:
    listen: {{members}}
    directory: {{dir}}/members/gateway
{{callers}}  workloads:
    - name: research
      members: ["spiffe://demo/inlet/health-corp"]
      capture: full
      grants:
        - deployments: ["*"]
          operations: [chat/completions, embeddings, models]
{{workload}}  backends:
    - name: model
{{backend}}  ledger:
    directory: {{dir}}/ledger
    auditors: ["{{auditor}}"]
    sinks:
      - name: calls
        sqlite: {file: {{dir}}/calls.db}
  admin: unix:{{dir}}/gateway.sock
outlet:
  directory: {{dir}}/members/outlet
  relays: ["{{relay}}"]
  service: openai
  target: {{members}}
  allow:
    - attributes: {team: research}
  admin: unix:{{dir}}/outlet.sock
`

const consumerYAML = `# The consumer company: the inlet, and no key of the model.
inlet:
  directory: {{dir}}/members/inlet
  listen: {{inlet}}
  relays: ["{{relay}}"]
  service: openai
  outlet: spiffe://demo/outlet/ai-corp
  gateway: spiffe://demo/gateway/ai-corp
  tls: {certificate: {{dir}}/inlet.pem, key: {{dir}}/inlet.key}
  admin: unix:{{dir}}/inlet.sock
`

const chatYAML = `# The owner's own people: the page on which they ask, each in their own name.
chat:
  listen: {{chat}}
  url: http://{{chat}}
{{people}}  gateway: {url: "https://{{gateway}}", ca: {{dir}}/rehearsal/ca.pem}
  store: {sqlite: {{dir}}/chat.db}
  admin: unix:{{dir}}/chat.sock
`

// write fills a template and stores it as NAME.yaml.
func write(dir, name, template string, values map[string]string) error {
	for k, v := range values {
		template = strings.ReplaceAll(template, "{{"+k+"}}", v)
	}
	if i := strings.Index(template, "{{"); i >= 0 {
		return fault.New(fault.Internal, fmt.Sprintf("%s.yaml: nothing for %.20s", name, template[i:]))
	}
	return os.WriteFile(filepath.Join(dir, name+".yaml"), []byte(template), 0o600)
}

// load reads a file back by the door that every command uses.
func load[T any](dir, name string) (T, error) {
	var sections T
	return sections, config.Load(filepath.Join(dir, name+".yaml"), &sections, config.Options{})
}
