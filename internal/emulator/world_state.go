package emulator

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/secret"
)

// rehearsalFile tells the command line where an emulator runs.
const rehearsalFile = "rehearsal.json"

// Rehearsal is a running emulator, as its state directory tells of it.
type Rehearsal struct {
	Places       string `json:"places"` // address of the proxy
	Page         string `json:"page"`   // URL of the page, with a final slash
	Token        string `json:"token"`  // for the page's API
	CA           string `json:"ca"`     // file of the certificate that clients must trust
	Tenant       string `json:"tenant"`
	Subscription string `json:"subscription"`
	ClientID     string `json:"client_id"`     // of the application that owns the subscription
	ClientSecret string `json:"client_secret"` // file of its secret
}

// announce writes the file, for its owner alone: the token in it opens the API.
func (w *world) announce() error {
	state, err := filepath.Abs(w.state)
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(Rehearsal{
		Places: w.places.Addr().String(), Page: "http://" + w.page.Addr().String() + "/", Token: w.token,
		CA: filepath.Join(state, "ca.pem"), Tenant: w.issuer.tenant, Subscription: w.settings.Subscription,
		ClientID: ownerClientID, ClientSecret: filepath.Join(state, ownerApp+".secret"),
	}, "", "  ")
	if err != nil {
		return err
	}
	return pki.WriteFile(filepath.Join(w.state, rehearsalFile), append(data, '\n'), 0o600)
}

func (w *world) retract() { _ = os.Remove(filepath.Join(w.state, rehearsalFile)) }

// ReadRehearsal finds the emulator that runs with a state directory. Errors are
// *fault.Error: NotFound where none does.
func ReadRehearsal(state string) (Rehearsal, error) {
	path := filepath.Join(state, rehearsalFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Rehearsal{}, fault.New(fault.NotFound, "no emulator with a network runs here").At(state).
			Fix("start one with 'ostiary emulate --state " + state + "', or name its directory with --state")
	}
	var r Rehearsal
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	if err != nil {
		return Rehearsal{}, fault.New(fault.Invalid, "cannot read where the emulator runs").At(path).Because(err)
	}
	return r, nil
}

// Secret reads the owner's secret.
func (r Rehearsal) Secret() (secret.String, error) {
	var ref secret.Ref
	if err := ref.UnmarshalText([]byte("file:" + r.ClientSecret)); err != nil {
		return secret.String{}, err
	}
	return ref.Resolve()
}
