package emulator

import (
	"slices"

	"github.com/ostiary/ostiary/internal/cloud"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/secret"
)

// account is an Azure OpenAI resource ready to serve: one of the settings, or
// one that the Resource Manager holds.
type account struct {
	Account
	key         secret.String
	second      secret.String   // the other key of a managed account
	users       map[string]bool // object ids; nil means everybody
	deployments map[string]*deployment
	managed     *managed // nil for an account of the settings
}

// deployment is a Deployment ready to serve.
type deployment struct {
	Deployment
	model model
	quota *quota
}

func loadAccounts(s Settings) ([]*account, error) {
	var accounts []*account
	for _, settings := range s.Accounts {
		key, err := loadSecret(settings.Key, s.State, settings.Name+".key")
		if err != nil {
			return nil, fault.New(fault.Invalid, "no key for account "+settings.Name).Because(err)
		}
		a := &account{Account: settings, key: key, deployments: map[string]*deployment{}}
		for _, d := range settings.Deployments {
			m, _ := findModel(d.Model) // checked before
			a.deployments[d.Name] = &deployment{Deployment: d, model: m, quota: newQuota(0)}
		}
		for _, name := range settings.OpenAIUsers {
			if a.users == nil {
				a.users = map[string]bool{}
			}
			i := slices.IndexFunc(s.Directory.Apps, func(app App) bool { return app.Name == name })
			a.users[s.Directory.Apps[i].ObjectID] = true
		}
		accounts = append(accounts, a)
	}
	return accounts, nil
}

// admits is the account's network settings' word on a call. One of the
// settings knows nothing between open and closed.
func (a *account) admits(o cloud.Origin) cloud.Admission {
	switch {
	case a.managed != nil:
		return cloud.Admit(a.managed.document, o)
	case !o.Private && !a.PublicNetworkAccess:
		return cloud.PublicOff
	}
	return cloud.Admitted
}

// opensWith says whether a text is one of the account's keys.
func (a *account) opensWith(key string) bool {
	return a.key.Equal(key) || !a.second.Empty() && a.second.Equal(key)
}

// lets says whether a principal may do what a call asks for.
func (a *account) lets(who claims, op operation) bool {
	if a.managed == nil {
		return a.users == nil || a.users[who.ObjectID]
	}
	for _, id := range append([]string{who.ObjectID}, who.Groups...) {
		if a.managed.resources.MayDo(id, dataAction(op), true, a.managed.id) {
			return true
		}
	}
	return false
}

// dataAction is the entry of a role's dataActions that an operation needs.
//
// https://learn.microsoft.com/azure/role-based-access-control/permissions/ai-machine-learning
func dataAction(op operation) string {
	const openai = "Microsoft.CognitiveServices/accounts/OpenAI/"
	switch op {
	case opChat:
		return openai + "deployments/chat/completions/action"
	case opCompletions:
		return openai + "deployments/completions/action"
	case opEmbeddings:
		return openai + "deployments/embeddings/action"
	case opSpeech, opTranscription, opTranslation:
		return openai + "deployments/audio/action"
	case opImages:
		return openai + "images/generations/action"
	case opRealtime:
		return openai + "deployments/realtime/action"
	case opResponses:
		return openai + "responses/write"
	case opResponse:
		return openai + "responses/read"
	case opDeleteResponse:
		return openai + "responses/delete"
	}
	return openai + "models/read"
}
