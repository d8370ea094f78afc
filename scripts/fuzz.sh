#!/bin/sh
# Fuzzes every FuzzXxx function of the module in turn, FUZZTIME each.
set -eu
: "${FUZZTIME:=5s}"
grep -rlE '^func Fuzz' --include='*_test.go' . | xargs -n1 dirname | sort -u | while read -r dir; do
	grep -hoE '^func Fuzz[A-Za-z0-9]*' "$dir"/*_test.go | awk '{print $2}' | while read -r name; do
		echo "fuzz $dir $name $FUZZTIME"
		go test -run '^$' -fuzz "^$name\$" -fuzztime "$FUZZTIME" "$dir" >/tmp/ostiary-fuzz.$$ 2>&1 </dev/null ||
			{ cat /tmp/ostiary-fuzz.$$; exit 1; }
	done
done
rm -f /tmp/ostiary-fuzz.$$
