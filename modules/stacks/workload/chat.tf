# What `ostiary chat` reads: the words of the estate's file, and what only this
# stack knows. docs/chat.md explains every key.
locals {
  chat_given   = try(yamldecode(var.chat.configuration), {})
  chat_section = try(local.chat_given.chat, local.chat_given)
  chat_url     = var.chat == null ? null : trimsuffix(try(local.chat_section.url, "https://${var.name}-chat.${module.gateway.domain}"), "/")

  # The environment's ingress ends TLS, in the same host.
  chat_ingress = can(local.chat_section.tls) ? {} : { ingress = true }

  # The identity stands for the application's secret, of which there is none.
  chat_sign_in = try(var.chat.client_id, null) == null ? {} : {
    sign_in = merge({
      tenant           = local.tenant
      client_id        = var.chat.client_id
      managed_identity = { client_id = module.chat[0].identity.client_id }
      scope            = var.chat.scope
    }, try(local.chat_section.sign_in, {}))
  }

  chat_configuration = var.chat == null ? null : yamlencode({
    chat = merge({
      listen  = "0.0.0.0:8080"
      gateway = { url = module.gateway.url }
      url     = local.chat_url
    }, local.chat_ingress, local.chat_section, local.chat_sign_in)
  })
}
