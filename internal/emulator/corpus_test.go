package emulator

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/ostiary/ostiary/docs"
)

// glossaryFile holds the glossary alone.
func glossaryFile(t testing.TB) fs.FS {
	t.Helper()
	text, err := fs.ReadFile(docs.Files, "glossary.md")
	if err != nil {
		t.Fatal(err)
	}
	return fstest.MapFS{"glossary.md": {Data: text}}
}

func glossary(t testing.TB) *corpus { return newCorpus(glossaryFile(t)) }

func ask(text string) []turn { return []turn{{"user", text}} }

func TestQuestionsFindTheirEntry(t *testing.T) {
	c := glossary(t)
	questions := []struct{ ask, heading string }{
		{"What is Ockham's Razor?", "Ockham's Razor"},
		{"explain occam's razor", "Ockham's Razor"},
		{"Which principle prefers the explanation with the fewest assumptions?", "Ockham's Razor"},
		{"ockhams razer", "Ockham's Razor"},
		{"what's a private endpoint good for?", "Private endpoint"},
		{"How does Private Link differ from a public address?", "Private Link"},
		{"private endpiont", "Private endpoint"},
		{"Why do I need a private dns zone?", "Private DNS zone"},
		{"what does a private DNS zone group do", "Private DNS zone group"},
		{"VNet", "Virtual network"},
		{"Is vnet peering transitive?", "Peering"},
		{"Define NSG.", "Network security group"},
		{"how are network security group rules ordered by priority", "Network security group"},
		{"service tags", "Service tag"},
		{"Does a NAT gateway drop idle connections?", "NAT gateway"},
		{"azure active directory", "Entra ID"},
		{"What was Entra called before?", "Entra ID"},
		{"How can a VM get credentials without storing a secret?", "Managed identity"},
		{"manged identity", "Managed identity"},
		{"What is workload identity federation?", "Workload identity"},
		{"what's inside a JWT", "JSON Web Token"},
		{"jwks rotation kid", "JSON Web Key Set"},
		{"what does the aud claim name?", "Audience"},
		{"role based access control", "Role-based access control"},
		{"which role does an app need to call azure openai and nothing more", "Cognitive Services OpenAI User"},
		{"Why do I get 404 when api-version is missing?", "api-version"},
		{"vectors where similar texts are near each other", "Embeddings"},
		{"how many characters is a language model token", "Token (of a language model)"},
		{"too many requests 429", "HTTP 429"},
		{"What happens when the content fliter blocks my prompt?", "Content filter"},
		{"server sent events", "Server-sent events"},
		{"data: [DONE]", "Server-sent events"},
		{"kusto", "Data Explorer"},
		{"Who consumes Event Hubs and does reading remove events?", "Event Hubs"},
		{"How does a Merkle tree prove that an entry is in a list?", "Merkle tree"},
		{"what is a signed checkpoint of a log", "Checkpoint"},
		{"Who is a witness and what do they check?", "Witness"},
		{"the consumer's end of a portal", "Inlet"},
		{"the owner's end of the portal", "Outlet"},
		{"Can the relay read my traffic?", "Relay"},
		{"what is a one-time enrolment ticket", "Ticket"},
		{"mtls", "Mutual TLS"},
		{"quantum computers and key exchange", "Post-quantum key exchange"},
		{"What is MLKEM?", "ML-KEM"},
		{"perfect forward secrecy", "Forward secrecy"},
		{"leest privilege", "Least privilege"},
		{"what is zero trust security", "Zero trust"},
		{"should everything be denied by default?", "Default deny"},
		{"what would terraform change before apply", "Plan"},
		{"someone changed a resource by hand", "Drift"},
		{"Where does terraform keep secrets in clear?", "Terraform state"},
		{"difference of control plane and data plane", "plane"},
	}
	missed := 0
	for _, q := range questions {
		hits := c.search(c.understand(ask(q.ask)))
		if len(hits) == 0 || !strings.Contains(c.passages[hits[0].passage].heading, q.heading) {
			missed++
			t.Logf("missed: %q wants %q", q.ask, q.heading)
			for _, h := range hits[:min(3, len(hits))] {
				t.Logf("    %-40s %.2f coverage %.2f", c.passages[h.passage].heading, h.score, h.coverage)
			}
			continue
		}
		if hits[0].coverage < minCoverage {
			missed++
			t.Logf("not sure enough of %q: coverage %.2f", q.ask, hits[0].coverage)
		}
	}
	if found := len(questions) - missed; found*100 < 90*len(questions) {
		t.Errorf("found %d of %d, want 90 %%", found, len(questions))
	}
}
