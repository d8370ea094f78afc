package gateway

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/openai"
)

type described31 struct {
	OpenAPI string `json:"openapi"`
	Paths   map[string]map[string]struct {
		ID          string `json:"operationId"`
		Parameters  []ref  `json:"parameters"`
		RequestBody struct {
			Content map[string]any `json:"content"`
		} `json:"requestBody"`
		Responses map[string]any `json:"responses"`
	} `json:"paths"`
	Components struct {
		Parameters map[string]struct {
			Name, In string
			Required bool
		} `json:"parameters"`
	} `json:"components"`
}

type ref struct {
	Ref string `json:"$ref"`
}

// TestDescription: each path that the description has is served as it says,
// with exactly the parameters that it requires, and each that is served is
// described. Nobody need show a credential for it, and it is no call.
func TestDescription(t *testing.T) {
	r := newRig(t, whole)
	resp, err := http.Get(r.server.URL + "/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	var d described31
	if err := json.Unmarshal(text, &d); err != nil || resp.StatusCode != http.StatusOK || d.OpenAPI != "3.1.0" || resp.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("%d %v %s", resp.StatusCode, err, text)
	}
	segment := regexp.MustCompile(`\{[a-z]+\}`)
	ids := map[string]bool{}
	parsed := map[openai.Endpoint]int{}
	if _, ok := d.Paths[deploymentsAt]["get"]; !ok {
		t.Error("the list of deployments is not described")
	}
	delete(d.Paths, deploymentsAt) // TestMay
	for path, methods := range d.Paths {
		for method, op := range methods {
			if ids[op.ID] || op.ID == "" {
				t.Errorf("%s: the id %q is there already", path, op.ID)
			}
			ids[op.ID] = true
			var inPath, required []string
			for _, p := range op.Parameters {
				is, ok := d.Components.Parameters[strings.TrimPrefix(p.Ref, "#/components/parameters/")]
				switch {
				case !ok:
					t.Errorf("%s: no %s", path, p.Ref)
				case is.In == "path":
					inPath = append(inPath, "{"+is.Name+"}")
				case is.In == "query" && is.Required:
					required = append(required, is.Name+"=2024-10-21")
				}
			}
			if got := segment.FindAllString(path, -1); !slices.Equal(got, inPath) {
				t.Errorf("%s names %v and describes %v", path, got, inPath)
			}
			target := segment.ReplaceAllString(path, "name") + "?"
			route, ok := openai.ParseRoute(strings.ToUpper(method), target+strings.Join(required, "&"))
			if !ok {
				t.Errorf("%s %s is described and not served", method, path)
				continue
			}
			for i := range required {
				if _, ok := openai.ParseRoute(strings.ToUpper(method), target+strings.Join(slices.Delete(slices.Clone(required), i, i+1), "&")); ok {
					t.Errorf("%s: %s is not required", path, required[i])
				}
			}
			if (route.Backend == "name") != strings.HasPrefix(path, "/{backend}/{workload}/") || route.Workload != route.Backend {
				t.Errorf("%s: %+v", path, route)
			}
			if _, ok := op.RequestBody.Content[string(route.Body)]; ok != (route.Body != openai.NoBody) {
				t.Errorf("%s: the body is %q", path, route.Body)
			}
			for _, e := range openai.Endpoints() {
				if e.Operation == route.Operation && e.Method == strings.ToUpper(method) && strings.HasSuffix(path, e.Path()) && (e.Form == route.Form) {
					parsed[e]++
				}
			}
		}
	}
	for _, e := range openai.Endpoints() {
		if parsed[e] != 2 { // with and without backend and workload
			t.Errorf("%s %s is described %d times", e.Method, e.Path(), parsed[e])
		}
	}
	if len(r.book.kinds) != 0 {
		t.Error("the description was recorded as a call")
	}
	if resp, _ := r.do(r.request("POST", "/openapi.json", "{}")); resp.StatusCode != http.StatusNotFound {
		t.Error(resp.StatusCode)
	}
}
