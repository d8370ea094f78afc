package backend

import (
	"fmt"
	"net/url"
	"strings"
)

// CheckReserved sees that a reserved backend's account is nobody else's: an
// account has one store, and every credential of it sees all that lies there.
func CheckReserved(all []Settings, report func(path, what, fix string)) {
	for i, s := range all {
		if s.Workload == "" {
			continue
		}
		path := fmt.Sprintf("backends[%d]", i)
		for j, other := range all {
			if i == j {
				continue
			}
			if other.Workload == s.Workload && j < i {
				report(path+".workload", "two backends are reserved for one workload: which of them would have its files?", "keep one; others that it may use are reserved for nobody")
			}
			if account(other.URL) == account(s.URL) {
				report(path+".url", "another backend leads to the account that this one is reserved for a workload", "an account that is reserved is one backend's alone")
				break
			}
		}
	}
}

// account is what two URLs have in common that lead to one account, as far as
// they show it: Azure serves an account under several domains.
func account(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	name, domain, _ := strings.Cut(host, ".")
	for _, of := range []string{"openai", "cognitiveservices", "services.ai"} {
		rest := strings.TrimPrefix(domain, "privatelink.")
		if strings.HasPrefix(rest, of+".azure.") {
			return name + ".azure"
		}
	}
	if port := u.Port(); port != "" && port != "443" {
		return host + ":" + port
	}
	return host
}

// Reserves says whether any backend of the pool is reserved for a workload.
func (p *Pool) Reserves() bool { return p.reserves }

// Reserved keeps in the round, of the backends that may still be asked, those
// that a call may go to: none that is reserved for another workload than the one
// that of says, which is asked of each that is reserved.
func (r *Round) Reserved(of func(*Backend) (workload string)) {
	r.Keep(func(b *Backend) bool { return b.workload == "" || b.workload == of(b) })
}

// Own keeps the first reserved backend alone, where the round has one: what is
// stored there is found again.
func (r *Round) Own() {
	var own *Backend
	r.Keep(func(b *Backend) bool {
		if own == nil && b.workload != "" {
			own = b
		}
		return true
	})
	if own != nil {
		r.Keep(func(b *Backend) bool { return b == own })
	}
}
