# make demo   seal an image on servers of this machine alone, and verify it
# make test   every test; needs Go, make and git, nothing else
# make lint   what CI demands of the text of the code
# make ci     what CI runs

# One set of flags for everything that compiles, so that all share one build cache.
export CGO_ENABLED := 0
export GOFLAGS     := -trimpath -buildvcs=false
export GOWORK      := off

BIN     := $(CURDIR)/.bin
MODULES := . internal/sandbox internal/peers testdata/images/hello

# The first test compiles the sandbox and cosign, which takes minutes with a cold cache.
TEST := go test -timeout 40m

# Tools are pinned here and not in go.mod, where they would take part in choosing the
# versions that the action links.
GOLANGCI   := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
ACTIONLINT := github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
GOFUMPT    := mvdan.cc/gofumpt@v0.12.0
GOVULN     := golang.org/x/vuln/cmd/govulncheck@v1.9.0

.PHONY: demo test golden race lint tidy vuln ci clean

demo: ## seal a two-platform image on a real Sigstore on loopback, and verify it
	go run ./internal/demo

test: ## unit and script tests of all modules; scripts wait more than they compute
	$(TEST) -parallel 6 ./...
	cd internal/sandbox && $(TEST) ./...

golden: ## rewrite golden files and the texts of scripts
	UPDATE=1 $(TEST) -parallel 6 ./...

race: | $(BIN)/cc ## the tests of the action under the race detector
	CGO_ENABLED=1 $(TEST) -race -parallel 4 ./...

lint: tidy | $(BIN)/golangci-lint $(BIN)/actionlint $(BIN)/gofumpt ## vet, gofumpt, golangci-lint, actionlint, tidy
	go vet ./...
	cd internal/sandbox && go vet ./...
	test -z "$$($(BIN)/gofumpt -l . | tee /dev/stderr)"
	$(BIN)/golangci-lint run
	cd internal/sandbox && $(BIN)/golangci-lint run
	$(BIN)/actionlint

tidy: ## go.mod and go.sum of every module say what is needed
	for m in $(MODULES); do (cd $$m && go mod tidy -diff) || exit 1; done

vuln: | $(BIN)/govulncheck ## known vulnerabilities; needs the database at vuln.go.dev
	$(BIN)/govulncheck ./...

ci: lint test race

clean:
	rm -rf $(BIN)

$(BIN)/golangci-lint: ; GOBIN=$(BIN) go install $(GOLANGCI)
$(BIN)/actionlint:    ; GOBIN=$(BIN) go install $(ACTIONLINT)
$(BIN)/gofumpt:       ; GOBIN=$(BIN) go install $(GOFUMPT)
$(BIN)/govulncheck:   ; GOBIN=$(BIN) go install $(GOVULN)

# The race detector needs a C compiler.
$(BIN)/cc:
	@command -v gcc >/dev/null || command -v clang >/dev/null || \
		{ apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev; }
	@mkdir -p $(BIN) && touch $@
