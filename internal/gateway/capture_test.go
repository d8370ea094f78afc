package gateway

import (
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/ledger"
	"github.com/ostiary/ostiary/internal/policy"
)

// TestCaptureNone: a workload's calls are counted, and nothing says who made
// them or what they held.
func TestCaptureNone(t *testing.T) {
	rules, err := policy.New([]policy.Workload{{
		Name: "team", Capture: "none", Grants: []policy.Grant{{Deployments: []string{"*"}, Operations: []string{"*"}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, whole, func(c *Config) { c.Policy = rules })
	req := r.request("POST", chatPath, chatBody)
	req.Header.Set("X-Ms-Client-Request-Id", "correlated")
	r.do(req)
	r.book.last(t)
	var call ledger.Call
	var res ledger.Result
	if err := ledger.Read(r.book.dir, 0, func(_ uint64, rec ledger.Record) error {
		if rec.Call != nil {
			call = *rec.Call
		}
		if rec.Result != nil {
			res = *rec.Result
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if call.Workload != "team" || call.Operation == "" || call.Deployment != "gpt-4o" || call.Capture != ledger.None || res.Usage.Total != 13 {
		t.Errorf("call %+v, result %+v", call, res)
	}
	if who := call.Issuer + call.Subject + call.Name + call.App + call.Client + call.Correlation; who != "" {
		t.Errorf("the record says %q", who)
	}
	if call.Request.Commitment+res.Response.Commitment != "" || call.Request.Bytes != int64(len(chatBody)) || res.Response.Bytes != int64(len(chatAnswer)) {
		t.Errorf("request %+v, response %+v", call.Request, res.Response)
	}
	if strings.Contains(call.Decision, "team-key") {
		t.Errorf("the decision %q names the caller", call.Decision)
	}
}
