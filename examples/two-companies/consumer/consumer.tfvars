# The company that asks, in its own subscription:
#   terraform -chdir=modules/stacks/consumer apply -var-file=…/consumer.tfvars
name           = "health"
location       = "westeurope"
relays         = ["RELAY:443"]
outlet         = "spiffe://meeting/outlet/acmeown"
gateway        = "spiffe://meeting/gateway/acmeown"
operators      = ["OPERATOR/32"] # where the ticket is put into the vault from
node           = { url = "https://example.com/ostiary-node-linux-amd64", sha256 = "0000000000000000000000000000000000000000000000000000000000000000" }
ssh_public_key = "ssh-ed25519 AAAA…"
