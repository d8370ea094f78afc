#!/bin/sh
# Makes the root that test machines boot from: Ubuntu 24.04, the release that the
# modules name, with its own systemd and cloud-init, from Ubuntu's archive. Needs
# root on Debian, and mmdebstrap. Prints the directory. One minute, once.
set -eu
root="${XDG_CACHE_HOME:-$HOME/.cache}/ostiary/machine/noble-2"
if [ ! -d "$root" ]; then
	part="$root.$$"
	mkdir -p "$part"
	trap 'rm -rf "$part"' EXIT
	# Ubuntu's keys come signed by Debian's.
	mmdebstrap --quiet --mode=root --variant=extract --include=ubuntu-archive-keyring trixie "$part/keys" http://deb.debian.org/debian >&2
	mmdebstrap --quiet --mode=root --variant=minbase --components=main \
		--keyring="$part/keys/usr/share/keyrings/ubuntu-archive-keyring.gpg" \
		--include=systemd-sysv,dbus,udev,cloud-init,curl,python3,ca-certificates,iproute2,openssl,locales,openssh-client \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
		noble "$part/root" 'deb http://archive.ubuntu.com/ubuntu noble main' 'deb http://archive.ubuntu.com/ubuntu noble-updates main' >&2
	mv "$part/root" "$root"
fi
echo "$root"
