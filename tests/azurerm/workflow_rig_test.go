//go:build azurerm

package azurerm_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/goccy/go-yaml"
	"github.com/golang-jwt/jwt/v5"
)

// workflow is what a runner reads of examples/github/deploy.yml.
type workflow struct {
	Env  map[string]string `yaml:"env"`
	Jobs map[string]job    `yaml:"jobs"`
}

type job struct {
	Environment string            `yaml:"environment"`
	Permissions map[string]string `yaml:"permissions"`
	Steps       []step            `yaml:"steps"`
}

type step struct {
	Name string            `yaml:"name"`
	Uses string            `yaml:"uses"`
	Run  string            `yaml:"run"`
	If   string            `yaml:"if"`
	Env  map[string]string `yaml:"env"`
	With map[string]any    `yaml:"with"`
}

func readWorkflow(t *testing.T) workflow {
	t.Helper()
	data, err := os.ReadFile("../../examples/github/deploy.yml")
	var w workflow
	if err == nil {
		err = yaml.Unmarshal(data, &w)
	}
	if err != nil || len(w.Jobs["plan"].Steps) < 4 || len(w.Jobs["apply"].Steps) < 4 {
		t.Fatalf("%v: %+v", err, w)
	}
	return w
}

const (
	buildIssuer  = "https://token.actions.githubusercontent.com"
	repository   = "repo:sample/estate:"
	exchange     = "api://AzureADTokenExchange"
	release      = "/ostiary/ostiary/releases/download/v1.2.3/ostiary-linux-amd64"
	runnersToken = "the runner's own"
)

// runner stands for GitHub's: it gives a job its identity, serves the release in
// place of github.com, and runs what a workflow says. Actions (uses:) are not
// run: of the checkout there is the directory, of the set-up the terraform of
// this machine, and of the uploads the test looks at the file.
type runner struct {
	*world
	key  *rsa.PrivateKey
	keys string // file with its public half
	url  string
	vars map[string]string
	subj string // of the tokens, as the job that runs has it
}

func newRunner(t *testing.T) *runner {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "build", Algorithm: "RS256", Use: "sig"}}})
	if err != nil {
		t.Fatal(err)
	}
	r := &runner{key: key, keys: filepath.Join(t.TempDir(), "keys.json")}
	if err := os.WriteFile(r.keys, set, 0o600); err != nil {
		t.Fatal(err)
	}
	r.world = newWorld(t, fmt.Sprintf("directory: {issuers: [{url: %q, keys: %q}]}", buildIssuer, r.keys))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /idtoken", r.identity)
	mux.HandleFunc("GET "+release, func(w http.ResponseWriter, q *http.Request) { http.ServeFile(w, q, r.binary) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	r.url = server.URL
	program, err := os.ReadFile(r.binary)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(program)
	r.vars = map[string]string{"OSTIARY_VERSION": "v1.2.3", "OSTIARY_SHA256": hex.EncodeToString(sum[:])}
	return r
}

// identity signs who a job is, as GitHub's OIDC provider does.
func (r *runner) identity(w http.ResponseWriter, q *http.Request) {
	if q.Header.Get("Authorization") != "Bearer "+runnersToken {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	now := time.Now()
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"iss": buildIssuer, "aud": q.URL.Query().Get("audience"), "sub": r.subj, "jti": now.String(),
		"nbf": now.Unix(), "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
	})
	token.Header["kid"] = "build"
	signed, err := token.SignedString(r.key)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	fmt.Fprintf(w, `{"count":1,"value":%q}`, signed)
}

// registers does what docs/pipelines.md has az do: an application that trusts
// this repository, and Owner for it. It gives the service principal's object id.
func (r *runner) registers() string {
	r.t.Helper()
	var app, principal struct{ ID, AppID string }
	graph := func(path, body string, into any) {
		r.t.Helper()
		out := r.azure("https://graph.microsoft.com", "POST", "https://graph.microsoft.com/v1.0/"+path, body)
		if err := json.Unmarshal([]byte(out), into); err != nil || strings.Contains(out, `"error"`) {
			r.t.Fatal(err, out)
		}
	}
	graph("applications", `{"displayName":"acmeai-pipeline"}`, &app)
	graph("servicePrincipals", `{"appId":"`+app.AppID+`"}`, &principal)
	for name, subject := range map[string]string{"main": "environment:production", "pull-request": "pull_request"} {
		var made map[string]any
		graph("applications/"+app.ID+"/federatedIdentityCredentials", fmt.Sprintf(
			`{"name":%q,"issuer":%q,"subject":%q,"audiences":[%q]}`, name, buildIssuer, repository+subject, exchange), &made)
	}
	_, ids := r.run(r.at("internet", "--azure", "--", "sh", "-c", `echo "$AZURE_TENANT_ID $AZURE_SUBSCRIPTION_ID"`))
	tenant, subscription, _ := strings.Cut(strings.TrimSpace(ids), " ")
	r.vars["AZURE_CLIENT_ID"], r.vars["AZURE_TENANT_ID"], r.vars["AZURE_SUBSCRIPTION_ID"] = app.AppID, tenant, subscription
	const owner = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
	in := "/subscriptions/" + subscription + "/providers/Microsoft.Authorization/"
	out := r.arm("PUT", in+"roleAssignments/"+principal.ID+"?api-version=2022-04-01",
		`{"properties":{"principalType":"ServicePrincipal","principalId":"`+principal.ID+`","roleDefinitionId":"`+in+"roleDefinitions/"+owner+`"}}`)
	if !strings.Contains(out, principal.ID) || strings.Contains(out, `"error"`) {
		r.t.Fatal(out)
	}
	return principal.ID
}

