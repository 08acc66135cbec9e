# irsa-anywhere: `make help` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
CARGO ?= cargo
export IRSA_ANYWHERE_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/irsa-anywhere

.PHONY: help
help: ## Show this list
	@awk -F':.*## ' '/^[a-z][a-z-]*:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: prerequisites
prerequisites:
	@hack/prerequisites.sh

.PHONY: control-plane
control-plane: prerequisites ## Build kube-apiserver, etcd, kubectl and kube-controller-manager once (cached)
	@crates/testkit/controlplane/build.sh --with-controller-manager >/dev/null

.PHONY: fmt
fmt: ## Format the code
	$(CARGO) fmt --all

.PHONY: crds
crds: ## Generate the CRDs from the types
	$(CARGO) run --quiet --locked -p irsa-api --bin crdgen

.PHONY: check-crds
check-crds: ## Check that the committed CRDs are what the types say
	$(CARGO) run --quiet --locked -p irsa-api --bin crdgen -- --check

.PHONY: lint
lint: prerequisites tools check-crds ## Formatting, clippy, licences and bans, unused dependencies, docs, generated files
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked
	$(CARGO) deny --log-level error check bans licenses sources
	$(CARGO) machete

.PHONY: tools
tools: prerequisites ## Install the pinned lint tools where they are missing
	@hack/tools.sh

.PHONY: unit
unit: prerequisites ## Unit and property tests
	$(CARGO) test --workspace --exclude irsa-tests --locked

.PHONY: test
test: prerequisites control-plane ## Everything that proves it works: unit, property, real API server, AWS double
	$(CARGO) test --workspace --locked
