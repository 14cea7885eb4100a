# Wasmfile: build, ship and run WebAssembly on containerd and Docker.
# `make help` lists the targets.

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT  ?= $(shell git rev-parse HEAD 2>/dev/null)
PREFIX  ?= /usr/local
DESTDIR ?=
export SANDBOX_DIR ?= $(CURDIR)/.sandbox

BIN      := bin
VERSIONS := github.com/wasmfile/wasmfile/pkg/version
LDFLAGS  := -s -w -X $(VERSIONS).Version=$(VERSION) -X $(VERSIONS).Commit=$(COMMIT)
# Without gRPC's tracing pages, nothing is left that may call methods by name, and the
# linker leaves out those that nobody calls: a fifth of an executable.
GO_TAGS  := grpcnotrace
GO_BUILD := CGO_ENABLED=0 go build -trimpath -tags $(GO_TAGS) -ldflags '$(LDFLAGS)'
SANDBOX  := env -u GOOS -u GOARCH go -C test/e2e run ./cmd/sandbox
IN_SANDBOX = eval "$$($(SANDBOX) env)" &&

.DEFAULT_GOAL := help

## Build

.PHONY: build
build: ## Build the binaries, static, and the manual pages into bin/
	@mkdir -p $(BIN)
	$(GO_BUILD) -o $(BIN)/ ./frontend/cmd/wasmfile-frontend ./nerdctlplugin/cmd/nerdctl-wasm ./shim/cmd/containerd-shim-wasmfile-v1 ./shim/cmd/wasmfile-traces
	@ln -sf nerdctl-wasm $(BIN)/nerdctl
	@rm -rf $(BIN)/man1
	@env -u GOOS -u GOARCH go run -ldflags '$(LDFLAGS)' ./nerdctlplugin/cmd/manpages $(BIN)/man1

