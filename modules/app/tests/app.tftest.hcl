mock_provider "azurerm" {
  mock_resource "azurerm_user_assigned_identity" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/chat", principal_id = "00000000-0000-0000-0000-000000000010", client_id = "00000000-0000-0000-0000-000000000011" }
  }
}

variables {
  name                = "acmeai"
  app_name            = "chat"
  resource_group_name = "rg"
  location            = "swedencentral"
  environment_id      = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.App/managedEnvironments/apps"
  registry_id         = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries/acmeai"
  registry_server     = "acmeai.azurecr.io"
  image               = "ostiary@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
}

run "nobody_without_a_sign_in" {
  command         = plan
  expect_failures = [var.own_sign_in]
}

run "the_platforms_sign_in" {
  variables {
    sign_in = { tenant_id = "00000000-0000-0000-0000-000000000003", client_id = "00000000-0000-0000-0000-000000000030" }
  }
  assert {
    condition     = jsondecode(azurerm_resource_group_template_deployment.sign_in[0].template_content).resources[0].properties.globalValidation.unauthenticatedClientAction == "RedirectToLoginPage"
    error_message = "Who has not signed in is sent to Entra."
  }
}

run "secrets_come_from_the_vault" {
  variables {
    own_sign_in = true
    secrets     = { CLIENT_SECRET = "https://v.vault.azure.net/secrets/client" }
    vault_id    = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/v"
    files       = { ostiary-yaml = "chat: {}" }
  }
  assert {
    condition     = [for s in azurerm_container_app.this.secret : s.key_vault_secret_id if s.name == "client-secret"] == ["https://v.vault.azure.net/secrets/client"]
    error_message = "A secret is a reference to the vault."
  }
  assert {
    condition     = endswith(azurerm_role_assignment.secret["CLIENT_SECRET"].scope, "/vaults/v/secrets/client")
    error_message = "The identity may read this secret, and no other."
  }
}

run "somewhere_to_write" {
  variables {
    own_sign_in = true
    files       = { ostiary-yaml = "chat: {}" }
    scratch     = "/var/lib/ostiary"
  }
  assert {
    condition     = { for v in azurerm_container_app.this.template[0].volume : v.name => v.storage_type } == { configuration = "Secret", scratch = "EmptyDir" }
    error_message = "The app writes to a directory of its instance, and its configuration is a secret."
  }
}

run "changed_files_start_the_app_anew" {
  variables {
    own_sign_in = true
    files       = { ostiary-yaml = "chat: {title: another}" }
  }
  assert {
    condition     = [for e in azurerm_container_app.this.template[0].container[0].env : e.value if e.name == "OSTIARY_FILES_DIGEST"] == [sha256(jsonencode({ ostiary-yaml = "chat: {title: another}" }))]
    error_message = "A revision has the digest of its files."
  }
}
