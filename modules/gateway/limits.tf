# Where several replicas count the limits of workloads together: a Redis behind
# a private endpoint, which takes Entra's tokens and no key. It holds names of
# workloads and numbers, for a minute each, and nothing that a backup must keep.
locals {
  redis = var.shared_limits == null ? 0 : 1
}

resource "azurerm_managed_redis" "this" {
  count                     = local.redis
  name                      = "${var.name}-limits-${local.suffix}"
  resource_group_name       = var.resource_group_name
  location                  = var.location
  sku_name                  = var.shared_limits.sku
  high_availability_enabled = var.shared_limits.high_availability
  public_network_access     = "Disabled"
  tags                      = var.tags

  default_database {
    access_keys_authentication_enabled = false
    client_protocol                    = "Encrypted"
    clustering_policy                  = "NoCluster"  # one name and port, whose certificate fits
    eviction_policy                    = "NoEviction" # a count that is thrown away would be a limit lifted
  }
}

resource "azurerm_managed_redis_access_policy_assignment" "gateway" {
  count            = local.redis
  managed_redis_id = azurerm_managed_redis.this[0].id
  object_id        = azurerm_user_assigned_identity.this.principal_id
}
