// Command clients makes every call of the differential test with the clients
// for Go: openai-go, which Azure's own SDK now builds on, and azopenai, which
// it was before. It is a module of its own, so that the product's has none of
// what they need.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"strings"
)

const (
	chatModel      = "gpt-4o-mini"
	embeddingModel = "text-embedding-3-small"
	question       = "What is Ockham's Razor? Ωμέγα, 東京, 🙂"
	badKey         = "0123456789abcdef0123456789abcdef"
)

// throttled is a deployment whose quota is used up, one for each way to sign in
// and each run: a gateway remembers for a while that a deployment has none.
func throttled(how string) string {
	return "throttled" + os.Getenv("OSTIARY_RUN") + "-" + strings.ReplaceAll(how, ", ", "-")
}

// world is where to ask, and with what.
type world struct {
	base, key, token, stranger string
	http                       *http.Client
}

// call is one call with its name; its result is what the client made of the
// answer.
type call struct {
	name string
	make func() (any, error)
}

// result is what a call came to.
type result struct {
	Value any    `json:"value,omitempty"`
	Class string `json:"class,omitempty"`
	Error any    `json:"error,omitempty"`
}

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(client string) error {
	w, err := fromEnvironment()
	if err != nil {
		return err
	}
	programs := map[string]func(world) ([]call, error){"openai-go": openaiGo, "azopenai": azOpenAI}
	program, ok := programs[client]
	if !ok {
		return fmt.Errorf("no client %q", client)
	}
	calls, err := program(w)
	if err != nil {
		return err
	}
	results := map[string]result{}
	for _, c := range calls {
		value, err := c.make()
		if err != nil {
			results[c.name] = result{Class: reflect.TypeOf(err).String(), Error: told(err)}
			continue
		}
		results[c.name] = result{Value: value}
	}
	return json.NewEncoder(os.Stdout).Encode(results)
}

func fromEnvironment() (world, error) {
	pem, err := os.ReadFile(os.Getenv("OSTIARY_CA")) //nolint:gosec // whoever starts the program says which file
	if err != nil {
		return world{}, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return world{}, errors.New("OSTIARY_CA holds no certificate")
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
	return world{
		base: os.Getenv("OSTIARY_BASE_URL"), key: os.Getenv("OSTIARY_KEY"), token: os.Getenv("OSTIARY_TOKEN"),
		stranger: os.Getenv("OSTIARY_STRANGER"), http: &http.Client{Transport: transport},
	}, nil
}
