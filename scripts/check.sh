#!/bin/sh
# The quick checks. Each runs even if one before it failed; the end says which.
failed=
step() {
	name=$1
	shift
	echo "== $name"
	"$@" || failed="$failed $name"
}
format() {
	bad=$(gofmt -l $(git ls-files '*.go'))
	[ -z "$bad" ] || { echo "gofmt would change:"; echo "$bad"; return 1; }
}
tidy() { go mod tidy -diff; }
once() {
	go build -o bin/ostiary ./cmd/ostiary && bin/ostiary demo --once
}
step format format
step tidy tidy
step vet go vet ./...
step vet-production go vet -tags production ./cmd/...
step lint make --no-print-directory lint
step workflows make --no-print-directory workflows
step layers go test -run 'TestImports|TestBinaries' .
step demo once
[ -z "$failed" ] || { echo "FAILED:$failed"; exit 1; }
echo "all quick checks passed"
