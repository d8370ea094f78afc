package sink

import (
	"context"
	"net"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/login"
)

// connectionUser is whom a connection string logs in as at Event Hubs.
const connectionUser = "$ConnectionString"

// mechanism is how the sink logs in; nil for not at all.
func (s *KafkaSettings) mechanism() (sasl.Mechanism, error) {
	user, password := s.User, s.Password
	if !s.ConnectionString.IsZero() {
		user, password = connectionUser, s.ConnectionString
	}
	if !password.IsZero() {
		pass, err := password.Resolve()
		if err != nil {
			return nil, fault.New(fault.Invalid, "the sink's password cannot be read").Because(err)
		}
		return plain.Auth{User: user, Pass: pass.Reveal()}.AsMechanism(), nil
	}
	credential, err := s.login().Credential(azcore.ClientOptions{})
	if err != nil {
		return nil, fault.New(fault.Invalid, "the sink's Entra credential cannot be made").Because(err)
	}
	if credential == nil {
		return nil, nil //nolint:nilnil // no login
	}
	return bearer(credential, s.scope()), nil
}

// bearer logs in with Entra's tokens (RFC 7628). A session asks for its own;
// the credential keeps them for as long as they serve.
func bearer(credential azcore.TokenCredential, scope string) sasl.Mechanism {
	return oauth.Oauth(func(ctx context.Context) (oauth.Auth, error) {
		token, err := credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{scope}})
		if err != nil {
			return oauth.Auth{}, err
		}
		return oauth.Auth{Token: token.Token}, nil
	})
}

// scope is that of the Event Hubs namespace.
func (s *KafkaSettings) scope() string {
	if s.Scope != "" {
		return s.Scope
	}
	host, _, err := net.SplitHostPort(s.Brokers[0])
	if err != nil {
		host = s.Brokers[0]
	}
	return "https://" + strings.ToLower(host) + "/.default"
}

func (s *KafkaSettings) login() login.Login {
	return login.Login{ServicePrincipal: s.Entra, ManagedIdentity: s.ManagedIdentity, WorkloadIdentity: s.WorkloadIdentity}
}
