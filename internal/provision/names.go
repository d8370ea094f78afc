package provision

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// suffix is the module's own: it keeps names that are unique in the world apart.
func (s Settings) suffix() string {
	sum := sha256.Sum256([]byte(s.Subscription + "/" + s.Name))
	return hex.EncodeToString(sum[:3])
}

// guidOf is a GUID that is the same at every run for the same text.
func guidOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80 // RFC 9562, version 8
	h := hex.EncodeToString(sum[:16])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// registry and stateAccount are the names that module global gives.
func (s Settings) registry() string     { return s.Name + s.suffix() }
func (s Settings) stateAccount() string { return s.Name + "st" + s.suffix() }

// availability is Azure's answer about a name.
type availability struct {
	Free    *bool  `json:"nameAvailable"`
	Domain  *bool  `json:"isSubdomainAvailable"`
	Message string `json:"message"`
	Reason  string `json:"reason"`
}

func (a availability) taken() bool {
	return a.Free != nil && !*a.Free || a.Domain != nil && !*a.Domain
}

// names: what is unique in the world is free, or is ours already.
func (p *preflight) names(ctx context.Context) error {
	s := p.d.Settings
	group := s.Existing.ResourceGroup
	if group == "" {
		group = s.Name + "-global"
	}
	in := p.at + "/resourceGroups/" + group + "/providers/"
	for _, n := range []struct{ what, name, kind, ask, version, id string }{
		{"registry", s.registry(), "Microsoft.ContainerRegistry/registries", "/providers/Microsoft.ContainerRegistry/checkNameAvailability", "2023-07-01", in + "Microsoft.ContainerRegistry/registries/" + s.registry()},
		{"storage account", s.stateAccount(), "Microsoft.Storage/storageAccounts", "/providers/Microsoft.Storage/checkNameAvailability", "2023-05-01", in + "Microsoft.Storage/storageAccounts/" + s.stateAccount()},
	} {
		ours, err := p.d.arm.get(ctx, n.id, n.version, nil)
		if err != nil {
			return err
		}
		if ours {
			continue
		}
		var a availability
		if err := p.d.arm.post(ctx, p.at+n.ask, n.version, map[string]string{"name": n.name, "type": n.kind}, &a); err != nil {
			return err
		}
		if a.taken() {
			p.add("the name of the "+n.what+", "+n.name+", is taken: "+a.Message, "choose another name for the estate")
		}
	}
	for _, region := range s.Regions {
		if err := p.subdomain(ctx, region); err != nil {
			return err
		}
	}
	return nil
}

// subdomain: an account that was deleted keeps its name for 48 hours.
func (p *preflight) subdomain(ctx context.Context, region string) error {
	s := p.d.Settings
	if ours, err := p.d.arm.get(ctx, p.account(region), cognitiveVersion, nil); ours || err != nil {
		return err
	}
	name := s.Name + "-" + region
	deleted := p.at + "/providers/Microsoft.CognitiveServices/locations/" + region + "/resourceGroups/" + s.Name + "-workload/deletedAccounts/" + name
	gone, err := p.d.arm.get(ctx, deleted, cognitiveVersion, nil)
	if err != nil {
		return err
	}
	if gone {
		p.add("the account "+name+" was deleted and is still kept", "purge it: `az cognitiveservices account purge -n "+name+" -g "+s.Name+"-workload -l "+region+"`")
		return nil
	}
	var a availability
	err = p.d.arm.post(ctx, p.at+"/providers/Microsoft.CognitiveServices/checkDomainAvailability", cognitiveVersion,
		map[string]string{"subdomainName": s.subdomain(region), "type": "Microsoft.CognitiveServices/accounts"}, &a)
	if err == nil && a.taken() {
		p.add("the subdomain "+s.subdomain(region)+" is taken: "+strings.TrimSpace(a.Reason+" "+a.Message), "choose another name for the estate")
	}
	return err
}
