//go:build azurerm

package azurerm_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/modules"
)

// The workflow that users copy, both jobs, every run: step in its order, with no
// secret anywhere: the emulated Entra takes the runner's token for the
// application's, checked against the credentials that Graph keeps. A person
// applies first; the pipeline plans, refuses and applies after that, each time in
// a fresh checkout with nothing but what was committed.
func TestWorkflow(t *testing.T) {
	t.Parallel()
	r := newRunner(t)
	estate := example(t, "one-region") + "deployers: [" + r.registers() + "]\n"
	r.write("estate.yaml", estate)
	r.deploy(0, "apply", "--yes")
	where, err := os.ReadFile(filepath.Join(r.dir, ".ostiary", "acmeai", "state.json"))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"estate.yaml": estate, ".ostiary/acmeai/state.json": string(where)}

	t.Run("a wrong sum", func(t *testing.T) {
		end := r.does("plan", r.checkout(files), map[string]string{"SHA256": strings.Repeat("0", 64)})
		if !strings.Contains(end.failed, "sha256sum") || len(end.done) != 1 || !strings.Contains(end.said, "FAILED") {
			t.Errorf("%q, after %d steps: %s", end.failed, len(end.done), tail(end.said))
		}
	})
	t.Run("another repository", func(t *testing.T) {
		end := r.does("plan", r.checkout(files), map[string]string{"subject": "repo:somebody/else:pull_request"})
		if !strings.Contains(end.failed, "deploy plan") || !strings.Contains(end.said, "AADSTS700213") {
			t.Errorf("%q: %s", end.failed, tail(end.said))
		}
	})
	t.Run("a pull request", func(t *testing.T) {
		dir := r.checkout(files)
		end := r.does("plan", dir, nil)
		if end.failed != "" || !strings.Contains(end.said, "global: nothing to do") || !strings.Contains(end.said, "workload: nothing to do") {
			t.Fatalf("%q: %s", end.failed, tail(end.said))
		}
		codeScanning(t, dir, end)
	})
	t.Run("a pull request that opens the account", func(t *testing.T) {
		dir := r.checkout(files)
		if err := os.CopyFS(filepath.Join(dir, "modules"), modules.Files); err != nil {
			t.Fatal(err)
		}
		account := filepath.Join(dir, "modules", "openai", "main.tf")
		data, err := os.ReadFile(account)
		const closed = "public_network_access_enabled      = false"
		if err != nil || !strings.Contains(string(data), closed) {
			t.Fatal(err)
		}
		open := strings.Replace(string(data), closed, strings.Replace(closed, "false", "true", 1), 1)
		if err := os.WriteFile(account, []byte(open), 0o600); err != nil {
			t.Fatal(err)
		}
		end := r.does("plan", dir, map[string]string{"MODULES": "--modules modules"})
		if !strings.Contains(end.failed, "deploy plan") {
			t.Errorf("it passes: %s", tail(end.said))
		}
		if rules := codeScanning(t, dir, end); !slices.Contains(rules, "public-access-off") {
			t.Errorf("code scanning would not show it, but %v", rules)
		}
	})
	t.Run("merged", func(t *testing.T) {
		estate = strings.Replace(estate, "capacity: 50", "capacity: 60", 1)
		files["estate.yaml"] = estate
		dir := r.checkout(files)
		end := r.does("apply", dir, nil)
		if end.failed != "" || !strings.Contains(end.said, "PRIVATE") || !slices.Equal(end.upload, []string{"evidence.json"}) {
			t.Fatalf("%q, uploads %v: %s", end.failed, end.upload, tail(end.said))
		}
	})
	r.write("estate.yaml", estate)
	r.built("acmeai", map[string]string{"acmeai-vnet/apps": "401", "internet": "403"})
	r.deploy(0, "destroy", "--yes")
	r.nothingLeft()
}

// codeScanning demands of a job's SARIF what GitHub needs to show it, as its
// page "SARIF support for code scanning" says, and gives the rules of results.
func codeScanning(t *testing.T, dir string, end ran) (found []string) {
	t.Helper()
	if !slices.Contains(end.upload, "plan.sarif") {
		t.Fatalf("nothing is uploaded but %v", end.upload)
	}
	data, err := os.ReadFile(filepath.Join(dir, "plan.sarif"))
	type text struct{ Text string }
	var log struct {
		Schema  string `json:"$schema"`
		Version string
		Runs    []struct {
			Tool struct {
				Driver struct {
					Name  string
					Rules []struct {
						ID                                string
						ShortDescription, FullDescription text
						Help                              text
					}
				}
			}
			Results []struct {
				RuleID              string `json:"ruleId"`
				RuleIndex           int
				Message             text
				PartialFingerprints map[string]string
				Locations           []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI string }
						Region           struct{ StartLine, StartColumn, EndLine, EndColumn int }
					}
				}
			}
		}
	}
	if err == nil {
		err = json.Unmarshal(data, &log)
	}
	if err != nil || log.Version != "2.1.0" || !strings.Contains(log.Schema, "sarif") || len(log.Runs) != 1 || log.Runs[0].Tool.Driver.Name == "" {
		t.Fatalf("%v: %s", err, tail(string(data)))
	}
	rules := log.Runs[0].Tool.Driver.Rules
	for _, rule := range rules {
		if rule.ID == "" || rule.ShortDescription.Text == "" || rule.FullDescription.Text == "" || rule.Help.Text == "" {
			t.Errorf("rule %+v", rule)
		}
	}
	for _, result := range log.Runs[0].Results {
		if result.RuleIndex < 0 || result.RuleIndex >= len(rules) || rules[result.RuleIndex].ID != result.RuleID || result.Message.Text == "" ||
			result.PartialFingerprints["primaryLocationLineHash"] == "" || len(result.Locations) == 0 {
			t.Errorf("result %+v", result)
			continue
		}
		at := result.Locations[0].PhysicalLocation
		if !filepath.IsLocal(at.ArtifactLocation.URI) || at.Region.StartLine < 1 || at.Region.EndLine < at.Region.StartLine || at.Region.StartColumn < 1 {
			t.Errorf("%s is shown at %+v", result.RuleID, at)
		} else if _, err := os.Stat(filepath.Join(dir, at.ArtifactLocation.URI)); err != nil {
			t.Errorf("%s is shown in a file that the repository has not: %v", result.RuleID, err)
		}
		found = append(found, result.RuleID)
	}
	return found
}
