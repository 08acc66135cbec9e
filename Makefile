# irsa-anywhere: `make help` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
CARGO ?= cargo
BUILT := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)/debug
OPERATOR := $(BUILT)/irsa-anywhere
# Most of a test's time is spent waiting for a real control plane, so more of them run than there are processors.
TEST_THREADS ?= 4
MODEL_SECONDS ?= 240
export IRSA_ANYWHERE_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/irsa-anywhere

.PHONY: help
help: ## Show this list
	@awk -F':.*## ' '/^[a-z][a-z0-9-]*:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

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
	$(CARGO) clippy --workspace --all-targets --all-features --locked -- -D warnings
	$(CARGO) clippy --workspace --test '*' --all-features --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked
	$(CARGO) deny --log-level error check bans licenses sources
	$(CARGO) machete
	hack/chart.sh --check
	hack/version.sh --check
	hack/lint-dockerfile.sh

.PHONY: alerts
alerts: prerequisites ## Check the Prometheus rules, and show each alert quiet and firing
	@hack/alerts.sh

.PHONY: dashboard
dashboard: prerequisites ## Check the Grafana dashboard and its queries
	@hack/dashboard.sh

.PHONY: site
site: prerequisites ## Build the site of docs/ into target/site/html, and check its links and anchors
	@hack/site.sh

.PHONY: tools
tools: prerequisites ## Install the pinned lint tools where they are missing
	@hack/tools.sh

.PHONY: unit
unit: prerequisites python ## Unit and property tests
	$(CARGO) test --workspace --exclude irsa-tests --locked

.PHONY: test
test: prerequisites control-plane python operator ## Everything that proves it works: unit, property, API table, end to end
	RUST_TEST_THREADS=$(TEST_THREADS) IRSA_ANYWHERE_OPERATOR=$(OPERATOR) $(CARGO) test --workspace --locked

.PHONY: e2e
e2e: prerequisites control-plane python operator ## The end-to-end tests and those of injection; KUBERNETES=1.31 (or 1.34, 1.35, 1.37) for another API server
	RUST_TEST_THREADS=$(TEST_THREADS) IRSA_ANYWHERE_OPERATOR=$(OPERATOR) $(CARGO) test --workspace --locked --test e2e --test inject

.PHONY: nightly
nightly: ## What .ci/run has no time for: every version of Kubernetes, Flux, Argo CD, the SDKs of five languages, the image run, a release of both platforms, the programs built twice, what an admission costs
	PLATFORMS=linux/amd64,linux/arm64 $(MAKE) check-image
	PLATFORMS=linux/amd64,linux/arm64 $(MAKE) release TRIAL=1
	$(MAKE) reproducible
	$(MAKE) versions
	$(MAKE) clients
	$(MAKE) model MODEL_SECONDS=1200
	EVERY_PAIR=1 $(CARGO) test --workspace --locked --test explain
	$(MAKE) flux
	$(MAKE) argocd
	$(MAKE) bench-admission

.PHONY: versions
versions: ## make e2e with the API server of every version that is supported (nightly: each is built once, five minutes on two cores)
	for version in $$(awk '!/^#/ { print $$1 }' crates/testkit/controlplane/kubernetes/versions); do \
	  $(MAKE) e2e KUBERNETES=$$version; done

.PHONY: webhook
webhook: prerequisites control-plane operator ## The slow end-to-end tests of the webhook: its certificate, its replicas, no pod without credentials meanwhile
	RUST_TEST_THREADS=$(TEST_THREADS) IRSA_ANYWHERE_OPERATOR=$(OPERATOR) $(CARGO) test --workspace --locked --test webhook

.PHONY: doctor
doctor: prerequisites control-plane operator ## The slow end-to-end tests of kubectl irsa: what is broken by hand is named first
	RUST_TEST_THREADS=$(TEST_THREADS) IRSA_ANYWHERE_OPERATOR=$(OPERATOR) $(CARGO) test --workspace --locked --test doctor

.PHONY: verify
verify: prerequisites control-plane operator ## The slow end-to-end tests of the proof: what STS says decides, what it must refuse, and what keeps the operator's tokens within bounds
	RUST_TEST_THREADS=$(TEST_THREADS) IRSA_ANYWHERE_OPERATOR=$(OPERATOR) $(CARGO) test --workspace --locked --test verify

