mock_provider "azurerm" {
  mock_data "azurerm_client_config" {
    defaults = {
      subscription_id = "00000000-0000-0000-0000-000000000001"
      object_id       = "00000000-0000-0000-0000-000000000002"
      tenant_id       = "00000000-0000-0000-0000-000000000003"
    }
  }
  mock_resource "azurerm_storage_account" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/acmeai-global/providers/Microsoft.Storage/storageAccounts/acmeaist" }
  }
  mock_resource "azurerm_container_registry" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/acmeai-global/providers/Microsoft.ContainerRegistry/registries/acmeai" }
  }
}

variables {
  name     = "acmeai"
  location = "swedencentral"
}

run "no_keys" {
  assert {
    condition     = !azurerm_container_registry.this.admin_enabled && !azurerm_container_registry.this.anonymous_pull_enabled
    error_message = "The registry takes Entra logins alone."
  }
  assert {
    condition     = !azurerm_storage_account.state.shared_access_key_enabled && azurerm_storage_account.state.blob_properties[0].versioning_enabled
    error_message = "State is read and written by Entra logins, and old versions are kept."
  }
}

run "operators_close_the_doors" {
  variables {
    operators = ["203.0.113.7/32"]
  }
  assert {
    condition     = azurerm_storage_account.state.network_rules[0].default_action == "Deny" && contains(azurerm_storage_account.state.network_rules[0].ip_rules, "203.0.113.7")
    error_message = "Named operators, and nobody else, reach the state."
  }
  assert {
    condition     = azurerm_container_registry.this.network_rule_set[0].default_action == "Deny"
    error_message = "Named operators, and nobody else, reach the registry."
  }
}

run "landing_zone_parts" {
  variables {
    existing_resource_group_name = "platform"
    log_analytics_workspace_id   = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/platform/providers/Microsoft.OperationalInsights/workspaces/logs"
  }
  assert {
    condition     = length(azurerm_resource_group.this) == 0 && length(azurerm_log_analytics_workspace.this) == 0 && output.resource_group_name == "platform"
    error_message = "Existing parts are used, not made again."
  }
}

run "bad_name" {
  command = plan
  variables {
    name = "Acme-AI"
  }
  expect_failures = [var.name]
}

run "bad_operator" {
  command = plan
  variables {
    operators = ["203.0.113.7"]
  }
  expect_failures = [var.operators]
}

run "pipelines_deploy_too" {
  variables {
    deployers = ["00000000-0000-0000-0000-000000000004"]
  }
  assert {
    condition = alltrue([for role in [azurerm_role_assignment.deployer_state, azurerm_role_assignment.deployer_push] :
      role["00000000-0000-0000-0000-000000000004"].principal_id == "00000000-0000-0000-0000-000000000004"
    ])
    error_message = "A pipeline's identity writes state and pushes images."
  }
  assert {
    condition     = azurerm_role_assignment.state.principal_id == "00000000-0000-0000-0000-000000000002"
    error_message = "Whoever applies first does so too."
  }
}

# Another login's run, for example a pipeline's, takes nobody's role away.
run "another_login" {
  override_data {
    target = data.azurerm_client_config.current
    values = {
      subscription_id = "00000000-0000-0000-0000-000000000001"
      object_id       = "00000000-0000-0000-0000-000000000009"
      tenant_id       = "00000000-0000-0000-0000-000000000003"
    }
  }
  assert {
    condition     = azurerm_role_assignment.state.principal_id == "00000000-0000-0000-0000-000000000002" && azurerm_role_assignment.push.principal_id == "00000000-0000-0000-0000-000000000002"
    error_message = "The roles of who applied first stay."
  }
}

run "bad_deployer" {
  command = plan
  variables {
    deployers = ["acmeai-pipeline"]
  }
  expect_failures = [var.deployers]
}
