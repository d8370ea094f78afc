# Two commands do most: `make demo` runs the main job, `make test` passes the tests.
# Each installs what it needs on Debian as root; elsewhere it says what is missing.
GO      ?= go
BIN     ?= bin
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS  = -s -w -X main.version=$(VERSION)
BUILD    = CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)'
LINT     = $(BIN)/golangci-lint
ACTIONS  = $(BIN)/actionlint
FUZZTIME ?= 5s

.PHONY: help build production demo test check lint workflows bench torture fuzz provider tofu test-azurerm test-boot clean
.DEFAULT_GOAL := help

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/ostiary and bin/ostiary-node, static and stripped
	$(BUILD) -o $(BIN)/ostiary ./cmd/ostiary
	$(BUILD) -o $(BIN)/ostiary-node ./cmd/ostiary-node

production: ## build bin/ostiary-production: no emulator, no demo, no token issuer
	$(BUILD) -tags production -o $(BIN)/ostiary-production ./cmd/ostiary

demo: ## one question from one company to a private model in another, on loopback
	@test -t 1 || echo "building (a first build takes a few minutes) ..."
	@$(BUILD) -o $(BIN)/ostiary ./cmd/ostiary
	@$(BIN)/ostiary demo $(ARGS)

test: ## run every test, with the race detector where a C compiler is found
	@sh scripts/need.sh gcc node npm chromium kcat strace postgres redis-server curl ip docker-registry
	@sh scripts/test.sh

check: ## format, vet, lint, layers, demo --once: quick
	@sh scripts/check.sh

lint: $(LINT) ## run golangci-lint alone
	$(LINT) run ./...

$(LINT): tools/go.mod tools/go.sum
	cd tools && GOFLAGS=-mod=mod $(GO) build -o ../$(LINT) github.com/golangci/golangci-lint/v2/cmd/golangci-lint

workflows: $(ACTIONS) ## check the workflow for users with actionlint
	$(ACTIONS) examples/github/*.yml

$(ACTIONS): tools/actionlint/go.mod tools/actionlint/go.sum
	cd tools/actionlint && CGO_ENABLED=0 $(GO) build -o ../../$(ACTIONS) github.com/rhysd/actionlint/cmd/actionlint

fuzz: ## fuzz every parser for FUZZTIME each (5s)
	@FUZZTIME=$(FUZZTIME) sh scripts/fuzz.sh

bench: build ## measure; docs/benchmarks.md holds the results
	@sh bench/run.sh

torture: ## the long suites: minutes of fuzzing and fault injection
	@FUZZTIME=2m sh scripts/fuzz.sh
	OSTIARY_TORTURE=1 $(GO) test -count=1 -timeout 60m ./internal/ledger/... ./internal/sink/... ./internal/gateway/... ./internal/authority/... ./internal/channel/... ./internal/topology/... ./internal/posture/... ./internal/report/... ./e2e/...

provider: ## build the azurerm provider once, pinned, with the ordinary go command
	@sh scripts/provider.sh

tofu: ## build OpenTofu once, pinned, with the ordinary go command
	@sh scripts/tofu.sh

test-azurerm: provider $(if $(TOFU),tofu) ## Terraform with the real azurerm provider against the emulator; TOFU=1 OpenTofu too
	OSTIARY_TOFU=$(TOFU) $(GO) test -tags azurerm -count=1 -timeout 60m -parallel 4 ./tests/azurerm/...

test-boot: provider ## the two companies' machines come up from their custom data; as root
	@sh scripts/need.sh mmdebstrap nft systemd-nspawn ip
	OSTIARY_TEST_MACHINE="$$(sh scripts/machine.sh)" $(GO) test -tags azurerm -count=1 -timeout 30m -v -run TestBoot ./tests/azurerm/

clean: ## remove what was built
	rm -rf $(BIN)
