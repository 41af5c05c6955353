# make demo   seal an image on servers of this process, and verify it
# make test   every test; needs Go, make and git, nothing else
# make lint   what CI demands of the text of the code
# make ci     what CI runs

export CGO_ENABLED := 0
export GOWORK      := off
GOFLAGS_ALL := -trimpath

BIN     := $(CURDIR)/.bin
MODULES := . internal/sandbox internal/peers testdata/images/hello

# Tools are pinned here and not in go.mod, where they would take part in choosing the
# versions that the action links.
GOLANGCI   := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
ACTIONLINT := github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
GOFUMPT    := mvdan.cc/gofumpt@v0.12.0
GOVULN     := golang.org/x/vuln/cmd/govulncheck@v1.9.0

.PHONY: demo test lint tidy race vuln ci golden clean

demo: ## seal a two-platform image on a real Sigstore on loopback, and verify it
	go run $(GOFLAGS_ALL) ./internal/demo

test: ## unit and script tests of all modules
	go test $(GOFLAGS_ALL) -parallel 6 ./...
	cd internal/sandbox && go test $(GOFLAGS_ALL) -parallel 6 ./...

golden: ## rewrite golden files and scripts
	UPDATE=1 go test $(GOFLAGS_ALL) -parallel 6 ./...

race: | $(BIN)/cc ## the same tests under the race detector
	CGO_ENABLED=1 go test -race ./...

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

$(BIN)/golangci-lint: ; GOBIN=$(BIN) go install $(GOFLAGS_ALL) $(GOLANGCI)
$(BIN)/actionlint:    ; GOBIN=$(BIN) go install $(GOFLAGS_ALL) $(ACTIONLINT)
$(BIN)/gofumpt:       ; GOBIN=$(BIN) go install $(GOFLAGS_ALL) $(GOFUMPT)
$(BIN)/govulncheck:   ; GOBIN=$(BIN) go install $(GOFLAGS_ALL) $(GOVULN)

# The race detector needs a C compiler.
$(BIN)/cc:
	@command -v gcc >/dev/null || command -v clang >/dev/null || \
		(apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev)
	@mkdir -p $(BIN) && touch $@
