# Bare `make` lists the targets. Go, Node with npm and a Linux or macOS shell
# are all that must be there; the rest is brought.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

LUMBAR_SHARED ?= $(abspath ../shared)
export LUMBAR_SHARED
# The engine is loaded without cgo, so no C compiler is needed.
export CGO_ENABLED ?= 0

BIN := bin/lumbar
ASSETS := dashboards/console/assets
TAGS := $(shell test -d "$(LUMBAR_SHARED)/data" && echo shared)
GO_TEST := go test -tags "$(TAGS)"
STATICCHECK := go tool staticcheck

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: assets ## the binary, bin/lumbar
	go build -o $(BIN) ./cmd/lumbar

.PHONY: assets
assets: $(ASSETS)/node_modules/.stamp ## the page's style sheet, from npm
$(ASSETS)/node_modules/.stamp: $(ASSETS)/package.json $(ASSETS)/package-lock.json $(ASSETS)/build.mjs
	cd $(ASSETS) && npm ci --no-audit --no-fund --loglevel=error && npm run --silent build
	touch $@

.PHONY: engine
engine: build ## fetch the ClickHouse library into the per-user cache
	$(BIN) engine fetch

.PHONY: run
run: build ## fetch the engine, build, load the demo programme, serve, print the address
	$(BIN) demo

.PHONY: demo
demo: run ## the same as run

.PHONY: test
test: setup engine shared-note ## every test on the real engine, a real browser, and the real data where it is
	$(GO_TEST) -timeout 20m ./...

.PHONY: setup
setup:
	scripts/setup-test.sh

.PHONY: shared-note
shared-note:
	@test -n "$(TAGS)" || echo "not run: tests on the real data (tag shared): $(LUMBAR_SHARED)/data is not there; set LUMBAR_SHARED"

.PHONY: test-race
test-race: engine ## the concurrent rooms under the race detector (needs a C compiler)
	@if ! command -v cc >/dev/null; then echo "not run: the race detector needs a C compiler"; \
	else CGO_ENABLED=1 go test -race -timeout 20m $(RACE); fi

RACE := ./ingest ./ingest/journal ./ingest/http ./queries ./queries/disclosure ./web ./dashboards/grafana

.PHONY: fuzz
fuzz: ## every fuzzer for 30 seconds
	scripts/fuzz.sh 30s

.PHONY: fuzz-short
fuzz-short:
	scripts/fuzz.sh 5s

.PHONY: faults
faults: engine ## fifty rounds of kill -9 under load, and the other faults at length
	scripts/faults.sh

.PHONY: sim
sim: ## intervals cover and tests err as they say, on programmes of known truth; writes docs/simulations.md
	go test -tags sim -timeout 120m -count 1 -v ./internal/sim

.PHONY: golden
golden: ## rewrite golden answers and specs; review the difference
	$(GO_TEST) ./dashboards/plot ./queries/... -update

.PHONY: bench
bench: engine ## the numbers the project promises, on this machine
	scripts/bench.sh

.PHONY: bench-compare
bench-compare: ## micro-benchmarks, ten times, for benchstat
	$(GO_TEST) -run '^$$' -bench . -benchmem -count 10 ./instruments ./analytics/... ./ingest/...

.PHONY: lint
lint: ## vet, staticcheck, the architecture test
	go vet -tags "$(TAGS)" ./...
	$(STATICCHECK) -tags "$(TAGS)" ./...
	go test ./internal/archtest

.PHONY: fmt-check
fmt-check: ## gofmt leaves nothing to do
	@out=$$(gofmt -l .); if [ -n "$$out" ]; then echo "not formatted: $$out"; exit 1; fi

.PHONY: tidy-check
tidy-check: ## go.mod and go.sum are as tidy leaves them
	go mod tidy -diff

.PHONY: generate
generate: ## boards, method and instrument pages; the tree stays clean
	go generate ./...
	@if [ -d .git ]; then git diff --exit-code --stat; fi

.PHONY: check
check: build fmt-check tidy-check lint generate test fuzz-short test-race ## exactly what CI runs
