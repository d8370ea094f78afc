package topology

// Verdict is the answer to whether traffic passes. The zero value is Unknown:
// what was not decided never reads as allowed, nor as denied.
type Verdict uint8

// The verdicts.
const (
	Unknown Verdict = iota // the estate does not tell
	Allowed
	Denied
)

func (v Verdict) String() string { return [...]string{"unknown", "allowed", "denied"}[v] }

// and is the verdict of two filters in a row: a certain denial wins, then
// doubt.
func (v Verdict) and(w Verdict) Verdict {
	switch {
	case v == Denied || w == Denied:
		return Denied
	case v == Allowed && w == Allowed:
		return Allowed
	default:
		return Unknown
	}
}

// either is the verdict where one of two holds and it is not known which.
func (v Verdict) either(w Verdict) Verdict {
	if v == w {
		return v
	}
	return Unknown
}

// tri says whether something matches.
type tri uint8

const (
	no tri = iota
	maybe
	yes
)

func triOf(b bool) tri {
	if b {
		return yes
	}
	return no
}

// and is both; or is either.
func (t tri) and(u tri) tri { return min(t, u) }
func (t tri) or(u tri) tri  { return max(t, u) }
