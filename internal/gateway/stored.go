package gateway

import (
	"github.com/ostiary/ostiary/internal/backend"
	"github.com/ostiary/ostiary/internal/openai"
)

// reserved leaves backends out that are reserved for another workload than the
// one that decides, and says how many are left. A call on what is stored, and
// one that may store, goes to the workload's own account where it has one, and
// nowhere else: what it stores it finds again, and nobody else does.
func (c *call) reserved() int {
	c.round.Reserved(func(b *backend.Backend) string {
		if len(c.verdicts) > 0 {
			return c.verdict(b).Workload
		}
		return c.decision.Workload
	})
	if c.target.Operation.Stored() || c.target.Operation == openai.Responses {
		c.round.Own()
	}
	return c.round.Left()
}
