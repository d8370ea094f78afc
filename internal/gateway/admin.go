package gateway

import (
	"context"
	"encoding/json"
	"io"
	"net/http"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/identity"
	"github.com/ostiary/ostiary/internal/membership"
	"github.com/ostiary/ostiary/internal/policy"
)

// The paths of the admin API.
const (
	StatusPath    = "/admin/v1/status"
	ReloadPath    = "/admin/v1/reload"
	WorkloadsPath = "/admin/v1/workloads" // and a name below it
	ExplainPath   = "/admin/v1/explain"
)

// AdminConfig is what the admin API needs beside the gateway.
type AdminConfig struct {
	Version  string                          // of the program; may be empty
	Reload   func(context.Context) Reloaded  // reads the configuration again; nil: it came from no file
	Reloaded func() (last Reloaded, ok bool) // what came of it the last time; nil: it cannot be read again
}

// ExplainRequest asks what policy says of a call, both as a person writes them:
// policy.ParseCaller and policy.ParseCall.
type ExplainRequest struct {
	As   string `json:"as"`
	Call string `json:"call"`
}

const maxQuestion = 16 << 10 // bytes of a request of the admin API

// AdminHandler is the admin API. It asks for no credential: serve it on a Unix
// socket that the file system guards, and nowhere else. It changes nothing but
// by Reload, and keys are not its affair: they stand in a file.
func (g *Gateway) AdminHandler(cfg AdminConfig) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+StatusPath, func(w http.ResponseWriter, _ *http.Request) {
		var last *Reloaded
		if cfg.Reloaded != nil {
			if r, ok := cfg.Reloaded(); ok {
				last = &r
			}
		}
		tell(w, http.StatusOK, g.status(cfg.Version, last))
	})
	mux.HandleFunc("GET "+WorkloadsPath+"/{name}", func(w http.ResponseWriter, r *http.Request) {
		told, ok := g.workloadOf(r.PathValue("name"))
		if !ok {
			tell(w, http.StatusNotFound, membership.Problem{Error: "no such workload"})
			return
		}
		tell(w, http.StatusOK, told)
	})
	mux.HandleFunc("POST "+ReloadPath, func(w http.ResponseWriter, r *http.Request) {
		if cfg.Reload == nil {
			tell(w, http.StatusConflict, membership.Problem{Error: "the configuration came from no file"})
			return
		}
		came := cfg.Reload(r.Context())
		status := http.StatusOK
		if came.Error != "" {
			status = http.StatusUnprocessableEntity
		}
		tell(w, status, came)
	})
	mux.HandleFunc("POST "+ExplainPath, func(w http.ResponseWriter, r *http.Request) {
		answer, err := g.explain(r.Body)
		if err != nil {
			tell(w, http.StatusBadRequest, membership.Problem{Error: fault.PublicText(err)})
			return
		}
		tell(w, http.StatusOK, answer)
	})
	return mux
}

func (g *Gateway) explain(body io.Reader) (policy.Explanation, error) {
	text, err := io.ReadAll(io.LimitReader(body, maxQuestion+1))
	if err != nil || len(text) > maxQuestion {
		return policy.Explanation{}, fault.New(fault.Invalid, "the question is too long, or did not arrive").Because(err)
	}
	var req ExplainRequest
	if err := json.Unmarshal(text, &req); err != nil {
		return policy.Explanation{}, fault.New(fault.Invalid, "the question is not JSON").Fix(`send {"as": "…", "call": "…"}`)
	}
	r := g.rules.current.Load()
	who, err := asked(r.Identity, req.As)
	if err != nil {
		return policy.Explanation{}, err
	}
	call, err := policy.ParseCall(req.Call, g.cfg.Now())
	if err != nil {
		return policy.Explanation{}, err
	}
	return r.Policy.Explain(who, call), nil
}

// asked is the caller that a question is about; a gateway key is known by its
// name.
func asked(known *identity.Identifier, as string) (identity.Principal, error) {
	who, key, err := policy.ParseCaller(as)
	if err != nil || key == "" {
		return who, err
	}
	who, ok := known.KeyNamed(key)
	if !ok {
		return who, fault.New(fault.NotFound, "no gateway key has this name")
	}
	return who, nil
}

func tell(w http.ResponseWriter, status int, answer any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // who has gone needs no answer
}
