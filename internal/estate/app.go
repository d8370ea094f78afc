package estate

// AppEnvironment is Microsoft.App/managedEnvironments.
type AppEnvironment struct {
	Resource
	Subnet       Ref[Subnet]   `arm:"properties.vnetConfiguration.infrastructureSubnetId" tf:"infrastructure_subnet_id"`
	Internal     Value[bool]   `arm:"properties.vnetConfiguration.internal" tf:"internal_load_balancer_enabled"`
	PublicAccess Value[string] `arm:"properties.publicNetworkAccess" tf:"public_network_access"`
	StaticIP     Value[string] `arm:"properties.staticIp" tf:"static_ip_address"`
	Domain       Value[string] `arm:"properties.defaultDomain" tf:"default_domain"`
}

// ContainerApp is Microsoft.App/containerApps.
type ContainerApp struct {
	Resource
	Environment Ref[AppEnvironment] `arm:"properties.managedEnvironmentId properties.environmentId" tf:"container_app_environment_id"`
	Ingress     []*Ingress          `arm:"properties.configuration.ingress" tf:"ingress"` // none: takes no requests
	Auth        []*AppAuth
}

// Ingress is how a ContainerApp takes requests.
type Ingress struct {
	Part
	External     Value[bool]    `arm:"external" tf:"external_enabled"`
	Host         Value[string]  `arm:"fqdn" tf:"fqdn"`
	Port         Value[int]     `arm:"targetPort" tf:"target_port"`
	ClientCerts  Value[string]  `arm:"clientCertificateMode" tf:"client_certificate_mode"`
	Restrictions []*Restriction `arm:"ipSecurityRestrictions" tf:"ip_security_restriction"`
}

// AppAuth is Microsoft.App/containerApps/authConfigs.
type AppAuth struct {
	Resource
	App             *ContainerApp
	Enabled         Value[bool]   `arm:"properties.platform.enabled"`
	Unauthenticated Value[string] `arm:"properties.globalValidation.unauthenticatedClientAction"` // AllowAnonymous, RedirectToLoginPage, Return401, Return403
	ExcludedPaths   List[string]  `arm:"properties.globalValidation.excludedPaths"`
}

// Restriction is an access restriction of an app.
type Restriction struct {
	Part
	Action   Value[string] `arm:"action" tf:"action"`
	Prefix   Value[string] `arm:"ipAddressRange ipAddress" tf:"ip_address_range ip_address"` // or a service tag
	Tag      Value[string] `arm:"tag" tf:"service_tag"`
	Subnet   Ref[Subnet]   `arm:"vnetSubnetResourceId" tf:"virtual_network_subnet_id"`
	Priority Value[int]    `arm:"priority" tf:"priority"`
}

// WebApp is Microsoft.Web/sites: App Service and Functions.
type WebApp struct {
	Resource
	Kind           Value[string]  `arm:"kind"`
	Host           Value[string]  `arm:"properties.defaultHostName" tf:"default_hostname"`
	Subnet         Ref[Subnet]    `arm:"properties.virtualNetworkSubnetId" tf:"virtual_network_subnet_id"`
	PublicAccess   Value[string]  `arm:"properties.publicNetworkAccess" tf:"public_network_access_enabled|enabled"`
	RouteAll       Value[bool]    `arm:"properties.vnetRouteAllEnabled properties.outboundVnetRouting.allTraffic"`
	ClientCerts    Value[bool]    `arm:"properties.clientCertEnabled" tf:"client_certificate_enabled"`
	ClientCertMode Value[string]  `arm:"properties.clientCertMode" tf:"client_certificate_mode"`
	Settings       []*WebSettings `arm:"properties.siteConfig" tf:"site_config"`
	Auth           []*WebAuth     `tf:"auth_settings_v2 auth_settings"` // empty where it was not read: Azure always has one
}

// WebSettings is Microsoft.Web/sites/config web, or the part of it that the
// site itself shows.
type WebSettings struct {
	Resource
	App           *WebApp
	RouteAll      Value[bool]    `arm:"vnetRouteAllEnabled properties.vnetRouteAllEnabled" tf:"vnet_route_all_enabled"`
	Restrictions  []*Restriction `arm:"ipSecurityRestrictions properties.ipSecurityRestrictions" tf:"ip_restriction"`
	DefaultAction Value[string]  `arm:"ipSecurityRestrictionsDefaultAction properties.ipSecurityRestrictionsDefaultAction" tf:"ip_restriction_default_action"`
}

// WebAuth is Microsoft.Web/sites/config authsettingsV2.
type WebAuth struct {
	Resource
	App             *WebApp
	Enabled         Value[bool]   `arm:"properties.platform.enabled" tf:"auth_enabled enabled"`
	Require         Value[bool]   `arm:"properties.globalValidation.requireAuthentication" tf:"require_authentication"`
	Unauthenticated Value[string] `arm:"properties.globalValidation.unauthenticatedClientAction" tf:"unauthenticated_action unauthenticated_client_action"`
	ExcludedPaths   List[string]  `arm:"properties.globalValidation.excludedPaths" tf:"excluded_paths"`
}
