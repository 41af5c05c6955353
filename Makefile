# One command for each thing to do; `make help` lists them.

# One set of flags for everything that compiles, so that all share one build cache.
export CGO_ENABLED := 0
export GOFLAGS     := -trimpath -buildvcs=false
export GOWORK      := off

BIN     := $(CURDIR)/.bin
MODULES := . internal/sandbox internal/peers internal/peers/cosign24 internal/peers/cosign26 internal/peers/gh internal/peers/act internal/peers/policycontroller internal/peers/sbomtools internal/peers/syft internal/peers/summary testdata/images/hello

# The first test compiles the sandbox and cosign, which takes minutes with a cold cache.
TEST := go test -timeout 40m

# Tools are pinned here and not in go.mod, where they would take part in choosing the
# versions that the action links.
GOLANGCI   := $(BIN)/v2.15.0/golangci-lint
ACTIONLINT := $(BIN)/v1.7.12/actionlint
GOFUMPT    := $(BIN)/v0.12.0/gofumpt
GOVULN     := $(BIN)/v1.9.0/govulncheck

.PHONY: help demo summary-picture image test test-matrix test-load test-container test-hostile test-mutants bench bench-large fuzz conformance-client golden race lint tidy modules vuln ci clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-20s %s\n", $$1, $$2 }' Makefile

demo: ## seal a two-platform image on a real Sigstore on loopback, and verify it
	go run ./internal/demo

SUMMARY_OUT ?= $(BIN)/summary

summary-picture: ## the demo's job summary as GitHub shows it, in SUMMARY_OUT.png; needs chromium
	go run ./internal/demo -summary $(SUMMARY_OUT).md
	cd internal/peers/summary && go run . < $(SUMMARY_OUT).md > $(SUMMARY_OUT).html
	chromium --headless --no-sandbox --hide-scrollbars --window-size=1000,784 --screenshot=$(SUMMARY_OUT).png file://$(SUMMARY_OUT).html

# Scripts wait more than they compute.
test: ## unit and script tests of all modules; needs Go, make and git, nothing else
	$(TEST) -parallel 10 ./...
	cd internal/sandbox && $(TEST) ./...

# go test runs in the package's folder, so the path is absolute.
MATRIX_OUT ?= $(BIN)/matrix.md

test-matrix: ## every pinned cosign and actions/attest judge, and SBOM tools judge the documents
	MATRIX_OUT=$(MATRIX_OUT) $(TEST) -count=1 -tags matrix -v ./internal/matrix
	$(TEST) -count=1 -tags matrix -run TestJudges -v ./internal/sbom
	cd internal/peers/summary && $(TEST) -count=1 ./...

# LOAD_SOAK is the number of runs of the soak, LOAD_SEED the choices of one that was printed.
test-load: ## many runs at the same time, killed, on a slow link, with faults everywhere; 200 images, 50 platforms
	$(TEST) -count=1 -tags load -v ./internal/load
	$(TEST) -count=1 -tags load -run '^TestRuns$$' -v .

# Starts an engine if none answers, which takes root and Debian or Ubuntu.
test-container: ## the image of the Dockerfile, run as the runner runs it, in a container engine
	$(TEST) -count=1 -tags container -v ./internal/container

test-hostile: ## images that do harm, by the real child: what each takes, against its bound
	$(TEST) -count=1 -tags hostile -v ./internal/hostile

test-mutants: ## take out each check of a signature, one at a time; a test must notice
	$(TEST) -count=1 -tags mutants -v ./internal/mutants

# The machine must have nothing else to do. Makes the images once, with mmdebstrap and npm where there are both.
BENCH_PAIRS ?= 5

bench: image ## against syft and cosign, and against the floor; writes docs/performance.md
	go run ./internal/bench -pairs $(BENCH_PAIRS)

bench-large: ## an image of 10 GiB and one of 100,000 packages, once; writes docs/performance.md; needs 20 GB of disk
	go run ./internal/bench -large -pairs 1

