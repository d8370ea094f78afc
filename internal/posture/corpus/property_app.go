package corpus

func appProperties() []Property {
	const login = "containerApps/ca-chat/authConfigs/current"
	const v2 = "config/authsettingsV2"
	const ca, site = "containerApps/ca-chat", "sites/app-chat"
	row := func(path, at, estate, names string, good, bad list, absent Status, wrong ...any) Property {
		return Property{
			Path: path, Check: "app-signed-in", At: in(at, estate), Names: names,
			Good: good, Bad: bad, Absent: absent, Wrong: wrong,
		}
	}
	const action = "properties.globalValidation.unauthenticatedClientAction"
	redirect := texts("RedirectToLoginPage")
	return []Property{
		row("properties.platform.enabled", login, "container-app-public", ca, list{true}, list{false}, NotPass, "true", 1),
		row(action, login, "container-app-public", ca, redirect, texts("AllowAnonymous"), NotPass, 7, object{}),
		row("properties.vnetConfiguration.internal", "managedEnvironments/cae-apps", "container-app-inside", ca, list{true}, list{false}, Fail, "true", 1),
		row("properties.platform.enabled", v2, "app-service", site, list{true}, list{false}, NotPass, "true", 1),
	}
}

func watchProperties() []Property {
	const setting, workspace, vault = "diagnosticSettings/to-log-shared", "workspaces/log-shared", "vaults/kv-shared"
	role := "/subscriptions/" + subscriptionA + "/providers/" + roles + "/roleDefinitions/"
	assignment := "roleAssignments/" + guid(armID(subscriptionA, cognitive, "accounts", "aoai-main")+openAIUser+"id-apps")
	two := []string{"one-vnet", "hub-and-spoke"}
	return []Property{
		{Path: "properties.logs[0].enabled", Check: "diagnostics-on", At: in(setting, two...), Names: mainAccount,
			Good: list{true}, Bad: list{false}, Wrong: list{"true", 1, object{}}, Absent: NotPass},
		{Path: "properties.logs", Check: "diagnostics-on", At: in(setting, "lean"), Names: mainAccount,
			Good: list{list{logSwitch("categoryGroup", "allLogs")}}, Bad: list{list{}}, Wrong: list{7, "all"}, Absent: NotPass},
		{Path: "properties.workspaceId", Check: "diagnostics-on", At: in(setting, two...), Names: mainAccount,
			Good:      texts(armID(subscriptionA, "Microsoft.OperationalInsights", "workspaces", "log-shared")),
			Undecided: texts(armID(subscriptionA, "Microsoft.OperationalInsights", "workspaces", "log-unread")), Wrong: list{7, object{}}, Absent: NotPass},
		{Path: "properties.publicNetworkAccessForIngestion", Check: "diagnostics-on", At: in(workspace, two...), Names: mainAccount,
			Good: texts("Disabled"), Bad: texts("Enabled"), Odd: list{7}, Absent: NotPass},
		{Path: "properties.publicNetworkAccessForQuery", Check: "diagnostics-on", At: in(workspace, two...), Names: mainAccount,
			Good: texts("Disabled"), Bad: texts("Enabled"), Odd: list{7}, Absent: NotPass},
		{Path: "properties.publicNetworkAccess", Check: "customer-managed-key", At: in(vault, two...), Names: mainAccount,
			Good: texts("Disabled"), Bad: texts("Enabled"), Odd: texts("Sometimes"), Wrong: list{7, object{}}, Absent: Fail},
		{Path: "properties.roleDefinitionId", Check: "roles-narrow", At: in(assignment, two...), Names: mainAccount,
			Good: texts(role + openAIUser), Bad: texts(role+owner, role+contributor, role+cognitiveContribute, role+cognitiveUser),
			Undecided: texts(role + guid("a role that nobody read")), Wrong: list{7, object{}}, Absent: Unknown},
	}
}