.PHONY: install
install: ## Install what build has made: binaries, link, completions and manual pages below $(DESTDIR)$(PREFIX)
	@[ -d $(BIN)/man1 ] || { echo 'run `make build` first' >&2; exit 1; }
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/wasmfile \
		$(DESTDIR)$(PREFIX)/share/man/man1 \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions \
		$(DESTDIR)$(PREFIX)/share/zsh/site-functions \
		$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	install -m 755 $(BIN)/nerdctl-wasm $(BIN)/containerd-shim-wasmfile-v1 $(BIN)/wasmfile-traces $(BIN)/wasmfile-frontend $(DESTDIR)$(PREFIX)/bin/
	ln -sf ../../bin/nerdctl-wasm $(DESTDIR)$(PREFIX)/lib/wasmfile/nerdctl
	$(BIN)/nerdctl-wasm completion bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/nerdctl-wasm
	$(BIN)/nerdctl-wasm completion zsh > $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_nerdctl-wasm
	$(BIN)/nerdctl-wasm completion fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/nerdctl-wasm.fish
	install -m 644 $(BIN)/man1/* $(DESTDIR)$(PREFIX)/share/man/man1/
	@echo "for \`nerdctl wasm\`, put $(PREFIX)/lib/wasmfile before the real nerdctl in PATH"

.PHONY: uninstall
uninstall: ## Remove what install has put below $(DESTDIR)$(PREFIX)
	cd $(DESTDIR)$(PREFIX) && rm -f bin/nerdctl-wasm bin/containerd-shim-wasmfile-v1 bin/wasmfile-traces bin/wasmfile-frontend \
		lib/wasmfile/nerdctl \
		share/bash-completion/completions/nerdctl-wasm \
		share/zsh/site-functions/_nerdctl-wasm \
		share/fish/vendor_completions.d/nerdctl-wasm.fish \
		share/man/man1/nerdctl-wasm.1 share/man/man1/nerdctl-wasm-*.1
	if [ -d $(DESTDIR)$(PREFIX)/lib/wasmfile ]; then rmdir $(DESTDIR)$(PREFIX)/lib/wasmfile; fi

.PHONY: image
image: image-layout ## Build the frontend's OCI image (needs the sandbox) and push it to the sandbox's registry
	@$(SANDBOX) push-frontend $(CURDIR)/$(BIN)/frontend-image

.PHONY: image-layout
image-layout: sandbox-daemons
	@$(IN_SANDBOX) buildctl --addr "$$BUILDKIT_HOST" build --progress=plain \
		--frontend dockerfile.v0 --local context=$(BIN) --local dockerfile=frontend \
		--opt build-arg:SOURCE_DATE_EPOCH=0 $(if $(GOARCH),--opt platform=linux/$(GOARCH)) \
		--output type=oci,dest=$(BIN)/frontend-image,tar=false,rewrite-timestamp=true

.PHONY: engine
engine: ## Get the wasmtime executable for the sandbox, and print where it is
	@$(SANDBOX) engine

## Try

.PHONY: demo
demo: sandbox-up ## From source to a running component, step by step
	@$(IN_SANDBOX) examples/demo.sh

## Test

.PHONY: test
test: test-unit fuzz test-e2e ## All tests: unit, fuzz, then end to end on the sandbox's daemons

.PHONY: test-unit
test-unit: ## Tests that need neither root nor a daemon
	go test ./...
	go -C test/e2e vet ./... && go -C test/e2e test ./sandbox

.PHONY: test-e2e
test-e2e: sandbox-up ## Tests on real containerd, buildkitd, dockerd, registry and nerdctl
	@$(IN_SANDBOX) go -C test/e2e test -count=1 -p 1 -timeout 90m -v ./...

.PHONY: test-scale
test-scale: sandbox-up ## Tests of many: 2,000 components, 200 containers at once, 300 pods, 180 kills: minutes
	@$(IN_SANDBOX) WASMFILE_TEST_SLOW=$@ go -C test/e2e test -count=1 -timeout 60m -v -run 'TestMany|TestLarge|TestKilled|TestRequestsAtOnce' .

.PHONY: test-runwasi
test-runwasi: sandbox-up ## Tests with a shim over runwasi's library, whose build takes many minutes
	@$(SANDBOX) runwasi
	@$(IN_SANDBOX) WASMFILE_TEST_SLOW=$@ go -C test/e2e test -count=1 -timeout 10m -v -run 'TestRunwasi' .

.PHONY: test-languages
test-languages: sandbox-up ## Tests that build the examples of languages, with toolchains from Debian, npm, PyPI and rustup: minutes
	@$(SANDBOX) toolchains
	@$(IN_SANDBOX) WASMFILE_TEST_SLOW=$@ WASMFILE_TEST_PATIENCE=$(or $(WASMFILE_TEST_PATIENCE),6) go -C test/e2e test -count=1 -timeout 60m -v -run 'TestLanguages' .

.PHONY: test-kubelet
test-kubelet: sandbox-up ## Tests with a Kubernetes cluster of one node, whose build takes many minutes
	@$(SANDBOX) kubernetes
	@$(IN_SANDBOX) WASMFILE_TEST_SLOW=$@ go -C test/e2e test -count=1 -timeout 15m -v -run 'TestKubelet' .

.PHONY: test-systemd
test-systemd: sandbox-up ## Tests on a Debian with systemd and cgroup version 2, which runs as User Mode Linux: many minutes
	@WASMFILE_TEST_SLOW=$@ $(SANDBOX) machine -test.timeout=90m -test.run='$(or $(RUN),^TestSystemd$$)'

.PHONY: test-systemd-kubelet
test-systemd-kubelet: sandbox-up ## Tests of test-kubelet that concern cgroups, in the machine of test-systemd
	@$(SANDBOX) kubernetes
	@WASMFILE_TEST_SLOW=$@ $(SANDBOX) machine -test.timeout=60m -test.run='^TestSystemdKubelet$$'

.PHONY: test-arm64
test-arm64: sandbox-up ## Tests on a Debian with an arm64 processor, which QEMU emulates: many minutes
	@$(MAKE) GOARCH=arm64 BIN='$(SANDBOX_DIR)/arm64/bin' image-layout
	@WASMFILE_TEST_SLOW=$@ $(SANDBOX) arm64 -test.timeout=60m -test.run='$(or $(RUN),^TestArm64$$)'

.PHONY: lint
lint: ## gofumpt, go vet and staticcheck, pinned in test/e2e/tools/lint
	@unformatted="$$(go tool -modfile=test/e2e/tools/lint/go.mod gofumpt -l $$(git ls-files "*.go"))"; \
		test -z "$$unformatted" || { echo "not gofumpt'ed: $$unformatted"; exit 1; }
	go vet ./... && go -C test/e2e vet ./...
	go tool -modfile=test/e2e/tools/lint/go.mod staticcheck ./...
	cd test/e2e && go tool -modfile=tools/lint/go.mod staticcheck ./...

FUZZTIME ?= 30s

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (30s) each, two at a time
	@targets="$$(go test -list '^Fuzz' ./... | awk '/^Fuzz/ { t[n++] = $$1 } /^ok/ { for (i = 0; i < n; i++) print $$2, t[i], "$(FUZZTIME)"; n = 0 }')" && \
		test -n "$$targets" && \
		echo "$$targets" | xargs -P 2 -L 1 test/fuzz.sh

.PHONY: bench
bench: sandbox-up ## Side-by-side ratios against peers; writes docs/performance.md
	@$(IN_SANDBOX) go run ./bench

.PHONY: bench-runwasi
bench-runwasi: sandbox-up ## Containers per second, also against a shim of runwasi's library, whose build takes many minutes
	@$(SANDBOX) runwasi-peer
	@$(IN_SANDBOX) go run ./bench -only containers

## Sandbox: private daemons below ./.sandbox

.PHONY: sandbox-daemons
sandbox-daemons: build
	@$(SANDBOX) up

.PHONY: sandbox-up
sandbox-up: image ## Build and start the sandbox's daemons, with base images and the frontend in its registry

.PHONY: sandbox-down
sandbox-down: ## Stop exactly what sandbox-up started
	@$(SANDBOX) down

.PHONY: sandbox-env
sandbox-env: ## Print shell exports, for the shell to evaluate
	@$(SANDBOX) env

.PHONY: sandbox-status
sandbox-status: ## Show the sandbox's daemons, tools and images
	@$(SANDBOX) status

.PHONY: help
help: ## Show this
	@awk 'BEGIN {FS = ":.*## "} /^## / {printf "\n%s\n", substr($$0, 4)} /^[a-z-]+:.*## / {printf "  %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
