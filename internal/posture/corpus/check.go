package corpus

import "slices"

// Status is the answer of a check.
type Status string

// The answers. NotPass is what is wanted where the sources do not settle
// whether a fault is seen or merely doubted: fail or unknown will do.
const (
	Pass    Status = "pass"
	Fail    Status = "fail"
	Unknown Status = "unknown"
	NotPass Status = "not pass"
)

// Want is a finding that must be among those that tell of a mutant.
type Want struct {
	ID     string `json:"id"` // of the check
	Status Status `json:"status"`
	// Resource is an ARM id that the finding must name: as its resource, in its
	// evidence, or in its words. Ids compare without case.
	Resource string `json:"resource"`
	// Witness is text that the finding's witness must contain, without case;
	// empty where the evidence itself says all.
	Witness string `json:"witness,omitempty"`
	// Advice is true where the finding advises although its check decides
	// elsewhere: a default action behind a closed door.
	Advice bool `json:"advice,omitempty"`
}

// Check is a check that the corpus has mutants for.
type Check struct {
	ID   string
	Must bool // it decides the verdict; else it advises
	area area
}

// area is what a check looks at. One fault turns several checks of an area at
// once: without a zone, for example, no link to it is right.
type area uint8

const (
	door area = 1 << iota
	endpoint
	reach
	names
	apps
	alone // turns nothing else
	whole // turns everything
)

// Checks are the checks that the corpus has mutants for.
func Checks() []Check {
	return []Check{
		{"has-account", true, whole},
		{"public-access-off", true, door},
		{"default-deny", true, door},
		{"ip-rules-narrow", true, door},
		{"no-service-endpoint-rules", true, door},
		{"no-trusted-bypass", true, door},
		{"perimeter-enforced", false, door},
		{"endpoint-approved", true, endpoint},
		{"keys-off", true, alone},
		{"custom-subdomain", true, names},
		{"managed-identity", false, alone},
		{"customer-managed-key", false, alone},
		{"outbound-restricted", false, alone},
		{"diagnostics-on", false, alone},
		{"soft-deleted", false, alone},
		{"roles-narrow", false, alone},
		{"content-logging-off", false, alone},
		{"endpoint-subnet-binds", true, reach},
		{"subnet-has-group", true, reach},
		{"reach-only-clients", true, reach},
		{"clients-reach", true, reach},
		{"routes-inspected", false, reach},
		{"admin-always-allow", false, reach},
		{"zone-complete", true, names},
		{"zone-linked", true, names},
		{"no-public-fallback", true, names},
		{"dns-servers-forward", true, names},
		{"clients-resolve", true, names},
		{"app-signed-in", true, apps},
	}
}

func checkOf(id string) Check {
	all := Checks()
	if i := slices.IndexFunc(all, func(c Check) bool { return c.ID == id }); i >= 0 {
		return all[i]
	}
	return Check{}
}

// may lists the checks that a fault may turn besides: those of the areas of
// what it must turn. An endpoint that fails takes reach and names with it, and
// so does a client of which little is known.
func may(wants []Want) []string {
	var areas area
	for _, w := range wants {
		areas |= checkOf(w.ID).area
		if w.ID == "clients-reach" && w.Status != Fail {
			areas |= names
		}
	}
	if areas&endpoint != 0 {
		areas |= reach | names
	}
	var ids []string
	for _, c := range Checks() {
		joined := c.area&areas != 0 && c.area != alone
		if joined || areas&whole != 0 || slices.ContainsFunc(wants, func(w Want) bool { return w.ID == c.ID }) {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// private reports whether an estate with these findings is private still: all
// of them advise.
func private(wants []Want) bool {
	return !slices.ContainsFunc(wants, func(w Want) bool {
		return w.Status != Pass && checkOf(w.ID).Must && !w.Advice
	})
}
