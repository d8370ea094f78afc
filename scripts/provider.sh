#!/bin/sh
# Installs Terraform's azurerm provider once, with the ordinary go client, at one
# commit, into a cache outside the tree, and lays it out as a mirror with which
# `terraform init` and `tofu init` work offline. Prints the mirror's path; says
# the rest on standard error. Needs go, and from the first run the network, about
# 4 GB of memory and some minutes of CPU.
set -eu

commit=v1.44.1-0.20260824201233-fae580791926 # a few days after its release 5.2.0
version=5.2.0
module=github.com/hashicorp/terraform-provider-azurerm
cache=${XDG_CACHE_HOME:-$HOME/.cache}/ostiary/provider/$commit
platform=$(go env GOOS)_$(go env GOARCH)
file=terraform-provider-azurerm_v$version
place=$cache/mirror/registry.terraform.io/hashicorp/azurerm/$version/$platform
twin=$cache/mirror/registry.opentofu.org/hashicorp/azurerm/$version/$platform

if [ -x "$place/$file" ]; then
	echo "provider: there already" >&2
else
	echo "provider: building $module at $commit (about 8 minutes of CPU, 3.6 GB of memory, 225 MB of disk) ..." >&2
	began=$(date +%s)
	mkdir -p "$place" "$cache/bin"
	GOBIN=$cache/bin CGO_ENABLED=0 go install -trimpath -ldflags='-s -w' "$module@$commit"
	mv "$cache/bin/terraform-provider-azurerm" "$place/$file"
	rmdir "$cache/bin"
	echo "provider: done in $(($(date +%s) - began)) s" >&2
fi

# OpenTofu knows the same provider by its own registry's name.
mkdir -p "$twin"
[ "$place/$file" -ef "$twin/$file" ] || ln -f "$place/$file" "$twin/$file"
echo "$cache/mirror"
