//go:build azurerm

package azurerm_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// ingestion stands for Azure Monitor's endpoint: POST /v2.1/track with lines of
// JSON, from nobody whom Entra does not vouch for and the component does not let
// write. It is a stub of ours, and no proof of Azure's own.
type ingestion struct {
	keys oidc.KeySet
	may  func(objectID string) bool

	mu      sync.Mutex
	refused []string
	lines   []envelope
	raw     strings.Builder
}

type envelope struct {
	Name, key, role, instance string
	Value                     float64
	properties                map[string]string
}

func (i *ingestion) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if why := i.wrong(r); why != "" {
		i.refused = append(i.refused, why)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	n, err := i.read(r)
	if err != nil {
		i.refused = append(i.refused, err.Error())
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"itemsReceived":%d,"itemsAccepted":%d,"errors":[]}`, n, n)
}

// wrong says why a request would not be taken.
func (i *ingestion) wrong(r *http.Request) string {
	if r.Method != http.MethodPost || r.URL.Path != "/v2.1/track" || r.URL.RawQuery != "" {
		return r.Method + " " + r.URL.String()
	}
	bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return "no token"
	}
	payload, err := i.keys.VerifySignature(r.Context(), bearer)
	if err != nil {
		return "the token: " + err.Error()
	}
	var claims struct {
		Audience string `json:"aud"`
		Object   string `json:"oid"`
		Expires  int64  `json:"exp"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return err.Error()
	}
	if strings.TrimSuffix(claims.Audience, "/") != monitor || time.Now().Unix() > claims.Expires {
		return "a token for " + claims.Audience
	}
	if !i.may(claims.Object) {
		return claims.Object + " may not write"
	}
	return ""
}

func (i *ingestion) read(r *http.Request) (int, error) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(body)
		if err != nil {
			return 0, err
		}
		body = z
	}
	n := 0
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 1<<20)
	for ; lines.Scan(); n++ {
		var line struct {
			Key  string            `json:"iKey"`
			Tags map[string]string `json:"tags"`
			Data struct {
				BaseType string `json:"baseType"`
				BaseData struct {
					Metrics []struct {
						Name  string  `json:"name"`
						Value float64 `json:"value"`
					} `json:"metrics"`
					Properties map[string]string `json:"properties"`
				} `json:"baseData"`
			} `json:"data"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil || line.Data.BaseType != "MetricData" {
			return n, fmt.Errorf("%s: %w", line.Data.BaseType, err)
		}
		i.raw.Write(lines.Bytes())
		for _, m := range line.Data.BaseData.Metrics {
			i.lines = append(i.lines, envelope{
				Name: m.Name, Value: m.Value, key: line.Key, role: line.Tags["ai.cloud.role"], instance: line.Tags["ai.cloud.roleInstance"],
				properties: line.Data.BaseData.Properties,
			})
		}
	}
	return n, lines.Err()
}

func (i *ingestion) counted(name string) *envelope {
	i.mu.Lock()
	defer i.mu.Unlock()
	if at := slices.IndexFunc(i.lines, func(e envelope) bool { return e.Name == name }); at >= 0 {
		return &i.lines[at]
	}
	return nil
}

func (i *ingestion) names() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	var names []string
	for _, e := range i.lines {
		names = append(names, e.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (i *ingestion) refusals() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.refused)
}

func (i *ingestion) everything() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.raw.String()
}
