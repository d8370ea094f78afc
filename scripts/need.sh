#!/bin/sh
# Installs the named commands with apt on Debian as root; elsewhere says, loudly,
# which are missing. A missing command is not an error here: the tests that need
# it say what they could not check.
missing=
for c in "$@"; do
	command -v "$c" >/dev/null 2>&1 || missing="$missing $c"
done
[ -z "$missing" ] && exit 0
packages=
for c in $missing; do
	case $c in
	node) packages="$packages nodejs" ;;
	ip) packages="$packages iproute2" ;;
	nft) packages="$packages nftables" ;;
	systemd-nspawn) packages="$packages systemd-container" ;;
	postgres) ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || packages="$packages postgresql" ;;
	*) packages="$packages $c" ;;
	esac
done
[ -n "$packages" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
	echo "installing:$packages"
	# shellcheck disable=SC2086
	apt-get install -y --no-install-recommends $packages >/dev/null 2>&1 ||
		{ apt-get update >/dev/null 2>&1 && apt-get install -y --no-install-recommends $packages >/dev/null 2>&1; } ||
		echo "MISSING:$missing could not be installed; what needs them is NOT checked"
else
	echo "MISSING:$missing - install them to have everything checked"
fi
exit 0