.PHONY: rotation
rotation: prerequisites control-plane operator ## The slow end-to-end tests of signing keys: rotations, lost records, forged documents
	RUST_TEST_THREADS=$(TEST_THREADS) IRSA_ANYWHERE_OPERATOR=$(OPERATOR) $(CARGO) test --workspace --locked --test rotation

.PHONY: crash
crash: prerequisites control-plane operator ## The slow end-to-end tests that stop the operator at each of its calls
	RUST_TEST_THREADS=$(TEST_THREADS) IRSA_ANYWHERE_OPERATOR=$(OPERATOR) $(CARGO) test --workspace --locked --test crash

.PHONY: replicas
replicas: prerequisites control-plane operator ## The slow end-to-end tests of two operators side by side, and of a stale one
	RUST_TEST_THREADS=$(TEST_THREADS) IRSA_ANYWHERE_OPERATOR=$(OPERATOR) $(CARGO) test --workspace --locked --test replicas

.PHONY: model
model: prerequisites ## Random histories in virtual time against the AWS double, for MODEL_SECONDS
	IRSA_ANYWHERE_MODEL_SECONDS=$(MODEL_SECONDS) $(CARGO) test --workspace --locked --test model -- --nocapture whatever_happens

.PHONY: moto
moto: prerequisites control-plane operator ## The main job against moto, an AWS stand-in that is not ours
	@crates/testkit/python/venv.sh moto >/dev/null
	IRSA_ANYWHERE_OPERATOR=$(OPERATOR) $(CARGO) test --workspace --locked --test moto

.PHONY: clients
clients: prerequisites control-plane operator ## Unmodified AWS SDKs of five languages with the environment of an injected pod and no other network
	@hack/clients.sh >/dev/null
	IRSA_ANYWHERE_OPERATOR=$(OPERATOR) $(CARGO) test --workspace --locked --test clients -- --nocapture

.PHONY: installation
installation: prerequisites control-plane operator ## The slow end-to-end tests of what is installed, and of a cluster's rules for it
	RUST_TEST_THREADS=$(TEST_THREADS) IRSA_ANYWHERE_OPERATOR=$(OPERATOR) $(CARGO) test --workspace --locked --test installation

.PHONY: chart
chart: ## Bring what is in config/, crds/ and dashboards/ into the Helm chart
	hack/chart.sh

.PHONY: helm
helm: prerequisites control-plane operator ## The Helm chart by the real Helm 3 and 4: rendered, installed, upgraded, moved to, uninstalled
	crates/testkit/helm/build.sh v3 >/dev/null
	crates/testkit/helm/build.sh v4 >/dev/null
	RUST_TEST_THREADS=$(TEST_THREADS) IRSA_ANYWHERE_OPERATOR=$(OPERATOR) $(CARGO) test --workspace --locked --test helm

.PHONY: pages
pages: prerequisites control-plane operator ## The commands of the pages, run as they are on a real API server; the dashboard against the real /metrics
	crates/testkit/helm/build.sh v4 >/dev/null
	crates/testkit/jq/build.sh >/dev/null
	crates/testkit/python/venv.sh awscli >/dev/null
	IRSA_ANYWHERE_OPERATOR=$(OPERATOR) $(CARGO) test --workspace --locked --test pages

.PHONY: flux
flux: prerequisites control-plane operator ## The samples of deploy/ by Flux's own kustomize-controller (nightly: it is built once, three to five minutes on two cores)
	crates/testkit/flux/build.sh >/dev/null
	crates/testkit/flux/crds.sh >/dev/null
	RUST_TEST_THREADS=$(TEST_THREADS) IRSA_ANYWHERE_OPERATOR=$(OPERATOR) $(CARGO) test --workspace --locked --test flux

.PHONY: argocd
argocd: prerequisites control-plane operator ## The samples of deploy/ by Argo CD's own controller and repo-server (nightly: they are built once, ten minutes on two cores)
	crates/testkit/argocd/build.sh >/dev/null
	crates/testkit/helm/build.sh v3 >/dev/null
	RUST_TEST_THREADS=$(TEST_THREADS) IRSA_ANYWHERE_OPERATOR=$(OPERATOR) $(CARGO) test --workspace --locked --test argocd

