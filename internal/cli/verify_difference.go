package cli

import (
	"slices"
	"strings"

	"github.com/ostiary/ostiary/internal/posture"
)

// looked are the checks that need a look beside the model. What should be seen
// of a place that is meant, or not meant, to reach the model is another
// question, and the probe's own.
func looked() []posture.Check { return []posture.Check{modelledName(), modelledReach()} }

func modelledName() posture.Check {
	return posture.Check{
		ID:    "modelled-name",
		Title: "The account's name resolves here as the model says",
		Level: posture.Must,
		Looks: "with --probe: each resolver's answer, beside the modelled chain of names from this place",
		Why:   whyModelled,
	}
}

func modelledReach() posture.Check {
	return posture.Check{
		ID:    "modelled-reach",
		Title: "The account is reached from here, or not, as the model says",
		Level: posture.Must,
		Looks: "with --probe: each connection and call, beside the modelled flow from this place to port 443",
		Why:   whyModelled,
	}
}

const whyModelled = "Where a look differs from the model, the estate was not read whole, has changed since, or something stands between that no configuration shows. Every other finding here rests on the model."

// findings joins the sights that say the same.
func findings(account string, sights []sight) []posture.Finding {
	var all []posture.Finding
	for i, x := range sights {
		same := func(y sight) bool { return y.check.ID == x.check.ID && y.status == x.status && y.what == x.what }
		if slices.ContainsFunc(sights[:i], same) {
			continue
		}
		f := posture.Finding{
			ID: x.check.ID, Title: x.check.Title, Level: x.check.Level, Why: x.check.Why,
			Status: x.status, Resource: account, What: x.what, Evidence: x.evidence, Witness: witnessOf(sights[i:], same),
		}
		if f.Status == posture.Unknown {
			f.Level = posture.Advice // a person can resolve it
		}
		all = append(all, f)
	}
	return all
}

// witnessOf is what the model says, and what was seen by which looks.
func witnessOf(sights []sight, same func(sight) bool) string {
	var order []string
	looks := map[string][]string{}
	for _, x := range sights {
		if !same(x) || x.look == "" {
			continue
		}
		if looks[x.got] == nil {
			order = append(order, x.got)
		}
		if !slices.Contains(looks[x.got], x.look) {
			looks[x.got] = append(looks[x.got], x.look)
		}
	}
	if len(order) == 0 {
		return ""
	}
	for i, got := range order {
		order[i] = got + " (" + strings.Join(looks[got], ", ") + ")"
	}
	return "modelled: " + sights[0].modelled + "; seen: " + strings.Join(order, "; ")
}