// azure asks any of Azure's APIs with the owner's login.
func (w *world) azure(resource, method, url, body string) string {
	w.t.Helper()
	_, out := w.run(w.at("internet", "--azure", "--", "sh", "-c", `
t=$(curl -s "https://login.microsoftonline.com/$AZURE_TENANT_ID/oauth2/v2.0/token" -d grant_type=client_credentials -d client_id="$AZURE_CLIENT_ID" \
  -d scope="$0/.default" --data-urlencode client_secret="$AZURE_CLIENT_SECRET" | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
exec curl -s -X "$1" -H "Authorization: Bearer $t" -H "Content-Type: application/json" -d "$3" "$2"`, resource, method, url, body))
	return out
}

// checkout is a clone of the repository: what was committed, and nothing else.
func (r *runner) checkout(files map[string]string) string {
	r.t.Helper()
	dir := r.t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			r.t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
	return dir
}

var expression = regexp.MustCompile(`\$\{\{ *vars\.([A-Z0-9_]+) *\}\}`)

// expand fills variables in, and takes no other expression.
func (r *runner) expand(text string) string {
	r.t.Helper()
	text = expression.ReplaceAllStringFunc(text, func(e string) string {
		value, ok := r.vars[expression.FindStringSubmatch(e)[1]]
		if !ok {
			r.t.Fatalf("no variable for %s", e)
		}
		return value
	})
	if strings.Contains(text, "${{") {
		r.t.Fatalf("not expanded: %s", text)
	}
	return text
}

// ran is how a job ended.
type ran struct {
	failed string   // the step at which it did; empty: it did not
	said   string   // everything
	done   []string // run: steps that were begun
	upload []string // files that an upload would have taken
}

// does runs a job's steps in a checkout.
func (r *runner) does(name, dir string, change map[string]string) ran {
	r.t.Helper()
	w := readWorkflow(r.t)
	j, temp := w.Jobs[name], r.t.TempDir()
	r.subj = repository + map[bool]string{true: "environment:" + j.Environment, false: "pull_request"}[j.Environment != ""]
	if s := change["subject"]; s != "" {
		r.subj = s
	}
	paths := filepath.Join(temp, "path")
	env := []string{"RUNNER_TEMP=" + temp, "GITHUB_PATH=" + paths, "GITHUB_ACTIONS=true", "CI=true", "GO_AZURE_SDK_SKIP_POLLING_DELAY=true"}
	if j.Permissions["id-token"] == "write" {
		env = append(env, "ACTIONS_ID_TOKEN_REQUEST_URL="+r.url+"/idtoken?api-version=2.0", "ACTIONS_ID_TOKEN_REQUEST_TOKEN="+runnersToken)
	}
	var end ran
	for i, s := range j.Steps {
		switch {
		case end.failed != "" && !strings.Contains(s.If, "always()"):
		case s.Run != "":
			end.done = append(end.done, s.Run)
			step := append(append([]string{}, env...), r.environment(w.Env, s.Env, change)...)
			if code, out := r.step(dir, temp, paths, s.Run, step); code != 0 {
				end.failed, end.said = s.Run, end.said+out
			} else {
				end.said += out
			}
		case strings.Contains(s.Uses, "upload"):
			for _, with := range []string{"sarif_file", "path"} {
				if file, ok := s.With[with].(string); ok {
					if _, err := os.Stat(filepath.Join(dir, file)); err == nil {
						end.upload = append(end.upload, file)
					}
				}
			}
		case !strings.HasPrefix(s.Uses, "actions/checkout@") && !strings.HasPrefix(s.Uses, "hashicorp/setup-terraform@"):
			r.t.Errorf("step %d of %s uses %s, which nothing stands for here", i, name, s.Uses)
		}
	}
	return end
}

func (r *runner) environment(maps ...map[string]string) (env []string) {
	for _, m := range maps {
		for k, v := range m {
			env = append(env, k+"="+r.expand(v))
		}
	}
	return env
}

// step runs a script as the runner does, with bash -e, on the emulated internet.
// The one change to its text: the release comes from this machine.
func (r *runner) step(dir, temp, paths, script string, env []string) (int, string) {
	r.t.Helper()
	script = strings.ReplaceAll(script, "https://github.com/", r.url+"/")
	file := filepath.Join(temp, "step.sh")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		r.t.Fatal(err)
	}
	added, _ := os.ReadFile(paths)
	c := r.at("internet", "--", "bash", "-e", file)
	c.Dir, c.Env = dir, append(append([]string{}, r.env...), env...)
	c.Env = append(c.Env, "PATH="+strings.Join(append(strings.Fields(string(added)), os.Getenv("PATH")), ":"))
	began := time.Now()
	code, out := r.run(c)
	r.t.Logf("%.60q: %.1f s, exit code %d", script, time.Since(began).Seconds(), code)
	return code, out
}
