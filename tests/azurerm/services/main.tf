terraform {
  required_version = ">= 1.9"
  required_providers {
    azurerm = { source = "hashicorp/azurerm", version = "~> 5.2" }
  }
}

provider "azurerm" {
  features {}
}

variable "second" {
  description = "Whether everything that can be changed in place is."
  type        = bool
  default     = false
}

data "azurerm_client_config" "this" {}

resource "azurerm_resource_group" "this" {
  name     = "rg-services"
  location = "westeurope"
}

resource "azurerm_virtual_network" "this" {
  name                = "vnet"
  location            = azurerm_resource_group.this.location
  resource_group_name = azurerm_resource_group.this.name
  address_space       = ["10.1.0.0/16"]
}

resource "azurerm_subnet" "endpoints" {
  name                 = "endpoints"
  resource_group_name  = azurerm_resource_group.this.name
  virtual_network_name = azurerm_virtual_network.this.name
  address_prefixes     = ["10.1.2.0/24"]
}

resource "azurerm_subnet" "hosts" {
  name                 = "hosts"
  resource_group_name  = azurerm_resource_group.this.name
  virtual_network_name = azurerm_virtual_network.this.name
  address_prefixes     = ["10.1.3.0/24"]
  service_endpoint {
    service = "Microsoft.Storage"
  }
}

resource "azurerm_subnet" "apps" {
  name                 = "apps"
  resource_group_name  = azurerm_resource_group.this.name
  virtual_network_name = azurerm_virtual_network.this.name
  address_prefixes     = ["10.1.4.0/23"]
  delegation {
    name = "apps"
    service_delegation {
      name    = "Microsoft.App/environments"
      actions = ["Microsoft.Network/virtualNetworks/subnets/join/action"]
    }
  }
}

resource "azurerm_subnet" "database" {
  name                 = "database"
  resource_group_name  = azurerm_resource_group.this.name
  virtual_network_name = azurerm_virtual_network.this.name
  address_prefixes     = ["10.1.6.0/24"]
  delegation {
    name = "postgres"
    service_delegation {
      name    = "Microsoft.DBforPostgreSQL/flexibleServers"
      actions = ["Microsoft.Network/virtualNetworks/subnets/join/action"]
    }
  }
}

resource "azurerm_user_assigned_identity" "this" {
  name                = "id-services"
  location            = azurerm_resource_group.this.location
  resource_group_name = azurerm_resource_group.this.name
}

# --- logs

resource "azurerm_log_analytics_workspace" "this" {
  name                = "law-services"
  location            = azurerm_resource_group.this.location
  resource_group_name = azurerm_resource_group.this.name
  sku                 = "PerGB2018"
  retention_in_days   = var.second ? 60 : 30
}

resource "azurerm_application_insights" "this" {
  retention_in_days   = var.second ? 60 : 90
  name                = "ai-services"
  location            = azurerm_resource_group.this.location
  resource_group_name = azurerm_resource_group.this.name
  workspace_id        = azurerm_log_analytics_workspace.this.id
  application_type    = "web"
}

resource "azurerm_monitor_diagnostic_setting" "vault" {
  name                       = "to-law"
  target_resource_id         = azurerm_key_vault.this.id
  log_analytics_workspace_id = azurerm_log_analytics_workspace.this.id
  enabled_log {
    category = "AuditEvent"
  }
  dynamic "enabled_metric" {
    for_each = var.second ? [] : ["AllMetrics"]
    content {
      category = enabled_metric.value
    }
  }
}

# --- vault and storage

resource "azurerm_key_vault" "this" {
  tags                          = var.second ? { changed = "yes" } : {}
  name                          = "kv-services-rehearsal"
  location                      = azurerm_resource_group.this.location
  resource_group_name           = azurerm_resource_group.this.name
  tenant_id                     = data.azurerm_client_config.this.tenant_id
  sku_name                      = "standard"
  soft_delete_retention_days    = 7
  purge_protection_enabled      = false
  rbac_authorization_enabled    = true
  public_network_access_enabled = false
}

resource "azurerm_private_endpoint" "vault" {
  name                = "pe-vault"
  location            = azurerm_resource_group.this.location
  resource_group_name = azurerm_resource_group.this.name
  subnet_id           = azurerm_subnet.endpoints.id
  private_service_connection {
    name                           = "vault"
    private_connection_resource_id = azurerm_key_vault.this.id
    subresource_names              = ["vault"]
    is_manual_connection           = false
  }
}

