#!/bin/sh
# Fuzzes every FuzzXxx function of the module in turn, FUZZTIME each.
set -eu
: "${FUZZTIME:=5s}"
out=$(mktemp)
trap 'rm -f "$out"' EXIT
fuzz() { go test -run '^$' -fuzz "^$2\$" -fuzztime "$FUZZTIME" "$1" >"$out" 2>&1 </dev/null; }
grep -rlE '^func Fuzz' --include='*_test.go' . | xargs -n1 dirname | sort -u | while read -r dir; do
	grep -hoE '^func Fuzz[A-Za-z0-9]*' "$dir"/*_test.go | awk '{print $2}' | while read -r name; do
		echo "fuzz $dir $name $FUZZTIME"
		fuzz "$dir" "$name" || {
			# Go's fuzzer at times ends with "context deadline exceeded" and no input
			# to show: its clock ran out while a worker was busy. That is tried once more.
			if grep -q 'Failing input' "$out" || ! fuzz "$dir" "$name"; then
				cat "$out"
				exit 1
			fi
		}
	done
done
