package posture

import (
	"encoding/json"
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
)

func diagnosticsOn() row {
	return row{Check{
		ID:    "diagnostics-on",
		Title: "Logs are truly on, and go to a private place",
		Level: Advice,
		Looks: "diagnosticSettings.logs[].enabled, and the network of what they go to",
		Why:   "A diagnostic setting may exist with every log switched off, and passes wherever only its presence is looked at. A log kept in a place open to the internet leaks what the private endpoint protects.",
		Equal: Equal{
			Policy: []string{"1b4d1c4e"}, Prowler: []string{"aiservices_account_diagnostic_logging_enabled"}, Azqr: []string{"aif-001"},
		},
	}, each(diagnostics)}
}

func diagnostics(s *scene, a *subject) Finding {
	f := s.on(a)
	logs, places := Fail, Pass // whether any log is on; where those go that are
	settings := s.settingsOf(a)
	for _, d := range settings {
		for _, l := range d.Logs {
			f.Evidence = append(f.Evidence, saw(s, d, l.Enabled, "false"))
		}
		if len(d.Logs) == 0 {
			f.Evidence = append(f.Evidence, s.seen(d, estate.Mark{At: d.At}, "", "no log"))
		}
		on := logsOn(d)
		logs = better(logs, on)
		if on != Fail {
			places = worse(places, s.destination(d, &f))
		}
	}
	if len(settings) == 0 {
		f.Evidence = append(f.Evidence, s.seen(a, estate.Mark{At: a.At}, "", "no diagnostic setting"))
	}
	switch {
	case s.veiled(a, "providers/Microsoft.Insights/diagnosticSettings"):
		return f.doubt("the diagnostic settings of %s could not be read", a.Name)
	case len(settings) == 0 && !s.Planned && len(s.DiagnosticSettings) == 0 && !s.listed("Microsoft.Insights/diagnosticSettings"):
		return f.doubt("diagnostic settings were not listed")
	case len(settings) == 0:
		f = f.fail("%s has no diagnostic setting", a.Name)
	case logs == Fail:
		f = f.fail("%s has a diagnostic setting, and no log in it is on", a.Name)
	case places == Fail:
		f = f.fail("logs of %s go to a place open to the internet", a.Name)
	case logs == Unknown || places == Unknown:
		return f.doubt("whether %s logs to a private place cannot be told", a.Name)
	default:
		return f.pass("%s logs to a private place", a.Name)
	}
	return f.mended("# azurerm_monitor_diagnostic_setting for "+labelOf(a)+"\nenabled_log {\n  category_group = \"allLogs\"\n}",
		azFor(a, `az monitor diagnostic-settings create --name logs --logs '[{"categoryGroup":"allLogs","enabled":true}]' --workspace "$WORKSPACE" --resource`))
}

func (s *scene) settingsOf(a *subject) []*estate.DiagnosticSetting {
	var of []*estate.DiagnosticSetting
	for _, d := range s.DiagnosticSettings {
		prefix := strings.ToLower(strings.TrimSuffix(a.ID, "/")) + "/providers/microsoft.insights/"
		if d.Target.State == estate.Known && (d.Target.To == estate.Thing(a.Account) || sameID(d.Target.ID, idOf(a))) ||
			a.ID != "" && strings.HasPrefix(strings.ToLower(d.ID), prefix) {
			of = append(of, d)
		}
	}
	return of
}

// logsOn says whether any log of a setting is on.
func logsOn(d *estate.DiagnosticSetting) Status {
	best := Fail
	for _, l := range d.Logs {
		switch on, known := l.Enabled.Or(false); {
		case on && known:
			return Pass
		case !known:
			best = Unknown
		}
	}
	return best
}

// destination judges what a setting's logs go to: the worst of all.
func (s *scene) destination(d *estate.DiagnosticSetting, f *Finding) Status {
	status, any := Pass, false
	for _, l := range []estate.Link{d.Workspace, d.Storage, d.EventHub, d.Partner} {
		if l.State == estate.Absent {
			continue
		}
		any = true
		answer := s.closed(l)
		if answer == Fail {
			*f = f.by("logs → %s, which is open to the internet", l.ID)
		}
		f.Evidence = append(f.Evidence, s.seen(d, l.Mark, l.ID, ""))
		status = worse(status, answer)
	}
	if !any {
		return Fail
	}
	return status
}

// closed says whether a store of logs is closed to the internet. An event hub
// is named by an authorization rule of its namespace.
func (s *scene) closed(l estate.Link) Status {
	id, _, _ := strings.Cut(strings.ToLower(l.ID), "/authorizationrules/")
	t := s.Find(id)
	if l.State != estate.Known || t == nil {
		return Unknown
	}
	var doc struct {
		Properties struct {
			PublicNetworkAccess             *string
			PublicNetworkAccessForIngestion *string
			PublicNetworkAccessForQuery     *string
			NetworkACLs                     struct{ DefaultAction string }
		}
	}
	if json.Unmarshal([]byte(s.Raw(t.Base().At)), &doc) != nil || s.Planned {
		return Unknown
	}
	p := doc.Properties
	off := func(v *string) bool { return v != nil && strings.EqualFold(*v, "Disabled") }
	switch {
	case off(p.PublicNetworkAccess), strings.EqualFold(p.NetworkACLs.DefaultAction, "Deny"):
		return Pass
	case off(p.PublicNetworkAccessForIngestion) && off(p.PublicNetworkAccessForQuery):
		return Pass
	case p.PublicNetworkAccess != nil && strings.EqualFold(*p.PublicNetworkAccess, "SecuredByPerimeter"):
		return Unknown
	default:
		return Fail
	}
}
