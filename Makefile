# The commands of this house. `make check` is what CI runs.

GO       ?= go
PACKAGES := ./...
LINT     := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.5.0
MINIO    := github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c
BIN      := $(CURDIR)/bin

.PHONY: build check test test-short test-full kills format vet lint generate drift fuzz bench peers viewer

build: ## the one binary
	$(GO) build -o $(BIN)/lightbox ./cmd/lightbox

check: format vet lint drift test ## everything that CI runs

test: peers ## every test, on SQLite and on a real PostgreSQL that the tests start themselves
	LIGHTBOX_TEST_PEERS=1 $(GO) test -timeout 15m $(PACKAGES)

test-short: ## what needs nothing installed; names what it leaves out
	$(GO) test -v $(PACKAGES) | grep -E '^(ok|FAIL|---? FAIL|panic)|left out'

peers: ## install PostgreSQL, dcmtk, Orthanc, Chromium, node, FHIR clients and the like where they are missing (root on a Debian-like system)
	./.ci/peers

format:
	@unformatted="$$(gofmt -l $$(git ls-files '*.go'))"; \
	if [ -n "$$unformatted" ]; then echo "gofmt would change:"; echo "$$unformatted"; exit 1; fi

vet:
	$(GO) vet $(PACKAGES)

lint: $(BIN)/golangci-lint
	$(BIN)/golangci-lint run

$(BIN)/golangci-lint:
	GOBIN=$(BIN) $(GO) install $(LINT)

$(BIN)/minio:
	GOBIN=$(BIN) $(GO) install $(MINIO)

generate: ## the files that are made from tables
	$(GO) generate $(PACKAGES)

viewer: ## the page that shows images, from server/portal/viewer/src and the npm packages that its lock names (node, npm)
	cd server/portal/viewer && npm ci --ignore-scripts --no-audit --no-fund && node build.mjs

drift: ## generated files and go.mod are up to date
	$(GO) mod tidy -diff
	$(GO) test -run Drift $(PACKAGES) >/dev/null

test-full: peers $(BIN)/minio ## every test with large counts (kills, crashes, cells, random requests), and those against a MinIO
	PATH="$(BIN):$$PATH" LIGHTBOX_TEST_PEERS=1 LIGHTBOX_TEST_S3=1 LIGHTBOX_KILLS=$(or $(KILLS),1000) LIGHTBOX_CRASHES=$(or $(CRASHES),5000) \
		LIGHTBOX_CELLS=all LIGHTBOX_RANDOM=$(or $(RANDOM_REQUESTS),1000000) $(GO) test -timeout 3h ./...

kills: ## a hub killed KILLS times on each database while four channels feed it
	LIGHTBOX_TEST_PEERS=1 LIGHTBOX_KILLS=$(or $(KILLS),1000) $(GO) test -timeout 3h -run TestServeSurvivesKill -v ./cmd/lightbox

fuzz: ## each fuzz target for FUZZTIME
	./.ci/fuzz $(or $(FUZZTIME),30s)

bench: ## the figures of the README
	LIGHTBOX_TEST_PEERS=1 $(GO) test -run '^$$' -bench . -benchmem $(PACKAGES)
