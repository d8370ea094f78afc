package provision

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

// signInStage is what is made in the directory; its plan is a plan like any.
const signInStage = "sign-in"

// Graph is a directory of many copies: what was just made is not yet everywhere
// ("Request_ResourceNotFound", "does not reference a valid application object").
const (
	settleTries = 10
	settlePause = 3 * time.Second
)

// registrar brings the directory to what the estate's file wants, or says what
// it would do.
type registrar struct {
	d     *Deployment
	dry   bool
	done  []Change
	calls []call // one for each of done
}

// call is one to Graph, for people to make by hand.
type call struct {
	method, path string
	body         any
	why          string // what the object does wrong now; empty where action and body tell
}

// line is the call as `az` makes it.
func (c call) line() string {
	body, err := json.Marshal(c.body)
	if err != nil {
		return ""
	}
	text := strings.ReplaceAll(string(body), "'", `'\''`)
	return "az rest --method " + c.method + " --url 'https://graph.microsoft.com" + c.path + "' --headers 'Content-Type=application/json' --body '" + text + "'"
}

// change does one thing, or notes that it would be done.
func (r *registrar) change(c Change, by call, do func() error) error {
	r.done, r.calls = append(r.done, c), append(r.calls, by)
	if r.dry {
		return nil
	}
	r.d.Say("sign-in: " + c.Action + " " + c.Type + " " + c.Address)
	return do()
}

// post and patch wait for what an earlier call made.
func (r *registrar) post(ctx context.Context, path string, question, into any) error {
	return r.settled(ctx, func() error { return r.d.graph.post(ctx, path, "", question, into) })
}

func (r *registrar) patch(ctx context.Context, path string, question any) error {
	return r.settled(ctx, func() error {
		found, err := r.d.graph.ask(ctx, http.MethodPatch, path, "", question, nil)
		return notFound(found, err, path)
	})
}

func (r *registrar) settled(ctx context.Context, do func() error) error {
	for try := 1; ; try++ {
		err := do()
		if err == nil || try == settleTries || !unsettled(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(r.d.settle()):
		}
	}
}

func (d *Deployment) settle() time.Duration {
	if d.pause > 0 {
		return d.pause
	}
	return settlePause
}

// unsettled tells the refusals that pass.
func unsettled(err error) bool {
	f, ok := errors.AsType[*fault.Error](err)
	return ok && (f.Kind == fault.NotFound || strings.Contains(f.What, "Request_ResourceNotFound") || strings.Contains(f.What, "valid application object"))
}

// principal makes an application's service principal, without which nobody
// signs in to it.
func (r *registrar) principal(ctx context.Context, name string, app *application) error {
	if app.AppID != noApplication {
		found, err := list[struct {
			ID string `json:"id"`
		}](ctx, r.d.graph, "/v1.0/servicePrincipals?"+url.Values{"$filter": {"appId eq '" + app.AppID + "'"}}.Encode(), "")
		if err != nil || len(found) > 0 {
			return err
		}
	}
	body := map[string]string{"appId": app.AppID}
	return r.change(Change{name, "service principal", "create", ""}, call{http.MethodPost, "/v1.0/servicePrincipals", body, ""}, func() error {
		return r.post(ctx, "/v1.0/servicePrincipals", body, nil)
	})
}

// register makes what is missing of both applications. Where the chat is is
// known after the workload: nil before.
func (d *Deployment) register(ctx context.Context, chat *chatPlace) error {
	if !d.Settings.Register {
		return nil
	}
	return (&registrar{d: d}).all(ctx, chat)
}

func (r *registrar) all(ctx context.Context, chat *chatPlace) error {
	gateway, err := r.gateway(ctx)
	switch {
	case err != nil:
		return err
	case r.d.Settings.managesChat():
		return r.chat(ctx, gateway, chat)
	case r.d.Settings.Register:
		return r.withdrawChat(ctx, gateway) // of an estate that had one
	}
	return nil
}

// planSignIn says what register would do.
func (d *Deployment) planSignIn(ctx context.Context, chat *chatPlace) (Plan, error) {
	r := &registrar{d: d, dry: true}
	err := r.all(ctx, chat)
	return Plan{Stage: signInStage, Changes: r.done}, err
}
