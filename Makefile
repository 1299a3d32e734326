# What a developer does, by name. CI calls the same targets: .ci/run.
# Go and Node are all that a machine needs, and a Chromium, which make test installs on Debian where there is none; the
# linters are built into .cache/bin at the versions below.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LISTEN  ?= 127.0.0.1:8080
DATA    ?= ./data
SERVER  ?=
TESTP   ?= 2
TIMEOUT ?= 15m
FUZZTIME ?= 20s
COUNT   ?= 10
SEEDS   ?= 2000
STEPS   ?= 70
FIRST   ?= 1

GOFUMPT_VERSION     := v0.12.0
# staticcheck 2026.2.2, by its module version: the proxies serve that one everywhere.
STATICCHECK_VERSION := v0.8.2
GOLANGCI_VERSION    := v2.15.0
GOVULNCHECK_VERSION := v1.9.0

TOOLS := $(CURDIR)/.cache/bin
# A stamp a version, so that raising one above builds that tool anew.
GOFUMPT     := $(TOOLS)/gofumpt-$(GOFUMPT_VERSION)
STATICCHECK := $(TOOLS)/staticcheck-$(STATICCHECK_VERSION)
GOLANGCI    := $(TOOLS)/golangci-lint-$(GOLANGCI_VERSION)
GOVULNCHECK := $(TOOLS)/govulncheck-$(GOVULNCHECK_VERSION)

# What Node tools install, by the stamp that npm leaves.
TUS   := tools/tus/node_modules/.package-lock.json
JUDGE := tools/judge/node_modules/.package-lock.json

.PHONY: help
help: ## print the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/paicha
	CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$(VERSION)" -o bin/paicha ./cmd/paicha

.PHONY: run
run: build ## build and serve with demonstration data (LISTEN, DATA)
	bin/paicha serve --demo --listen $(LISTEN) --data $(DATA)

.PHONY: demo
demo: build ## play the demonstration against SERVER, or against a throw-away server
	bin/paicha demo $(if $(SERVER),--server $(SERVER))

# The packages whose tests need a server that is built first; test-servers runs them, with what they could not check.
SERVED := internal/store/mongo media/minio

.PHONY: test
test: $(TUS) $(JUDGE) ## vet and all tests, with the race detector; the tablet's judge in Node
	go vet ./...
	cd tools/judge && npm test --silent
	@tools/servers/heif.sh
	@$(MAKE) --no-print-directory test-servers
	@$(MAKE) --no-print-directory sim
	CGO_ENABLED=1 go test -race -p $(TESTP) -timeout $(TIMEOUT) $$(go list ./... | grep -vxF $(SERVED:%=-e paicha/%))

.PHONY: sim
sim: ## simulate the sync protocol under faults: SEEDS of STEPS each, from FIRST on
	go test ./sync/simtest -timeout 120m -args -seeds $(SEEDS) -steps $(STEPS) -first $(FIRST)

.PHONY: test-servers
test-servers: test-mongo test-s3 test-nodes test-browser ## get the servers and the browser that we are tested against, once, and run those tests

# PAICHA_TEST_MONGO_URI, if set, names a MongoDB that is used instead.
.PHONY: test-mongo
test-mongo:
	server=$${PAICHA_TEST_MONGO_URI:+none}; server=$${server:-$$(tools/servers/mongo.sh)}; \
	  PAICHA_TEST_MONGO_SERVER=$$server CGO_ENABLED=1 go test -race -v -timeout $(TIMEOUT) ./internal/store/mongo | grep -v '^=== '

.PHONY: test-s3
test-s3:
	tools/servers/minio.sh >/dev/null
	CGO_ENABLED=1 go test -race -timeout $(TIMEOUT) ./media/minio

# Several nodes on one store and one bucket. Without the servers' names a plain go test ./internal/e2e leaves it out.
.PHONY: test-nodes
test-nodes:
	server=$${PAICHA_TEST_MONGO_URI:+none}; server=$${server:-$$(tools/servers/mongo.sh)}; minio=$$(tools/servers/minio.sh); \
	  PAICHA_TEST_MONGO_SERVER=$$server PAICHA_TEST_MINIO_SERVER=$$minio CGO_ENABLED=1 \
	  go test -race -v -timeout $(TIMEOUT) -run '^TestNodes' ./internal/e2e | grep -v '^=== '

# A browser's uploads, with PAICHA_CHROMIUM, the Chromium on PATH or Debian's package. Without the browser's name a plain
# go test ./internal/e2e leaves it out.
.PHONY: test-browser
test-browser: $(TUS)
	chromium=$$(tools/servers/chromium.sh); PAICHA_TEST_CHROMIUM=$$chromium CGO_ENABLED=1 \
	  go test -race -v -timeout $(TIMEOUT) -run '^TestBrowser' ./internal/e2e | grep -v '^=== '

