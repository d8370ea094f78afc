package arm

import "strings"

// region is one of Azure's; geography as ARM's list of locations groups them.
type region struct{ name, display, geography string }

// regions are the public cloud's, those that restrict access left out.
func regions() []region {
	return []region{
		{"eastus", "East US", "US"}, {"eastus2", "East US 2", "US"}, {"centralus", "Central US", "US"},
		{"northcentralus", "North Central US", "US"}, {"southcentralus", "South Central US", "US"}, {"westcentralus", "West Central US", "US"},
		{"westus", "West US", "US"}, {"westus2", "West US 2", "US"}, {"westus3", "West US 3", "US"},
		{"canadacentral", "Canada Central", "Canada"}, {"canadaeast", "Canada East", "Canada"}, {"brazilsouth", "Brazil South", "South America"},
		{"mexicocentral", "Mexico Central", "Mexico"}, {"chilecentral", "Chile Central", "South America"},
		{"northeurope", "North Europe", "Europe"}, {"westeurope", "West Europe", "Europe"}, {"francecentral", "France Central", "Europe"},
		{"germanywestcentral", "Germany West Central", "Europe"}, {"italynorth", "Italy North", "Europe"}, {"norwayeast", "Norway East", "Europe"},
		{"polandcentral", "Poland Central", "Europe"}, {"spaincentral", "Spain Central", "Europe"}, {"swedencentral", "Sweden Central", "Europe"},
		{"switzerlandnorth", "Switzerland North", "Europe"}, {"switzerlandwest", "Switzerland West", "Europe"}, {"uksouth", "UK South", "UK"}, {"ukwest", "UK West", "UK"},
		{"austriaeast", "Austria East", "Europe"}, {"israelcentral", "Israel Central", "Middle East"}, {"qatarcentral", "Qatar Central", "Middle East"},
		{"uaenorth", "UAE North", "Middle East"}, {"southafricanorth", "South Africa North", "Africa"},
		{"australiaeast", "Australia East", "Asia Pacific"}, {"australiasoutheast", "Australia Southeast", "Asia Pacific"}, {"australiacentral", "Australia Central", "Asia Pacific"},
		{"centralindia", "Central India", "Asia Pacific"}, {"southindia", "South India", "Asia Pacific"}, {"westindia", "West India", "Asia Pacific"},
		{"eastasia", "East Asia", "Asia Pacific"}, {"southeastasia", "Southeast Asia", "Asia Pacific"}, {"indonesiacentral", "Indonesia Central", "Asia Pacific"},
		{"japaneast", "Japan East", "Asia Pacific"}, {"japanwest", "Japan West", "Asia Pacific"}, {"koreacentral", "Korea Central", "Asia Pacific"},
		{"koreasouth", "Korea South", "Asia Pacific"}, {"malaysiawest", "Malaysia West", "Asia Pacific"}, {"newzealandnorth", "New Zealand North", "Asia Pacific"},
	}
}

// normalRegion is a region's name as ARM compares it: West Europe, westeurope.
func normalRegion(s string) string { return strings.ToLower(strings.ReplaceAll(s, " ", "")) }

// knownRegion accepts global too, where resources without a region live.
func knownRegion(name string) bool {
	if name == "global" {
		return true
	}
	for _, r := range regions() {
		if r.name == name {
			return true
		}
	}
	return false
}
