package posture

import "time"

// Status is the answer of one check for one resource.
type Status string

// A check passes, fails, or cannot tell. It never passes for lack of data.
const (
	Pass    Status = "pass"
	Fail    Status = "fail"
	Unknown Status = "unknown"
)

// Level says what a finding weighs.
type Level string

// Must decides the exit code: it lets someone reach the model who should not,
// or would after one ordinary act. Advice decides it only when asked to.
const (
	Must   Level = "must"
	Advice Level = "advice"
)

// Verdict is the answer for the whole estate.
type Verdict string

// Private: every must passes. Open: one fails. Undecided: none fails, and one
// is unknown, or there is no account at all.
const (
	Private   Verdict = "private"
	Open      Verdict = "open"
	Undecided Verdict = "undecided"
)

// Evidence is a place in the source that decided a finding.
type Evidence struct {
	Resource string `json:"resource"`          // ARM id, or address in a plan
	Pointer  string `json:"pointer"`           // JSON pointer (RFC 6901) into the source
	Value    string `json:"value"`             // what stands there, or "absent" or "unknown"
	Default  string `json:"default,omitempty"` // what Azure takes where it is absent
}

// Mend is what to change, ready to paste.
type Mend struct {
	Terraform string `json:"terraform,omitempty"`
	Az        string `json:"az,omitempty"`
}

// Finding is what one check says of one resource.
type Finding struct {
	ID       string     `json:"id"` // of the check, as docs/posture.md lists it
	Status   Status     `json:"status"`
	Level    Level      `json:"level"`
	Title    string     `json:"title"`    // of the check
	Resource string     `json:"resource"` // whom it concerns; empty for the estate as a whole
	What     string     `json:"what"`     // one sentence that names the resource
	Evidence []Evidence `json:"evidence,omitempty"`
	Witness  string     `json:"witness,omitempty"` // the packet, the rule or the record that shows it
	Why      string     `json:"why"`               // why it matters, in two sentences
	Mend     Mend       `json:"mend,omitzero"`
	Equal    []string   `json:"equal,omitempty"` // ids of equal rules elsewhere
	Waiver   *Waiver    `json:"waiver,omitempty"`
}

// Waiver accepts a finding of one resource until a day, for a reason. It keeps
// the finding in the report, and takes it out of the verdict.
type Waiver struct {
	Finding  string    `yaml:"finding" config:"required" json:"finding" doc:"id of the check"`
	Resource string    `yaml:"resource" config:"required" json:"resource" doc:"ARM id, or address in a plan; without case"`
	Reason   string    `yaml:"reason" config:"required" json:"reason" doc:"why it is accepted"`
	Expires  time.Time `yaml:"expires" config:"required" json:"expires" doc:"when it ends, as 2027-01-31T00:00:00Z"`
}

// Reached is who reaches one account's endpoint, grouped for a reader.
type Reached struct {
	Account  string    `json:"account"`  // ARM id
	Endpoint string    `json:"endpoint"` // private endpoint's id; empty for the public door
	Address  string    `json:"address"`  // of the endpoint, or the account's host name
	Port     int       `json:"port"`
	Sources  []Sources `json:"sources"`
}

// Sources is one group of sources with one answer and one reason.
type Sources struct {
	Sentence string   `json:"sentence"` // "VNet spoke-7, any address, through peering hub-spoke-7"
	Where    string   `json:"where"`    // id of the VNet, subnet or site; "internet"
	Ranges   []string `json:"ranges"`   // exact, as prefixes or first-last
	Status   Status   `json:"status"`   // pass: reaches and is meant to; fail: reaches and is not; unknown
	Allowed  bool     `json:"allowed"`  // false: blocked, listed for the picture
	Rule     string   `json:"rule"`     // what decided it, by id
	Pointer  string   `json:"pointer"`
}

// Map is the topology as it is drawn.
type Map struct {
	Nodes []Node `json:"nodes"`
	Edges []Edge `json:"edges"`
}

// Node is a box of the picture. Parent nests it: subnets in their VNet.
type Node struct {
	ID     string `json:"id"`
	Parent string `json:"parent,omitempty"`
	Kind   string `json:"kind"` // internet, vnet, subnet, endpoint, account, site, app, firewall
	Name   string `json:"name"`
	Detail string `json:"detail,omitempty"` // prefixes, group, policy
	Status Status `json:"status,omitempty"` // worst finding that concerns it
}

// Edge is a line of the picture.
type Edge struct {
	From    string `json:"from"`
	To      string `json:"to"`
	Kind    string `json:"kind"` // peering, reach, link
	Allowed bool   `json:"allowed"`
	Status  Status `json:"status,omitempty"`
	Rule    string `json:"rule,omitempty"` // shown on hover
}

// Report is everything that verify has to say. Its JSON form is documented in
// docs/verify.md and versioned.
type Report struct {
	Version  int       `json:"version"` // 1
	Verdict  Verdict   `json:"verdict"`
	Source   string    `json:"source"`   // file, plan or subscriptions
	Taken    time.Time `json:"taken"`    // when the estate was read
	Accounts []string  `json:"accounts"` // ARM ids
	Findings []Finding `json:"findings"` // fails first, then unknown, then passes; must before advice
	Reached  []Reached `json:"reached"`
	Map      Map       `json:"map"`
	Notes    []string  `json:"notes,omitempty"` // what was not read, and other remarks
}
