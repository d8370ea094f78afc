#!/bin/sh
# Builds OpenTofu once, at one release, from the source that the module proxy
# has, into a cache outside the tree. Prints the path of tofu; says the rest on
# standard error. Its go.mod replaces a module, which `go install` refuses, so it
# is built where the proxy's copy lies; the module cache is not written to.
set -eu

version=v1.12.6
module=github.com/opentofu/opentofu
cache=${XDG_CACHE_HOME:-$HOME/.cache}/ostiary/tofu/$version

if [ -x "$cache/tofu" ]; then
	echo "tofu: there already" >&2
	echo "$cache/tofu"
	exit 0
fi

echo "tofu: building $module at $version (some minutes of CPU, 130 MB of disk) ..." >&2
began=$(date +%s)
mkdir -p "$cache"
source=$(cd "$cache" && GOWORK=off GO111MODULE=on go mod download -json "$module@$version" | sed -n 's/^[[:space:]]*"Dir": "\(.*\)",*$/\1/p')
[ -d "$source" ] || { echo "tofu: the module proxy does not have $module@$version" >&2; exit 1; }
# version.dev=no is what makes a release of a build.
(cd "$source" && GOWORK=off GOFLAGS=-mod=readonly CGO_ENABLED=0 go build -trimpath \
	-ldflags="-s -w -X $module/version.dev=no" -o "$cache/tofu.new" ./cmd/tofu)
mv "$cache/tofu.new" "$cache/tofu"
echo "tofu: done in $(($(date +%s) - began)) s" >&2
echo "$cache/tofu"
