# Machines of a portal. Each makes its own key, shows a ticket once, and dials
# out; the ticket waits in a vault that only that machine may read.
data "azurerm_client_config" "current" {}

locals {
  suffix = substr(sha256("${var.resource_group_name}/${var.name}"), 0, 6)
  public = { for name, host in var.hosts : name => host if host.public }
}

resource "azurerm_user_assigned_identity" "this" {
  for_each            = var.hosts
  name                = "${var.name}-${each.key}"
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags
}

resource "azurerm_public_ip" "this" {
  for_each            = local.public
  name                = "${var.name}-${each.key}"
  resource_group_name = var.resource_group_name
  location            = var.location
  allocation_method   = "Static"
  sku                 = "Standard"
  tags                = var.tags
}

resource "azurerm_network_interface" "this" {
  for_each            = var.hosts
  name                = "${var.name}-${each.key}-nic"
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags

  ip_configuration {
    name                          = "primary"
    subnet_id                     = each.value.subnet_id
    private_ip_address_allocation = "Dynamic"
    public_ip_address_id          = each.value.public ? azurerm_public_ip.this[each.key].id : null
  }
}

# A group of the machine's own, whatever the subnet's says.
resource "azurerm_network_security_group" "this" {
  for_each            = var.hosts
  name                = "${var.name}-${each.key}"
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags

  dynamic "security_rule" {
    for_each = each.value.public ? [each.value.role == "relay" ? "443" : "7443"] : []
    content {
      name                       = "members"
      priority                   = 100
      direction                  = "Inbound"
      access                     = "Allow"
      protocol                   = "Tcp"
      source_port_range          = "*"
      destination_port_range     = security_rule.value
      source_address_prefix      = "Internet"
      destination_address_prefix = "*"
    }
  }

  security_rule {
    name                       = "deny-all"
    priority                   = 4096
    direction                  = "Inbound"
    access                     = "Deny"
    protocol                   = "*"
    source_port_range          = "*"
    destination_port_range     = "*"
    source_address_prefix      = "*"
    destination_address_prefix = "*"
  }
}

resource "azurerm_network_interface_security_group_association" "this" {
  for_each                  = var.hosts
  network_interface_id      = azurerm_network_interface.this[each.key].id
  network_security_group_id = azurerm_network_security_group.this[each.key].id
}

resource "azurerm_linux_virtual_machine" "this" {
  for_each                        = var.hosts
  name                            = "${var.name}-${each.key}"
  resource_group_name             = var.resource_group_name
  location                        = var.location
  size                            = each.value.size
  admin_username                  = "operator"
  disable_password_authentication = true
  encryption_at_host_enabled      = true
  secure_boot_enabled             = true
  vtpm_enabled                    = true
  allow_extension_operations      = false
  network_interface_ids           = [azurerm_network_interface.this[each.key].id]
  tags                            = var.tags

  custom_data = base64encode(templatefile("${path.module}/cloud-init.yaml.tftpl", {
    role          = each.value.role
    configuration = yamlencode({ (each.value.role) = merge(yamldecode(each.value.configuration), { directory = "/var/lib/ostiary/member" }) })
    node          = var.node
    secret_url    = each.value.ticket_secret == null ? "" : "${azurerm_key_vault.this.vault_uri}secrets/${each.value.ticket_secret}?api-version=7.4"
    client_id     = azurerm_user_assigned_identity.this[each.key].client_id
    questions     = each.value.questions
  }))

  admin_ssh_key {
    username   = "operator"
    public_key = var.ssh_public_key
  }

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.this[each.key].id]
  }

  os_disk {
    caching              = "ReadWrite"
    storage_account_type = "StandardSSD_LRS"
  }

  source_image_reference {
    publisher = "Canonical"
    offer     = "ubuntu-24_04-lts"
    sku       = "server"
    version   = "latest"
  }

  boot_diagnostics {} # the platform's own storage: the console shows the answers

  lifecycle {
    precondition {
      condition     = length(regexall("ostiary-ticket-", each.value.configuration)) == 0
      error_message = "A ticket belongs in the vault, not in the configuration: custom data can be read by whoever reads the machine."
    }
  }

  depends_on = [azurerm_network_interface_security_group_association.this, azurerm_role_assignment.ticket, azurerm_private_endpoint.vault]
}