resource "azurerm_storage_account" "this" {
  name                            = "stservicesrehearsal"
  location                        = azurerm_resource_group.this.location
  resource_group_name             = azurerm_resource_group.this.name
  account_tier                    = "Standard"
  account_replication_type        = "ZRS"
  min_tls_version                 = "TLS1_2"
  allow_nested_items_to_be_public = false
  network_rules {
    default_action             = "Deny"
    ip_rules                   = var.second ? ["203.0.113.10"] : ["203.0.113.9"]
    virtual_network_subnet_ids = [azurerm_subnet.hosts.id]
  }
  blob_properties {
    versioning_enabled = true
    delete_retention_policy {
      days = var.second ? 14 : 7
    }
  }
}

resource "azurerm_storage_container" "state" {
  name               = "tfstate"
  storage_account_id = azurerm_storage_account.this.id
}

resource "azurerm_storage_share" "ledger" {
  name               = "ledger"
  storage_account_id = azurerm_storage_account.this.id
  quota              = var.second ? 10 : 5
}

# --- registry and apps

resource "azurerm_container_registry" "this" {
  admin_enabled                 = var.second
  name                          = "acrservicesrehearsal"
  location                      = azurerm_resource_group.this.location
  resource_group_name           = azurerm_resource_group.this.name
  sku                           = "Premium"
  public_network_access_enabled = false
}

resource "azurerm_role_assignment" "pull" {
  scope                = azurerm_container_registry.this.id
  role_definition_name = "AcrPull"
  principal_id         = azurerm_user_assigned_identity.this.principal_id
}

resource "azurerm_container_app_environment" "this" {
  name                           = "cae"
  location                       = azurerm_resource_group.this.location
  resource_group_name            = azurerm_resource_group.this.name
  logs_destination               = "log-analytics"
  log_analytics_workspace_id     = azurerm_log_analytics_workspace.this.id
  infrastructure_subnet_id       = azurerm_subnet.apps.id
  internal_load_balancer_enabled = true
  public_network_access          = "Disabled"
  workload_profile {
    name                  = "Consumption"
    workload_profile_type = "Consumption"
  }
}

resource "azurerm_container_app_environment_storage" "this" {
  name                         = "ledger"
  container_app_environment_id = azurerm_container_app_environment.this.id
  account_name                 = azurerm_storage_account.this.name
  share_name                   = azurerm_storage_share.ledger.name
  access_key                   = azurerm_storage_account.this.primary_access_key
  access_mode                  = "ReadWrite"
}

resource "azurerm_container_app" "this" {
  name                         = "gateway"
  container_app_environment_id = azurerm_container_app_environment.this.id
  resource_group_name          = azurerm_resource_group.this.name
  revision_mode                = "Single"
  workload_profile_name        = "Consumption"

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.this.id]
  }

  registry {
    server   = azurerm_container_registry.this.login_server
    identity = azurerm_user_assigned_identity.this.id
  }

  secret {
    name  = "config"
    value = var.second ? "changed" : "kept"
  }

  ingress {
    external_enabled = true
    target_port      = 8080
    traffic_weight {
      latest_revision = true
      percentage      = 100
    }
  }

  template {
    min_replicas = 1
    max_replicas = var.second ? 2 : 1
    volume {
      name         = "ledger"
      storage_name = azurerm_container_app_environment_storage.this.name
      storage_type = "AzureFile"
    }
    container {
      name   = "gateway"
      image  = "${azurerm_container_registry.this.login_server}/ostiary:1"
      cpu    = 0.5
      memory = "1Gi"
      args   = ["gateway", "--config", "/etc/ostiary.yaml"]
      env {
        name        = "CONFIG"
        secret_name = "config"
      }
      volume_mounts {
        name = "ledger"
        path = "/ledger"
      }
    }
  }
}

# --- events

resource "azurerm_eventhub_namespace" "this" {
  name                          = "evhns-rehearsal"
  location                      = azurerm_resource_group.this.location
  resource_group_name           = azurerm_resource_group.this.name
  sku                           = "Standard"
  capacity                      = var.second ? 2 : 1
  local_authentication_enabled  = false
  public_network_access_enabled = var.second
}

resource "azurerm_eventhub" "calls" {
  name            = "calls"
  namespace_id    = azurerm_eventhub_namespace.this.id
  partition_count = 2
  retention_description {
    cleanup_policy          = "Delete"
    retention_time_in_hours = var.second ? 96 : 72
  }
}

resource "azurerm_eventhub_consumer_group" "explorer" {
  user_metadata       = var.second ? "explorer" : null
  name                = "explorer"
  namespace_name      = azurerm_eventhub_namespace.this.name
  eventhub_name       = azurerm_eventhub.calls.name
  resource_group_name = azurerm_resource_group.this.name
}

resource "azurerm_eventhub_authorization_rule" "send" {
  listen              = var.second
  name                = "send"
  namespace_name      = azurerm_eventhub_namespace.this.name
  eventhub_name       = azurerm_eventhub.calls.name
  resource_group_name = azurerm_resource_group.this.name
  send                = true
}