.PHONY: coexistence
coexistence: prerequisites control-plane operator ## The slow end-to-end tests of what others own, offer or share
	RUST_TEST_THREADS=$(TEST_THREADS) IRSA_ANYWHERE_OPERATOR=$(OPERATOR) $(CARGO) test --workspace --locked --test coexistence

.PHONY: budget
budget: prerequisites control-plane operator ## The slow end-to-end tests of the inventory of roles, and what a hundred bindings cost
	RUST_TEST_THREADS=$(TEST_THREADS) IRSA_ANYWHERE_OPERATOR=$(OPERATOR) $(CARGO) test --workspace --locked --test budget
	@IRSA_ANYWHERE_OPERATOR=$(OPERATOR) $(BUILT)/bench 1 100

# Numbers of bindings that are measured, and what for: the static binary of the image.
SIZES ?= 1 200 1000 5000
STATIC ?= $(shell uname -m)-unknown-linux-musl
FLEETS ?= 200 1000
SHIPPED = $(subst /debug/,/$(STATIC)/release/,$(OPERATOR))
MEASURE = IRSA_ANYWHERE_OPERATOR=$(SHIPPED) $(CARGO) run --quiet --locked --profile harness --package irsa-tests --bin bench --

.PHONY: static
static: prerequisites ## The static binaries of the image for this machine (STATIC=aarch64-unknown-linux-musl: for another)
	hack/static.sh $(STATIC)

.PHONY: reproducible
reproducible: prerequisites ## The static binaries once more, from nothing and elsewhere, compared byte by byte (nightly: nine minutes on two cores, each)
	@hack/reproducible.sh $(STATIC)

# Both platforms, or one: PLATFORMS=linux/amd64.
PLATFORMS ?= linux/amd64,linux/arm64
export PLATFORMS

.PHONY: image
image: prerequisites ## The image as OCI layout and archive with its SBOMs in dist/ (PLATFORMS=linux/amd64 for one platform alone)
	@hack/image.sh

.PHONY: check-image
check-image: image control-plane python ## The image unpacked and run as its pod would, on a real API server; its SBOMs by other people's validators
	@hack/image.sh --check
	@hack/check-image.sh

WRITTEN_VERSION = $(shell sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)

.PHONY: version
version: ## Write VERSION=1.2.3 wherever the version is written
	@hack/version.sh "$(VERSION)"

.PHONY: release
release: prerequisites control-plane ## Everything of the release VERSION=1.2.3 in dist/ (TRIAL=1: of what is there, whatever it is)
	@hack/release.sh "$(or $(VERSION),$(if $(TRIAL),$(WRITTEN_VERSION)))"

.PHONY: bench
bench: static control-plane ## What it costs: AWS and Kubernetes calls, memory, CPU (SIZES="1 200 1000 5000", about 30 minutes)
	@$(MEASURE) $(SIZES)

.PHONY: bench-fleet
bench-fleet: static control-plane ## How long a fleet takes to be made, tightened, looked at and deleted (FLEETS="200 1000")
	@$(MEASURE) fleet $(FLEETS)

.PHONY: bench-growth
bench-growth: static control-plane ## Whether memory grows while nothing changes (10,000 bindings for 24 intervals: half an hour)
	@$(MEASURE) growth 10000 24

.PHONY: bench-admission
bench-admission: static control-plane ## What the injection of a pod costs, by the webhook and by the policy, beside the AWS webhook (three minutes)
	@$(MEASURE) admission

.PHONY: bench-plugin
bench-plugin: static control-plane ## What kubectl irsa costs in a cluster with 1,000 bindings (two minutes)
	hack/static.sh $(STATIC) plugin
	@$(MEASURE) plugin 1000

.PHONY: escapes
escapes: prerequisites control-plane operator ## The slow end-to-end tests of tenants who would escape and deletions that would wedge
	RUST_TEST_THREADS=$(TEST_THREADS) IRSA_ANYWHERE_OPERATOR=$(OPERATOR) $(CARGO) test --workspace --locked --test escapes

.PHONY: python
python: prerequisites ## Make the Python environment of the boto3 tests where it is missing
	@crates/testkit/python/venv.sh >/dev/null

