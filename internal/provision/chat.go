package provision

import (
	"cmp"
	"context"
	"encoding/json"
	"net/url"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/ostiary/ostiary/internal/fault"
)

// chatWords are what the chat's configuration says of its sign-in.
type chatWords struct {
	client string
	secret bool
}

// says reads them, from the section or from a file that has it.
func (c *Chat) says() chatWords {
	type signIn struct {
		Client string `yaml:"client_id"`
		Secret string `yaml:"client_secret"`
	}
	var whole struct {
		SignIn *signIn `yaml:"sign_in"`
		Chat   struct {
			SignIn *signIn `yaml:"sign_in"`
		} `yaml:"chat"`
	}
	if c == nil || yaml.Unmarshal([]byte(c.Configuration), &whole) != nil {
		return chatWords{}
	}
	words := cmp.Or(whole.Chat.SignIn, whole.SignIn, &signIn{})
	return chatWords{words.Client, words.Secret != ""}
}

func (c *Chat) check(report func(path, what, fix string), audience bool) {
	if c == nil {
		return
	}
	var keys map[string]any
	if err := yaml.Unmarshal([]byte(c.Configuration), &keys); err != nil || len(keys) == 0 {
		report("chat.configuration", "not YAML with keys", "write the section chat of its ostiary.yaml as text; docs/chat.md has one")
		return
	}
	if c.Vault != "" && !strings.HasPrefix(strings.ToLower(c.Vault), "/subscriptions/") {
		report("chat.vault", "not a resource id", "it begins with /subscriptions/")
	}
	for name, at := range c.Secrets {
		if u, err := url.Parse(at); err != nil || u.Scheme != "https" || !strings.HasPrefix(u.Path, "/secrets/") {
			report("chat.secrets."+name, "not the URL of a secret", "write https://VAULT.vault.azure.net/secrets/NAME")
		}
	}
	if !audience && c.says().client == "" {
		report("chat", "there is nothing that people sign in to", "add audience and register: true, or give sign_in with a client_id in configuration")
	}
}

// chatPlace is the chat as the workload's outputs have it.
type chatPlace struct {
	URL      string `json:"url"`
	Tenant   string `json:"tenant_id"`
	Identity struct {
		Principal string `json:"principal_id"`
	} `json:"identity"`
}

// chatPlace reads the workload's outputs; nil before there are any.
func (d *Deployment) chatPlace(ctx context.Context, t *tool) (*chatPlace, error) {
	if !d.Settings.managesChat() {
		return nil, nil //nolint:nilnil // nobody asks for it
	}
	out, err := t.outputs(ctx)
	if err != nil {
		return nil, t.said("reading the outputs", err, nil)
	}
	var p *chatPlace
	if raw, ok := out["chat"]; ok {
		if err := json.Unmarshal(raw.Value, &p); err != nil {
			return nil, fault.New(fault.Invalid, "the output chat of stage workload is not its").Because(err)
		}
	}
	return p, nil
}

func (p *chatPlace) redirects() []string {
	return []string{p.URL + "/signin/callback", p.URL + "/signed-out"}
}
