#!/bin/sh
# Measures the built binaries and the hot paths. Copy what matters, with the
# machine, into docs/benchmarks.md.
set -eu
uname -sm
nproc
go version
go test -run '^$' -bench . -benchtime 10x -timeout 1h ./bench
go test -run '^$' -bench . -benchmem ./internal/ledger ./internal/gateway ./internal/channel