# Everything at once and each time the same packages: Cargo would compile what they share again for each choice of packages.
.PHONY: operator
operator: prerequisites
	$(CARGO) build --locked --workspace --all-targets

# The programs alone are of the same packages as with their tests (tests/tests/structure), so a test after a demo compiles only tests.
.PHONY: programs
programs: prerequisites
	$(CARGO) build --locked --workspace --bin irsa-anywhere --bin irsa-anywhere-webhook --bin kubectl-irsa --bin demo

# No kube-controller-manager: the demo needs none, and it is a minute of the first run.
.PHONY: demo
demo: prerequisites python programs ## The main job, live: two resources to a pod identity that AWS accepts (KEEP=1 leaves it running)
	@crates/testkit/controlplane/build.sh >/dev/null
	@IRSA_ANYWHERE_OPERATOR=$(OPERATOR) KEEP=$(KEEP) $(BUILT)/demo

.PHONY: check-demo
check-demo: demo ## The demo works, and fails when there is no operator
	@if complaint=$$(IRSA_DEMO_WITHOUT_OPERATOR=1 $(BUILT)/demo 2>&1 >/dev/null); then \
	  echo "the demo succeeded without the operator" >&2; exit 1; fi; \
	case $$complaint in *"not ready after"*) ;; *) echo "without the operator the demo failed otherwise: $$complaint" >&2; exit 1;; esac

# Each part with the tests that are about it: the judgement with its unit tests, the controller's decisions with its fakes, the
# adapters with the tests over the wire.
.PHONY: mutants
mutants: mutants-core mutants-controller mutants-aws ## Mutation test of judgement, decisions and adapters (hours; or one part of it)

.PHONY: mutants-core
mutants-core: prerequisites ## Mutation test of the judgement that matters most (half an hour)
	@hack/tools.sh mutants
	$(CARGO) mutants --package irsa-core --timeout 60 --output target/mutants-core \
	  --file 'crates/core/src/trust/**' --file 'crates/core/src/jwks/**' --file 'crates/core/src/compare/**' \
	  --file 'crates/core/src/plan/**' --file 'crates/core/src/history/**' --file crates/core/src/documents.rs \
	  --file crates/core/src/json.rs --file crates/core/src/denial.rs --file 'crates/core/src/admission/**' -- --lib

CONTROLLER = crates/controller/src
PIPELINE = crates/pipeline/src
.PHONY: mutants-controller
mutants-controller: prerequisites ## Mutation test of the steps of a pass and the controller's decisions
	@hack/tools.sh mutants
	$(CARGO) mutants --package irsa-pipeline --package irsa-controller --test-package irsa-pipeline,irsa-controller --timeout 120 \
	  --output target/mutants-controller \
	  --file '$(PIPELINE)/binding/validate/**' --file '$(PIPELINE)/binding/aws_errors.rs' --file '$(PIPELINE)/binding/execute/**' \
	  --file '$(PIPELINE)/federation/validate/**' --file '$(PIPELINE)/federation/aws_errors.rs' \
	  --file '$(PIPELINE)/federation/observe/cluster.rs' --file '$(PIPELINE)/federation/publish/**' \
	  --file '$(PIPELINE)/federation/s3_refusals.rs' --file '$(PIPELINE)/federation/tampering.rs' \
	  --file '$(PIPELINE)/federation/verify.rs' --file '$(PIPELINE)/spec/**' \
	  --file '$(PIPELINE)/conditions.rs' --file '$(PIPELINE)/step_error.rs' \
	  --file '$(CONTROLLER)/binding/enforce.rs' --file '$(CONTROLLER)/binding/existing.rs' \
	  --file '$(CONTROLLER)/binding/lost_finalizer.rs' --file '$(CONTROLLER)/memory/**' \
	  --file '$(CONTROLLER)/leadership/lease.rs' --file '$(CONTROLLER)/leadership/claim.rs' \
	  --file '$(CONTROLLER)/leadership/gate.rs' -- --lib

.PHONY: mutants-aws
mutants-aws: prerequisites ## Mutation test of the adapters, with the tests over the wire
	@hack/tools.sh mutants
	$(CARGO) mutants --package irsa-aws --test-package irsa-aws,irsa-tests --timeout 240 --output target/mutants-aws \
	  --file 'crates/aws/src/**' -- --lib --test aws