# What is found stays in testdata/fuzz, where every later test tries it first.
FUZZTIME ?= 60s

fuzz: ## fuzz the readers of foreign bytes, one after another, up to the first finding
	set -e; for package in $$(grep -rl --include='*_test.go' '^func Fuzz' internal | xargs -n1 dirname | sort -u); do \
		targets=$$(go test -list '^Fuzz' ./$$package); \
		for target in $$(echo "$$targets" | grep '^Fuzz'); do \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s ./$$package; \
		done; \
	done

conformance-client: ## the client that github.com/sigstore/sigstore-conformance calls
	go test -c -o $(BIN)/conformance-client ./internal/sigstore

# What the labels say; empty is left out.
SOURCE   ?=
REVISION ?=

# Another Go compiles and compresses to other bytes.
image: export GOTOOLCHAIN := $(shell sed -n 's/^go /go/p' go.mod)
image: ## the image that a release publishes; needs no container engine
	go run ./internal/release build -out "$(BIN)/image" -source "$(SOURCE)" -revision "$(REVISION)"

golden: ## rewrite golden files and the texts of scripts
	UPDATE=1 $(TEST) -parallel 10 ./...

# Syft takes ten times as long under the race detector, so not all scripts run there.
RACE_SCRIPTS := multi|both|rekor-v2.*|lies|verify-own|several-one-fails|interleave-.*|quirk-.*|fallback-foreign|rekor-flaky|rekor-outage|dropped-answers|lost-answers|login|fail-(attach|cancelled|inputs|rekor-down|timeout)

# internal/release compiles the action for two architectures, and runs nothing side by side.
race: | $(BIN)/cc ## the tests of the action under the race detector
	CGO_ENABLED=1 $(TEST) -race $$(go list ./internal/... | grep -v /internal/release$$)
	CGO_ENABLED=1 $(TEST) -race -parallel 4 -run 'TestScript/^($(RACE_SCRIPTS))$$' .

lint: tidy | $(GOLANGCI) $(ACTIONLINT) $(GOFUMPT) ## vet, gofumpt, golangci-lint, actionlint, tidy
	go vet -tags matrix,load,mutants,container,hostile ./...
	cd internal/sandbox && go vet ./...
	test -z "$$(git ls-files -co --exclude-standard '*.go' | xargs $(GOFUMPT) -l | tee /dev/stderr)"
	$(GOLANGCI) run
	cd internal/sandbox && $(GOLANGCI) run
	$(ACTIONLINT) .github/workflows/*.yml docs/examples/*.yml

tidy: ## go.mod and go.sum of every module say what is needed
	for m in $(MODULES); do (cd $$m && go mod tidy -diff) || exit 1; done

modules: ## the modules that are compiled are those of go.sum, also out of a cache
	for m in . internal/sandbox internal/peers; do (cd $$m && go mod verify) || exit 1; done

vuln: | $(GOVULN) ## known vulnerabilities; needs the database at vuln.go.dev
	$(GOVULN) ./...

# Not fuzz, which chance decides: what it has found is tried by every test. Nor the load, which
# takes half an hour; the workflow ci has it.
ci: lint test race test-matrix test-mutants test-hostile test-container ## what CI runs, but for the load

clean: ## remove .bin: tools, images, what tests have built
	rm -rf $(BIN)

# Each stands in a folder of its version, so that a new pin is installed.
install = GOBIN=$(@D) go install $(1)@$(notdir $(@D))
$(GOLANGCI):   ; $(call install,github.com/golangci/golangci-lint/v2/cmd/golangci-lint)
$(ACTIONLINT): ; $(call install,github.com/rhysd/actionlint/cmd/actionlint)
$(GOFUMPT):    ; $(call install,mvdan.cc/gofumpt)
$(GOVULN):     ; $(call install,golang.org/x/vuln/cmd/govulncheck)

# The race detector needs a C compiler.
$(BIN)/cc:
	@command -v gcc >/dev/null || command -v clang >/dev/null || \
		{ apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev; }
	@mkdir -p $(BIN) && touch $@
