variable "name" {
  description = "Short name of the estate; names of resources are made of it."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,15}$", var.name))
    error_message = "The name has 2 to 16 lower-case letters and digits and begins with a letter, for example \"acmeai\"."
  }
}

variable "resource_group_name" {
  description = "Resource group of everything here."
  type        = string
}

variable "location" {
  description = "Azure region of everything here."
  type        = string
}

variable "apps_subnet_id" {
  description = "Subnet of the environment, delegated to Microsoft.App/environments."
  type        = string
}

variable "services_subnet_id" {
  description = "Subnet of the private endpoints of registry, volume, database and Redis."
  type        = string
}

variable "virtual_network_id" {
  description = "Network whose clients resolve the gateway's name."
  type        = string
}

variable "private_dns_zone_ids" {
  description = "Zones that a landing zone owns and links: privatelink.azurecr.io; privatelink.file.core.windows.net for ledger volume, privatelink.postgres.database.azure.com for ledger postgresql; privatelink.redis.azure.net with shared_limits. Null: they are made and linked."
  type        = map(string)
  default     = null
  validation {
    condition     = var.private_dns_zone_ids == null ? true : toset(keys(var.private_dns_zone_ids)) == toset(concat(["privatelink.azurecr.io", var.ledger == "postgresql" ? "privatelink.postgres.database.azure.com" : "privatelink.file.core.windows.net"], var.shared_limits == null ? [] : ["privatelink.redis.azure.net"]))
    error_message = "Give privatelink.azurecr.io, the ledger's zone (privatelink.file.core.windows.net, or privatelink.postgres.database.azure.com), privatelink.redis.azure.net where limits are shared, and no other."
  }
}

variable "registry_id" {
  description = "Registry of the image; the gateway's identity gets AcrPull there."
  type        = string
}

variable "registry_server" {
  description = "Host name of that registry."
  type        = string
}

variable "image" {
  description = "The image in that registry, by digest: REPOSITORY@sha256:…. Tags move, digests do not."
  type        = string
  validation {
    condition     = can(regex("^[a-z0-9._/-]+@sha256:[0-9a-f]{64}$", var.image))
    error_message = "Name the image by its digest, for example \"ostiary@sha256:…\"; `ostiary deploy` fills it in."
  }
}

variable "accounts" {
  description = "The accounts behind the gateway, as module openai gives them: id, endpoint, location, priority, deployments."
  type = map(object({
    id          = string
    endpoint    = string
    location    = string
    priority    = optional(number, 0)
    deployments = list(string)
  }))
}

variable "tenant_id" {
  description = "Entra tenant whose tokens are accepted."
  type        = string
}

variable "audiences" {
  description = "Audiences of tokens for the gateway's API: its Application ID URI, and its application's id, which version 2 tokens name. They count beside Azure OpenAI's own."
  type        = list(string)
  default     = []
}

variable "workloads" {
  description = "Who may call what, in the words of docs/gateway.md: a list of workloads as YAML or as an object."
  type        = any
}

variable "event_hub" {
  description = "Where calls are delivered, as module audit gives it: namespace host, hub and id of the hub. Null: nowhere."
  type = object({
    host = string
    name = string
    id   = string
  })
  default = null
}

variable "portal" {
  description = "The owner's end of a portal beside the gateway: relays, the service, whom the outlet admits, and the ids of two Key Vault secrets with tickets, one for role gateway and one for role outlet. The vault gets a private endpoint here; vault_zone_id is the zone privatelink.vaultcore.azure.net that a landing zone owns and links, and without it one is made. Null: no portal."
  type = object({
    relays                = list(string)
    service               = optional(string, "openai")
    allow                 = list(object({ member = optional(string), attributes = optional(map(string)) }))
    vault_id              = string
    gateway_ticket_secret = string
    outlet_ticket_secret  = string
    vault_zone_id         = optional(string)
  })
  default = null
  validation {
    condition     = var.portal == null ? true : length(var.portal.allow) > 0 && length(var.portal.relays) > 0
    error_message = "Name at least one relay, and at least one member or attribute that may come in: nobody is allowed whom no rule allows."
  }
}

