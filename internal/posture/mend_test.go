package posture

import (
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/estate"
)

// Names come from a document that anyone may have written: in a line to paste
// they stay names.
func TestMendsQuoteNames(t *testing.T) {
	a := &estate.Account{}
	a.Name, a.ID = "x\"\n${file(\"/etc/passwd\")}", "/subscriptions/s/accounts/it's; rm -rf ~"
	if got := azSet(a, "properties.x=y"); got != `az resource update --ids '/subscriptions/s/accounts/it'\''s; rm -rf ~' --set properties.x=y` {
		t.Errorf("az: %s", got)
	}
	got := hcl("azurerm_cognitive_account", a, "x = 1")
	if first, rest, _ := strings.Cut(got, "\n"); rest != "x = 1" || first != `# in azurerm_cognitive_account "x\"\n$${file(\"/etc/passwd\")}"` {
		t.Errorf("terraform: %s", got)
	}
	a.Address = "azurerm_cognitive_account.x[\"a\"]\nprovisioner"
	if got := hcl("azurerm_cognitive_account", a, "x = 1"); strings.Count(got, "\n") != 1 {
		t.Errorf("terraform: %q", got)
	}
	a.ID = "azurerm_cognitive_account.x"
	if got := azSet(a, "properties.x=y") + azFor(a, "az x --id"); got != "" {
		t.Errorf("az for what has no id: %s", got)
	}
}
