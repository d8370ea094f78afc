package posture

import (
	"strings"
	"testing"
)

func TestContainerApps(t *testing.T) {
	const (
		env = rg + "/providers/Microsoft.App/managedEnvironments/cae"
		app = rg + "/providers/Microsoft.App/containerApps/chat"
	)
	in := func(subnet, environment, ingress, auth string) []string {
		docs := []string{
			`{"id":"` + env + `","name":"cae","type":"Microsoft.App/managedEnvironments","properties":{"vnetConfiguration":{"infrastructureSubnetId":"` + subnet + `"` + environment + `}}}`,
			`{"id":"` + app + `","name":"chat","type":"Microsoft.App/containerApps","properties":{"managedEnvironmentId":"` + env + `","configuration":{` + ingress + `}}}`,
		}
		if auth != "" {
			docs = append(docs, `{"id":"`+app+`/authConfigs/current","name":"current","type":"Microsoft.App/containerApps/authConfigs","properties":{`+auth+`}}`)
		}
		return docs
	}
	const (
		external = `"ingress":{"external":true,"fqdn":"chat.example.net","targetPort":80}`
		signIn   = `"platform":{"enabled":true},"globalValidation":{"unauthenticatedClientAction":"RedirectToLoginPage"}`
	)
	limited := func(rules string) string {
		return strings.Replace(external, `"targetPort"`, `"ipSecurityRestrictions":`+rules+`,"targetPort"`, 1)
	}
	for _, c := range []example{
		{name: "open", more: in(apps, "", external, ""), status: Fail, says: "any address → chat.example.net:443/tcp → chat → 10.0.2.4:443/tcp", mends: "external_enabled = false"},
		{name: "signs in", more: in(apps, "", external, signIn), status: Pass, says: "asks everyone"},
		{name: "sign-in off", more: in(apps, "", external, strings.Replace(signIn, "true", "false", 1)), status: Fail},
		{name: "sign-in unread", more: in(apps, "", external, strings.Replace(signIn, "true", "7", 1)), status: Unknown},
		{name: "anonymous", more: in(apps, "", external, strings.Replace(signIn, "RedirectToLoginPage", "AllowAnonymous", 1)), status: Fail},
		{name: "all but everything", more: in(apps, "", external, strings.Replace(signIn, `"unauth`, `"excludedPaths":["/*"],"unauth`, 1)), status: Fail},
		{name: "no action", more: in(apps, "", external, `"platform":{"enabled":true}`), status: Unknown},
		{name: "inner ingress", more: in(apps, "", `"ingress":{"external":false}`, ""), status: Pass},
		{name: "no ingress", more: in(apps, "", `"activeRevisionsMode":"Single"`, ""), status: Pass},
		{name: "ingress unread", more: in(apps, "", `"ingress":{"external":7}`, ""), status: Unknown},
		{name: "inner environment", more: in(apps, `,"internal":true`, external, ""), status: Pass},
		{name: "environment unread", more: in(apps, `,"internal":7`, external, ""), status: Unknown},
		{name: "one office", more: in(apps, "", limited(`[{"action":"Allow","ipAddressRange":"203.0.113.0/28","name":"office"}]`), ""), status: Pass},
		{name: "the world", more: in(apps, "", limited(`[{"action":"Allow","ipAddressRange":"0.0.0.0/0","name":"all"}]`), ""), status: Fail},
		{name: "all but one", more: in(apps, "", limited(`[{"action":"Deny","ipAddressRange":"203.0.113.9/32","name":"one"}]`), ""), status: Fail},
		{name: "certificates", more: in(apps, "", strings.Replace(external, `"targetPort"`, `"clientCertificateMode":"require","targetPort"`, 1), ""), status: Unknown},
	} {
		c.check, c.about = "app-signed-in", app
		c.run(t)
	}
	// One that cannot reach the model is nobody's business here.
	r := judgeJSON(t, []byte(edited(t, in(vnet+"/subnets/build", "", external, ""))), nil)
	for _, f := range r.Findings {
		if f.ID == "app-signed-in" {
			t.Errorf("an app without a way to the model: %s", f.What)
		}
	}
}

func TestWebApps(t *testing.T) {
	const site = rg + "/providers/Microsoft.Web/sites/chat"
	in := func(properties string, more ...string) []string {
		docs := []string{`{"id":"` + site + `","name":"chat","type":"Microsoft.Web/sites","properties":{"virtualNetworkSubnetId":"` + apps + `","defaultHostName":"chat.example.net"` + properties + `}}`}
		for i := 0; i < len(more); i += 2 {
			docs = append(docs, `{"id":"`+site+`/config/`+more[i]+`","name":"`+more[i]+`","type":"Microsoft.Web/sites/config","properties":{`+more[i+1]+`}}`)
		}
		return docs
	}
	const signIn = `"platform":{"enabled":true},"globalValidation":{"requireAuthentication":true,"unauthenticatedClientAction":"Return401"}`
	for _, c := range []example{
		{name: "signs in", more: in("", "authsettingsV2", signIn), status: Pass},
		{name: "requires nothing", more: in("", "authsettingsV2", strings.Replace(signIn, `Authentication":true`, `Authentication":false`, 1)), status: Fail, says: "any address → chat.example.net:443/tcp", mends: "auth_settings_v2"},
		{name: "off", more: in("", "authsettingsV2", strings.Replace(signIn, `enabled":true`, `enabled":false`, 1)), status: Fail},
		{name: "unread", more: in(""), status: Unknown},
		{name: "closed", more: in(`,"publicNetworkAccess":"Disabled"`), status: Pass},
		{name: "one office", more: in("", "web", `"ipSecurityRestrictionsDefaultAction":"Deny","ipSecurityRestrictions":[{"action":"Allow","ipAddress":"203.0.113.0/28"}]`), status: Pass},
		{name: "any", more: in("", "web", `"ipSecurityRestrictionsDefaultAction":"Allow","ipSecurityRestrictions":[{"action":"Allow","ipAddress":"Any"}]`, "authsettingsV2", `"platform":{"enabled":false}`), status: Fail},
	} {
		c.check, c.about = "app-signed-in", site
		c.run(t)
	}
}