variable "ledger" {
  description = "Where records count as kept: \"volume\", on an NFS share that has one writer, or \"postgresql\", in a database that takes the log of every replica."
  type        = string
  default     = "volume"
  validation {
    condition     = contains(["volume", "postgresql"], var.ledger)
    error_message = "Use \"volume\" or \"postgresql\"."
  }
  validation {
    condition     = var.ledger == "volume" || var.portal == null
    error_message = "A portal's members keep their keys on the volume, and a ticket is used once: with portal, leave ledger at \"volume\"."
  }
}

variable "postgresql" {
  description = "The server of ledger \"postgresql\": its SKU, first storage in MB (it grows by itself, and later values change nothing), days of backups, whether a standby waits in another zone, and who administers it, by a name of yours. Without administrators the gateway's identity does; with them, one of them makes a role for it, as docs/remote.md says."
  type = object({
    sku            = optional(string, "GP_Standard_D2ds_v5")
    storage_mb     = optional(number, 65536)
    backup_days    = optional(number, 14)
    zone_redundant = optional(bool, false)
    administrators = optional(map(object({ id = string, name = string, type = optional(string, "Group") })), {})
  })
  default = {}
  validation {
    condition     = alltrue([for a in values(var.postgresql.administrators) : contains(["Group", "User", "ServicePrincipal"], a.type)])
    error_message = "An administrator is a Group, a User or a ServicePrincipal, by its object id and its name in Entra."
  }
  validation {
    condition     = can(regex("^(B|GP|MO)_", var.postgresql.sku)) && !(var.postgresql.zone_redundant && startswith(var.postgresql.sku, "B_"))
    error_message = "The SKU begins with B_, GP_ or MO_, and burstable ones (B_) have no standby: use for example GP_Standard_D2ds_v5."
  }
  validation {
    condition     = var.postgresql.backup_days >= 7 && var.postgresql.backup_days <= 35
    error_message = "Azure keeps backups for 7 to 35 days."
  }
}

variable "shared_limits" {
  description = "Azure Managed Redis in which all replicas count the limits of workloads together: its SKU, whether it has a replica, and what becomes of calls while it is away (refuse, or alone: each gateway counts for itself). Null: none."
  type = object({
    sku               = optional(string, "Balanced_B0")
    high_availability = optional(bool, true)
    on_failure        = optional(string, "refuse")
  })
  default = null
  validation {
    condition     = var.shared_limits == null ? true : contains(["refuse", "alone"], var.shared_limits.on_failure)
    error_message = "Use \"refuse\" or \"alone\"."
  }
}

variable "collector" {
  description = "An OpenTelemetry Collector beside the gateway that sends its metrics to Application Insights: its image in the registry by digest (the contrib distribution), and the component as module audit gives it. Null: none."
  type = object({
    image                   = string
    application_insights_id = string
    connection_string       = string
    interval_seconds        = optional(number, 60)
  })
  default = null
  validation {
    condition     = var.collector == null ? true : can(regex("^[a-z0-9._/-]+@sha256:[0-9a-f]{64}$", var.collector.image))
    error_message = "Name the collector's image by its digest in the registry, for example \"opentelemetry-collector-contrib@sha256:…\"; docs/deploy.md says how it gets there."
  }
  validation {
    condition     = var.collector == null ? true : var.collector.interval_seconds >= 10 && var.collector.interval_seconds <= 300
    error_message = "The collector reads every 10 to 300 seconds."
  }
  validation {
    condition     = var.collector == null ? true : can(regex("^InstrumentationKey=[0-9A-Fa-f-]{36};(.*;)?IngestionEndpoint=https://", var.collector.connection_string))
    error_message = "The connection string names the component and its ingestion endpoint: InstrumentationKey=…;IngestionEndpoint=https://…"
  }
}

variable "replicas" {
  description = "Least and most instances, and from how many calls under way in one instance another is added."
  type = object({
    min   = number
    max   = number
    calls = optional(number, 50)
  })
  default = { min = 1, max = 1 }
  validation {
    condition     = var.replicas.min >= 1 && var.replicas.max >= var.replicas.min && var.replicas.max <= 1000 && var.replicas.calls >= 1
    error_message = "Give min of at least 1, max from min to 1000, and calls of at least 1."
  }
  validation {
    condition     = var.replicas.max == 1 || (var.ledger == "postgresql" && var.shared_limits != null)
    error_message = "Several replicas need a log each and limits in common: set ledger to \"postgresql\" and shared_limits, for example to {}; else keep max at 1."
  }
}

variable "log_analytics_workspace_id" {
  description = "Workspace that takes the containers' output and the environment's diagnostics."
  type        = string
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
