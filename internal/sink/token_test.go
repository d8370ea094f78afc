package sink

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

type fixedCredential struct{ scopes []string }

func (c *fixedCredential) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	c.scopes = o.Scopes
	return azcore.AccessToken{Token: "sample-token", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// The first message of OAUTHBEARER, as RFC 7628, section 3.1, has it.
func TestEntraTokensLogIn(t *testing.T) {
	c := &fixedCredential{}
	s := KafkaSettings{Brokers: []string{"Sample.servicebus.windows.net:9093"}}
	m := bearer(c, s.scope())
	_, first, err := m.Authenticate(t.Context(), s.Brokers[0])
	if err != nil || m.Name() != "OAUTHBEARER" || !strings.Contains(string(first), "\x01auth=Bearer sample-token\x01") {
		t.Errorf("%s %q: %v", m.Name(), first, err)
	}
	if len(c.scopes) != 1 || c.scopes[0] != "https://sample.servicebus.windows.net/.default" {
		t.Errorf("asked for %v", c.scopes)
	}
}