$(TUS) $(JUDGE): tools/%/node_modules/.package-lock.json: tools/%/package.json tools/%/package-lock.json
	cd tools/$* && npm ci --no-audit --no-fund
	@touch $@

.PHONY: lint
lint: $(GOFUMPT) $(STATICCHECK) $(GOLANGCI) $(GOVULNCHECK) ## format, vet, staticcheck, golangci-lint; govulncheck where its database answers
	@echo "gofumpt"; bad=$$(git ls-files -co --exclude-standard '*.go' | grep -v '/testdata/' | xargs -r $(GOFUMPT) -l); \
	  if [ -n "$$bad" ]; then echo "not formatted; run: make fmt"; echo "$$bad"; exit 1; fi
	go vet ./...
	$(STATICCHECK) ./...
	$(GOLANGCI) run ./...
	@bash .ci/vulncheck $(GOVULNCHECK)

.PHONY: fmt
fmt: $(GOFUMPT) ## format the sources
	@git ls-files -co --exclude-standard '*.go' | grep -v '/testdata/' | xargs -r $(GOFUMPT) -w

# One at a time: each build uses every core, and two would only take each other's.
define install
	@mkdir -p $(TOOLS)
	@echo "building $(notdir $@)"
	@tmp=$$(mktemp -d); trap 'rm -rf "$$tmp"' EXIT; \
	  cd "$$tmp" && GOFLAGS= GOBIN="$$tmp" CGO_ENABLED=0 go install -trimpath $(1) && mv "$$tmp/$(2)" $@
endef

$(GOFUMPT):
	$(call install,mvdan.cc/gofumpt@$(GOFUMPT_VERSION),gofumpt)
$(STATICCHECK):
	$(call install,honnef.co/go/tools/cmd/staticcheck@$(STATICCHECK_VERSION),staticcheck)
$(GOLANGCI):
	$(call install,github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION),golangci-lint)
$(GOVULNCHECK):
	$(call install,golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK_VERSION),govulncheck)

.PHONY: gen
gen: $(JUDGE) ## write again what is generated from the sources: docs/errors.md, docs/states.md, golden files
	@for p in $$(grep -rlE --include='*_test.go' 'flag\.Bool\("update"' . | xargs -r -n1 dirname | sort -u); do \
	  echo "go test $$p -update"; go test -count=1 "$$p" -update >/dev/null || go test -count=1 "$$p"; done

.PHONY: verify
verify: ## generated files are current and the tree is clean
	@before=$$(git status --porcelain; git diff); $(MAKE) --no-print-directory gen; after=$$(git status --porcelain; git diff); \
	  if [ "$$before" != "$$after" ]; then echo "generated files were old; commit what make gen wrote:"; git status --short; exit 1; fi; \
	  if [ -n "$${CI:-}" ] && [ -n "$$(git status --porcelain)" ]; then echo "the tree is not clean:"; git status --short; exit 1; fi; \
	  go mod verify >/dev/null; echo "verify: generated files are current"

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME
	@grep -rEo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' . | sed -E 's/^(.*)\/[^/]+:func (.*)$$/\1 \2/' | sort -u | \
	  while read -r dir target; do echo "$$dir $$target"; go test "$$dir" -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) </dev/null; done

.PHONY: bench
bench: build ## measure the binary against the raw machine and write docs/benchmarks.md (some ten minutes); PAICHA_TEST_MONGO_URI: records on that MongoDB
	go run ./tools/bench

.PHONY: microbench
microbench: ## run the packages' benchmarks COUNT times; keep two outputs and compare them with benchstat
	go test -run '^$$' -bench . -benchmem -count $(COUNT) -p 1 -timeout 60m ./...

.PHONY: e2e
e2e: $(TUS) ## the built binary in bad weather, also as several nodes on servers that are built first and with a browser
	server=$${PAICHA_TEST_MONGO_URI:+none}; server=$${server:-$$(tools/servers/mongo.sh)}; minio=$$(tools/servers/minio.sh); \
	  chromium=$$(tools/servers/chromium.sh); \
	  PAICHA_TEST_MONGO_SERVER=$$server PAICHA_TEST_MINIO_SERVER=$$minio PAICHA_TEST_CHROMIUM=$$chromium \
	  go test -count=1 -timeout $(TIMEOUT) -v ./internal/e2e/...

.PHONY: image
image: ## build the container image paicha:VERSION
	docker build --build-arg VERSION=$(VERSION) -t paicha:$(VERSION) .

.PHONY: clean
clean: ## remove what was built; data stays
	rm -rf bin .cache tools/tus/node_modules tools/judge/node_modules