resource "azurerm_eventhub_namespace_authorization_rule" "listen" {
  name                = "listen"
  namespace_name      = azurerm_eventhub_namespace.this.name
  resource_group_name = azurerm_resource_group.this.name
  listen              = true
}

# --- explorer

resource "azurerm_kusto_cluster" "this" {
  streaming_ingestion_enabled   = var.second
  name                          = "adxrehearsal"
  location                      = azurerm_resource_group.this.location
  resource_group_name           = azurerm_resource_group.this.name
  public_network_access_enabled = false
  sku {
    name     = "Dev(No SLA)_Standard_E2a_v4"
    capacity = 1
  }
  identity {
    type = "SystemAssigned"
  }
}

resource "azurerm_kusto_database" "this" {
  name                = "audit"
  location            = azurerm_resource_group.this.location
  resource_group_name = azurerm_resource_group.this.name
  cluster_name        = azurerm_kusto_cluster.this.name
  soft_delete_period  = "P365D"
  hot_cache_period    = var.second ? "P7D" : "P31D"
}

resource "azurerm_kusto_script" "this" {
  name           = "tables"
  database_id    = azurerm_kusto_database.this.id
  script_content = ".create-merge table calls (time: datetime${var.second ? ", id: string" : ""})"
}

resource "azurerm_kusto_eventhub_data_connection" "this" {
  name                = "calls"
  location            = azurerm_resource_group.this.location
  resource_group_name = azurerm_resource_group.this.name
  cluster_name        = azurerm_kusto_cluster.this.name
  database_name       = azurerm_kusto_database.this.name
  eventhub_id         = azurerm_eventhub.calls.id
  consumer_group      = azurerm_eventhub_consumer_group.explorer.name
  identity_id         = azurerm_kusto_cluster.this.id
  table_name          = "calls"
  data_format         = "MULTIJSON"
}

resource "azurerm_kusto_cluster_managed_private_endpoint" "this" {
  name                     = "events"
  resource_group_name      = azurerm_resource_group.this.name
  cluster_name             = azurerm_kusto_cluster.this.name
  private_link_resource_id = azurerm_eventhub_namespace.this.id
  group_id                 = "namespace"
  request_message          = "please"
}

resource "azurerm_kusto_cluster_principal_assignment" "this" {
  name                = "admin"
  resource_group_name = azurerm_resource_group.this.name
  cluster_name        = azurerm_kusto_cluster.this.name
  tenant_id           = data.azurerm_client_config.this.tenant_id
  principal_id        = azurerm_user_assigned_identity.this.client_id
  principal_type      = "App"
  role                = "AllDatabasesViewer"
}

resource "azurerm_kusto_database_principal_assignment" "this" {
  name                = "viewer"
  resource_group_name = azurerm_resource_group.this.name
  cluster_name        = azurerm_kusto_cluster.this.name
  database_name       = azurerm_kusto_database.this.name
  tenant_id           = data.azurerm_client_config.this.tenant_id
  principal_id        = azurerm_user_assigned_identity.this.client_id
  principal_type      = "App"
  role                = "Viewer"
}

# --- databases

resource "azurerm_redis_cache" "this" {
  tags                          = var.second ? { changed = "yes" } : {}
  name                          = "redis-rehearsal"
  location                      = azurerm_resource_group.this.location
  resource_group_name           = azurerm_resource_group.this.name
  capacity                      = 1
  family                        = "C"
  sku_name                      = "Standard"
  public_network_access_enabled = false
}

resource "azurerm_private_dns_zone" "database" {
  name                = "rehearsal.postgres.database.azure.com"
  resource_group_name = azurerm_resource_group.this.name
}

resource "azurerm_postgresql_flexible_server" "this" {
  backup_retention_days         = var.second ? 14 : 7
  name                          = "psql-rehearsal"
  location                      = azurerm_resource_group.this.location
  resource_group_name           = azurerm_resource_group.this.name
  version                       = "16"
  sku_name                      = "GP_Standard_D2s_v3"
  storage_mb                    = 32768
  zone                          = "1"
  delegated_subnet_id           = azurerm_subnet.database.id
  private_dns_zone_id           = azurerm_private_dns_zone.database.id
  public_network_access_enabled = false
  administrator_login           = "owner"
  administrator_password        = "Not-a-real-one-1"
}

resource "azurerm_postgresql_flexible_server_database" "this" {
  name      = "ledger"
  server_id = azurerm_postgresql_flexible_server.this.id
}

