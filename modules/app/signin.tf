# The platform's own sign-in, before the app sees a request. azurerm has no
# resource for it; the template below is the whole of it.
resource "azurerm_resource_group_template_deployment" "sign_in" {
  count               = var.sign_in == null ? 0 : 1
  name                = "${var.name}-${var.app_name}-sign-in"
  resource_group_name = var.resource_group_name
  deployment_mode     = "Incremental"
  tags                = var.tags

  template_content = jsonencode({
    "$schema"      = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    contentVersion = "1.0.0.0"
    resources = [{
      type       = "Microsoft.App/containerApps/authConfigs"
      apiVersion = "2024-03-01"
      name       = "${azurerm_container_app.this.name}/current"
      properties = {
        platform         = { enabled = true }
        globalValidation = { unauthenticatedClientAction = "RedirectToLoginPage", redirectToProvider = "azureactivedirectory", excludedPaths = ["/healthz"] }
        httpSettings     = { requireHttps = true }
        identityProviders = {
          azureActiveDirectory = {
            enabled      = true
            registration = { clientId = var.sign_in.client_id, openIdIssuer = "https://login.microsoftonline.com/${var.sign_in.tenant_id}/v2.0" }
            validation = {
              allowedAudiences           = [var.sign_in.client_id, "api://${var.sign_in.client_id}"]
              defaultAuthorizationPolicy = { allowedPrincipals = { groups = var.sign_in.allowed_groups } }
            }
          }
        }
      }
    }]
  })
}
