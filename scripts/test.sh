#!/bin/sh
# Every test. The race detector needs cgo and a C compiler; without one the
# tests run without it, and say so.
set -eu
race=-race
if ! command -v gcc >/dev/null 2>&1 && ! command -v cc >/dev/null 2>&1; then
	race=
	echo "NOT CHECKED: no C compiler, so the race detector is off"
fi
# shellcheck disable=SC2086
exec go test $race -timeout 40m ./...