resource "azurerm_postgresql_flexible_server_configuration" "this" {
  name      = "azure.extensions"
  server_id = azurerm_postgresql_flexible_server.this.id
  value     = var.second ? "PGCRYPTO,UUID-OSSP" : "PGCRYPTO"
}

# --- a host

resource "azurerm_network_interface" "host" {
  name                = "nic-host"
  location            = azurerm_resource_group.this.location
  resource_group_name = azurerm_resource_group.this.name
  ip_configuration {
    name                          = "main"
    subnet_id                     = azurerm_subnet.hosts.id
    private_ip_address_allocation = "Dynamic"
  }
}

resource "azurerm_linux_virtual_machine" "host" {
  tags                            = var.second ? { changed = "yes" } : {}
  name                            = "host"
  location                        = azurerm_resource_group.this.location
  resource_group_name             = azurerm_resource_group.this.name
  size                            = "Standard_B2s"
  admin_username                  = "operator"
  admin_password                  = "Not-a-real-one-1"
  disable_password_authentication = false
  network_interface_ids           = [azurerm_network_interface.host.id]
  custom_data                     = base64encode("#cloud-config")
  os_disk {
    caching              = "ReadWrite"
    storage_account_type = "Premium_LRS"
  }
  source_image_reference {
    publisher = "Canonical"
    offer     = "ubuntu-24_04-lts"
    sku       = "server"
    version   = "latest"
  }
  identity {
    type = "SystemAssigned"
  }
}

resource "azurerm_managed_disk" "data" {
  name                 = "disk-data"
  location             = azurerm_resource_group.this.location
  resource_group_name  = azurerm_resource_group.this.name
  storage_account_type = "Standard_LRS"
  create_option        = "Empty"
  disk_size_gb         = 32
}

resource "azurerm_virtual_machine_data_disk_attachment" "data" {
  managed_disk_id    = azurerm_managed_disk.data.id
  virtual_machine_id = azurerm_linux_virtual_machine.host.id
  lun                = 0
  caching            = "None"
}

# --- what azurerm has no resource for goes through a template

resource "azurerm_resource_group_template_deployment" "sign_in" {
  name                = "sign-in"
  resource_group_name = azurerm_resource_group.this.name
  deployment_mode     = "Incremental"
  template_content = jsonencode({
    "$schema"      = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    contentVersion = "1.0.0.0"
    resources = [{
      type       = "Microsoft.App/containerApps/authConfigs"
      apiVersion = "2024-03-01"
      name       = "${azurerm_container_app.this.name}/current"
      properties = {
        platform         = { enabled = true }
        globalValidation = { unauthenticatedClientAction = "RedirectToLoginPage" }
      }
    }]
  })
}

# --- without passwords and keys

resource "azurerm_postgresql_flexible_server" "entra" {
  name                          = "psql-entra"
  location                      = azurerm_resource_group.this.location
  resource_group_name           = azurerm_resource_group.this.name
  version                       = "17"
  sku_name                      = "GP_Standard_D2ds_v5"
  storage_mb                    = 32768
  public_network_access_enabled = var.second

  authentication {
    active_directory_auth_enabled = true
    password_auth_enabled         = false
    tenant_id                     = azurerm_user_assigned_identity.database.tenant_id
  }

  high_availability {
    mode = "ZoneRedundant"
  }

  lifecycle {
    ignore_changes = [zone, high_availability[0].standby_availability_zone]
  }
}

resource "azurerm_user_assigned_identity" "database" {
  name                = "id-database"
  location            = azurerm_resource_group.this.location
  resource_group_name = azurerm_resource_group.this.name
}

resource "azurerm_postgresql_flexible_server_active_directory_administrator" "this" {
  server_name         = azurerm_postgresql_flexible_server.entra.name
  resource_group_name = azurerm_resource_group.this.name
  tenant_id           = azurerm_user_assigned_identity.database.tenant_id
  object_id           = azurerm_user_assigned_identity.database.principal_id
  principal_name      = azurerm_user_assigned_identity.database.name
  principal_type      = "ServicePrincipal"
}

resource "azurerm_managed_redis" "this" {
  name                  = "redis-managed"
  location              = azurerm_resource_group.this.location
  resource_group_name   = azurerm_resource_group.this.name
  sku_name              = var.second ? "Balanced_B1" : "Balanced_B0"
  public_network_access = var.second ? "Enabled" : "Disabled"

  default_database {
    access_keys_authentication_enabled = var.second
    clustering_policy                  = "NoCluster"
    eviction_policy                    = var.second ? "VolatileTTL" : "NoEviction"
  }
}

resource "azurerm_managed_redis_access_policy_assignment" "this" {
  managed_redis_id = azurerm_managed_redis.this.id
  object_id        = azurerm_user_assigned_identity.database.principal_id
}
