package gateway

import (
	"strings"
)

// workloadHeader names the workload that a call is for, as the path may.
const workloadHeader = "X-Ostiary-Workload"

// nameWorkload takes the workload that the call names, in its path or its
// header. Whether the caller belongs to it is for policy to say.
func (c *call) nameWorkload() *refusal {
	c.workload = c.target.Workload
	for _, name := range c.r.Header[workloadHeader] {
		name = strings.Trim(name, " \t")
		if name == "" || name == c.workload {
			continue
		}
		if c.workload != "" {
			return invalid("the request names two workloads")
		}
		c.workload = name
	}
	return nil
}

// resolve takes the deployment that a client's name stands for.
func (c *call) resolve(name string) {
	c.deployment = name
	if to, ok := c.rules.Aliases[name]; ok {
		c.deployment, c.asked = to, name
	}
}
