package provision

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

const cognitiveVersion = "2025-06-01"

// offered is a model as a region lists it.
type offered struct {
	Kind  string `json:"kind"`
	Model struct {
		Name    string `json:"name"`
		Version string `json:"version"`
		SKUs    []struct {
			Name string `json:"name"`
		} `json:"skus"`
	} `json:"model"`
}

// usage is a quota of a region.
type usage struct {
	Name struct {
		Value string `json:"value"`
	} `json:"name"`
	Current float64 `json:"currentValue"`
	Limit   float64 `json:"limit"`
}

// models: every region offers every model in its version and SKU, and the quota
// left covers the capacity.
func (p *preflight) models(ctx context.Context) error {
	s := p.d.Settings
	for _, region := range s.Regions {
		at := p.at + "/providers/Microsoft.CognitiveServices/locations/" + region
		offers, err := list[offered](ctx, p.d.arm, at+"/models", cognitiveVersion)
		if err != nil {
			return err
		}
		usages, err := list[usage](ctx, p.d.arm, at+"/usages", cognitiveVersion)
		if err != nil {
			return err
		}
		have, err := p.deployed(ctx, region)
		if err != nil {
			return err
		}
		for _, m := range s.Models {
			if p.offers(region, m, offers) {
				p.quota(region, m, usages, have[m.As])
			}
		}
	}
	return nil
}

// offers says what of a model a region lacks.
func (p *preflight) offers(region string, m Model, offers []offered) bool {
	var versions, skus []string
	for _, o := range offers {
		if o.Model.Name != m.Name || o.Kind != "" && !strings.EqualFold(o.Kind, p.d.Settings.Kind) {
			continue
		}
		versions = append(versions, o.Model.Version)
		if m.Version == "" || m.Version == o.Model.Version {
			for _, sku := range o.Model.SKUs {
				skus = append(skus, sku.Name)
			}
		}
	}
	slices.Sort(versions)
	slices.Sort(skus)
	versions, skus = slices.Compact(versions), slices.Compact(skus)
	switch {
	case len(versions) == 0:
		p.add(fmt.Sprintf("%s is not offered in %s", m.Name, region),
			"choose another region, or another model: `az cognitiveservices model list -l "+region+"`")
	case m.Version != "" && !slices.Contains(versions, m.Version):
		p.add(fmt.Sprintf("%s is not offered in version %s in %s", m.Name, m.Version, region), "choose one of "+strings.Join(versions, ", "))
	case len(skus) > 0 && !slices.Contains(skus, m.SKU):
		p.add(fmt.Sprintf("%s is not offered as %s in %s", m.Name, m.SKU, region), "choose one of "+strings.Join(skus, ", "))
	default:
		return true
	}
	return false
}

// quota holds the capacity, less what this estate has already, against what the
// region has left.
func (p *preflight) quota(region string, m Model, usages []usage, have int) {
	name := "OpenAI." + m.SKU + "." + m.Name
	for _, u := range usages {
		if !strings.EqualFold(u.Name.Value, name) {
			continue
		}
		if left := int(u.Limit - u.Current); m.Capacity-have > left {
			p.add(fmt.Sprintf("%s wants %d thousand tokens a minute in %s, and the quota %s has %d left", m.As, m.Capacity-have, region, name, left),
				"lower its capacity, or ask Microsoft for quota at https://aka.ms/oai/stuquotarequest")
		}
		return
	}
}

// deployed are the capacities that this estate's account in a region has.
func (p *preflight) deployed(ctx context.Context, region string) (map[string]int, error) {
	items, err := list[struct {
		Name string `json:"name"`
		SKU  struct {
			Capacity int `json:"capacity"`
		} `json:"sku"`
	}](ctx, p.d.arm, p.account(region)+"/deployments", cognitiveVersion)
	if err != nil {
		return nil, err
	}
	have := map[string]int{}
	for _, i := range items {
		have[i.Name] = i.SKU.Capacity
	}
	return have, nil
}

// account is the ARM id of this estate's account in a region.
func (p *preflight) account(region string) string {
	return p.at + "/resourceGroups/" + p.d.Settings.Name + "-workload/providers/Microsoft.CognitiveServices/accounts/" +
		p.d.Settings.Name + "-" + region
}
