package estate

// Account is Microsoft.CognitiveServices/accounts: Azure OpenAI, AI Services
// and their kin.
type Account struct {
	Resource
	Kind               Value[string]             `arm:"kind" tf:"kind"` // OpenAI, AIServices, …
	Subdomain          Value[string]             `arm:"properties.customSubDomainName" tf:"custom_subdomain_name"`
	Endpoint           Value[string]             `arm:"properties.endpoint" tf:"endpoint"`
	PublicAccess       Value[string]             `arm:"properties.publicNetworkAccess" tf:"public_network_access public_network_access_enabled|enabled"` // Enabled (default), Disabled, SecuredByPerimeter
	DefaultAction      Value[string]             `arm:"properties.networkAcls.defaultAction" tf:"network_acls.default_action"`                           // Allow, Deny
	Bypass             Value[string]             `arm:"properties.networkAcls.bypass" tf:"network_acls.bypass"`                                          // None, AzureServices
	IPRules            List[string]              `arm:"properties.networkAcls.ipRules.value" tf:"network_acls.ip_rules"`
	NetworkRules       []*NetworkRule            `arm:"properties.networkAcls.virtualNetworkRules" tf:"network_acls.virtual_network_rules"`
	LocalAuthDisabled  Value[bool]               `arm:"properties.disableLocalAuth" tf:"local_auth_enabled|not local_authentication_enabled|not"`
	Identity           Value[string]             `arm:"identity.type" tf:"identity.type"`
	KeySource          Value[string]             `arm:"properties.encryption.keySource"` // Microsoft.KeyVault, Microsoft.CognitiveServices
	KeyVaultURI        Value[string]             `arm:"properties.encryption.keyVaultProperties.keyVaultUri" tf:"customer_managed_key.key_vault_key_id"`
	RestrictOutbound   Value[bool]               `arm:"properties.restrictOutboundNetworkAccess" tf:"outbound_network_access_restricted outbound_network_access_restrited"`
	AllowedFQDNs       List[string]              `arm:"properties.allowedFqdnList" tf:"fqdns"`
	Capabilities       []*Capability             `arm:"properties.capabilities"`
	PrivateConnections []*PrivateConnection      `arm:"properties.privateEndpointConnections"`
	Perimeters         []*PerimeterConfiguration `arm:"properties.networkSecurityPerimeterConfigurations"`
	Deployments        []*Deployment
}

// NetworkRule admits a subnet through its service endpoint.
type NetworkRule struct {
	Part
	Subnet        Ref[Subnet]   `arm:"id" tf:"subnet_id"`
	State         Value[string] `arm:"state"`
	IgnoreMissing Value[bool]   `arm:"ignoreMissingVnetServiceEndpoint" tf:"ignore_missing_vnet_service_endpoint"`
}

// Capability is a named capability of an account, for example ContentLogging.
type Capability struct {
	Part
	Value Value[string] `arm:"value"`
}

// PrivateConnection is the account's side of a private endpoint.
type PrivateConnection struct {
	Resource
	Account  *Account
	Endpoint Ref[PrivateEndpoint] `arm:"properties.privateEndpoint.id"`
	Groups   List[string]         `arm:"properties.groupIds"`
	Status   Value[string]        `arm:"properties.privateLinkServiceConnectionState.status"`
}

// PerimeterConfiguration is the account's side of a perimeter.
type PerimeterConfiguration struct {
	Resource
	Account   *Account
	Perimeter Ref[Perimeter] `arm:"properties.networkSecurityPerimeter.id"`
	Mode      Value[string]  `arm:"properties.resourceAssociation.accessMode"` // Enforced, Learning, Audit
}

// Deployment is Microsoft.CognitiveServices/accounts/deployments.
type Deployment struct {
	Resource
	Account *Account
	Format  Value[string] `arm:"properties.model.format" tf:"model.format"`
	Model   Value[string] `arm:"properties.model.name" tf:"model.name"`
	Version Value[string] `arm:"properties.model.version" tf:"model.version"`
	SKU     Value[string] `arm:"sku.name" tf:"sku.name scale.type"`
}

// DeletedAccount is a soft-deleted account.
type DeletedAccount struct {
	Resource
	Deleted Value[string] `arm:"properties.deletionDate"`
	Purge   Value[string] `arm:"properties.scheduledPurgeDate"`
}

// Perimeter is Microsoft.Network/networkSecurityPerimeters.
type Perimeter struct {
	Resource
	Profiles     []*PerimeterProfile
	Associations []*PerimeterAssociation
}

// PerimeterProfile is its profiles.
type PerimeterProfile struct {
	Resource
	Perimeter *Perimeter
	Rules     []*PerimeterRule
}

// PerimeterRule is a profile's accessRules.
type PerimeterRule struct {
	Resource
	Profile       *PerimeterProfile
	Direction     Value[string] `arm:"properties.direction" tf:"direction"`
	Prefixes      List[string]  `arm:"properties.addressPrefixes" tf:"address_prefixes"`
	Subscriptions List[string]  `arm:"properties.subscriptions.id" tf:"subscription_ids"`
	ServiceTags   List[string]  `arm:"properties.serviceTags" tf:"service_tags"`
	FQDNs         List[string]  `arm:"properties.fullyQualifiedDomainNames" tf:"fqdns"`
}

// PerimeterAssociation is a perimeter's resourceAssociations.
type PerimeterAssociation struct {
	Resource
	Perimeter *Perimeter
	Target    Link                  `arm:"properties.privateLinkResource.id" tf:"resource_id"`
	Profile   Ref[PerimeterProfile] `arm:"properties.profile.id" tf:"network_security_perimeter_profile_id"`
	Mode      Value[string]         `arm:"properties.accessMode" tf:"access_mode"`
}
