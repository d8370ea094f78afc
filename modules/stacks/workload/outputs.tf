output "gateway" {
  description = "Where the gateway is, inside the network."
  value       = { url = module.gateway.url, address = module.gateway.address, identity = module.gateway.identity }
}

output "accounts" {
  description = "The accounts and their private addresses."
  value       = module.openai.accounts
}

output "network" {
  description = "The network and its subnets."
  value       = { id = local.network_id, subnet_ids = local.subnet_ids }
}

output "chat" {
  description = "Where the chat is, and who it is to Entra; null without one."
  value       = var.chat == null ? null : { url = local.chat_url, address = module.gateway.address, tenant_id = local.tenant, identity = module.chat[0].identity }
}
