package corpus

// Faults of what is logged, who holds a role, and what was deleted.

func logFaults() []fault {
	const setting, main = "diagnosticSettings/to-log-shared", "accounts/aoai-main"
	const workspace = "workspaces/log-shared"
	return []fault{
		{"no-diagnostics", "nothing is logged", []string{"one-vnet", "hub-and-spoke"},
			gone(setting),
			[]Want{notPass("diagnostics-on", main)}},
		{"logs-off", "a setting is there, and its log is off", []string{"one-vnet", "lean"},
			set(setting, "properties.logs[0].enabled", false),
			[]Want{fails("diagnostics-on", main, "")}},
		{"metrics-alone", "a setting is there, for metrics alone", []string{"one-vnet"},
			func(d *Document) {
				d.At(setting).Set("properties.logs", list{}).
					Set("properties.metrics", list{object{"category": "AllMetrics", "enabled": true}})
			},
			[]Want{fails("diagnostics-on", main, "")}},
		{"every-category-off", "two settings with four categories each, all off", []string{"logs-elsewhere"},
			func(d *Document) {
				for _, s := range []string{"to-stlogs", "to-evhns-logs"} {
					for i := range 4 {
						d.At("diagnosticSettings/"+s).Set("properties.logs["+string(rune('0'+i))+"].enabled", false)
					}
				}
			},
			[]Want{fails("diagnostics-on", main, "")}},
		{"logs-to-public-storage", "the logs lie open to the internet", []string{"one-vnet", "hub-and-spoke"},
			func(d *Document) {
				store := d.storage("stlogs").Set("properties.publicNetworkAccess", "Enabled")
				d.At(setting).Remove("properties.workspaceId").sendsTo(store)
			},
			[]Want{fails("diagnostics-on", "storageAccounts/stlogs", "stlogs")}},
		{"logs-to-public-hubs", "the logs go through event hubs open to the internet", []string{"one-vnet"},
			func(d *Document) {
				hubs := d.eventHubs("evhns-logs").Remove("properties.publicNetworkAccess")
				d.At(setting).Remove("properties.workspaceId").sendsTo(hubs)
			},
			[]Want{fails("diagnostics-on", "namespaces/evhns-logs", "evhns-logs")}},
		{"logs-to-public-workspace", "the workspace can be asked over the internet", []string{"one-vnet", "ai-services"},
			set(workspace, "properties.publicNetworkAccessForQuery", "Enabled"),
			[]Want{fails("diagnostics-on", workspace, "log-shared")}},
		{"logs-to-nowhere-seen", "what the logs go to is not in the snapshot", []string{"one-vnet"},
			gone(workspace),
			[]Want{unsure("diagnostics-on", main, "")}},
	}
}

func roleFaults() []fault {
	const main = "accounts/aoai-main"
	holds := func(scope, role string) func(*Document) {
		return func(d *Document) { d.role(scope, role, "someone") }
	}
	group := "/subscriptions/" + subscriptionA + "/resourceGroups/" + groupOf(cognitive)
	subscription := "/subscriptions/" + subscriptionA
	account := armID(subscriptionA, cognitive, "accounts", "aoai-main")
	want := []Want{fails("roles-narrow", main, "")}
	return []fault{
		{"owner-of-account", "may give anyone any role", []string{"one-vnet", "several-accounts"}, holds(account, owner), want},
		{"contributor-of-group", "may turn the account's network open", []string{"one-vnet"}, holds(group, contributor), want},
		{"owner-of-subscription", "the same, from above", []string{"hub-and-spoke"}, holds(subscription, owner), want},
		{"cognitive-contributor", "a role of a harmless name that may list keys", []string{"one-vnet"}, holds(account, cognitiveContribute), want},
		{"cognitive-user", "another: Cognitive Services User may list keys too", []string{"one-vnet"}, holds(account, cognitiveUser), want},
		{"own-role-with-keys", "a role of the customer's own that lists keys", []string{"one-vnet"},
			func(d *Document) {
				d.role(account, d.roleOf("Model Support", "Microsoft.CognitiveServices/accounts/read", "Microsoft.CognitiveServices/accounts/listKeys/action"), "support")
			}, want},
		{"own-role-of-everything", "a role of the customer's own with a star", []string{"one-vnet"},
			func(d *Document) {
				d.role(group, d.roleOf("Model Platform", "Microsoft.CognitiveServices/*"), "platform")
			}, want},
		{"role-unseen", "a role whose definition is not in the snapshot", []string{"one-vnet"},
			holds(account, guid("a role that nobody read")),
			[]Want{unsure("roles-narrow", main, "")}},

		{"deleted-account", "whoever may create accounts can bring it back as it was", []string{"one-vnet", "hub-and-spoke"},
			deleted("aoai-trial", cognitive+"/locations/resourceGroups/deletedAccounts"),
			[]Want{fails("soft-deleted", "deletedAccounts/aoai-trial", "")}},
		{"deleted-account-of-old-type", "the same under the type that older answers give", []string{"several-accounts"},
			deleted("aoai-trial", cognitive+"/deletedAccounts"),
			[]Want{fails("soft-deleted", "deletedAccounts/aoai-trial", "")}},
		{"deleted-namesake", "a deleted account of a living one's name, in another group", []string{"one-vnet"},
			deleted("aoai-main", cognitive+"/locations/resourceGroups/deletedAccounts"),
			[]Want{fails("soft-deleted", "deletedAccounts/aoai-main", "")}},
	}
}

// deleted adds a soft-deleted account.
func deleted(name, typ string) func(*Document) {
	return func(d *Document) {
		o := bare("/subscriptions/"+d.sub+"/providers/"+cognitive+"/locations/"+d.region+"/resourceGroups/rg-trial/deletedAccounts/"+name, object{
			"deletionDate": "2026-11-01T09:00:00Z", "scheduledPurgeDate": "2026-11-03T09:00:00Z",
		})
		o["type"], o["location"], o["kind"] = typ, d.region, "OpenAI"
		d.Add(o)
	}
}
