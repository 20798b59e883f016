# The commands of this repository; `make` lists them. One profile, --release, and one selection of
# packages for everything, so that building, testing and the demo share what is compiled.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
# Before a distribution's cargo, which knows no rust-toolchain.toml.
export PATH := $(or $(CARGO_HOME),$(HOME)/.cargo)/bin:$(PATH)

# Reads .ci/env.sh at each use: the archive it points to may have been made by the step before. With
# a target of their own the binaries would lie elsewhere.
CARGO := . .ci/env.sh; unset CARGO_BUILD_TARGET; cargo
FLAGS := --release --locked
# The packages that must also compile without RocksDB, over the memory engine.
WITHOUT_ROCKS := -p rampart-raft-store -p rampart-node --no-default-features
TARGET = $$(cargo metadata --locked --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
# The simulation is a workspace of its own: its compiler flags would rebuild RocksDB here.
SIM_FOLDER := cluster-tests/sim
# The same with openraft's debug assertions, for one seed of ten: target/assertions/sim.
ASSERTING := --profile assertions --locked
# Minutes of a gate, and of a soak.
MINUTES ?= 10
PREFIX ?= $(if $(filter 0,$(shell id -u)),/usr/local,$(HOME)/.local)

.PHONY: help
help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ready bundle ## The server at ./target/rampart (first time on a machine: about 25 minutes, then 1-5)
	@$(CARGO) build $(FLAGS) --workspace --bins
	@$(MAKE) --no-print-directory place

# The web console, if Node.js is here; it is embedded into what cargo then compiles.
.PHONY: bundle
bundle:
	@.ci/console

.PHONY: console
console: ## The web console alone: types, lint, unit tests, size, bundle (takes Node.js)
	@.ci/console check

.PHONY: console-types
console-types: build ## The console's types of the API, from what ./target/rampart serves
	@.ci/console types

.PHONY: demo
demo: build ## Three nodes, 10,000 flights, a kill -9, a drain; KEEP=1 leaves the cluster up
	@RAMPART_BIN="$(CURDIR)/target/rampart" "$(TARGET)/release/demo"

.PHONY: bench
bench: build ## Throughput, latency, failover, memory of three local nodes; ARGS=--help
	@RAMPART_BIN="$(CURDIR)/target/rampart" "$(TARGET)/release/bench" $(ARGS)

.PHONY: bench-micro
bench-micro: ready ## Single steps without a server: codec, checksum, append, fetch, apply; ARGS=append
	@$(CARGO) bench --locked --workspace --bench record_batch --bench store -- $(ARGS)

.PHONY: bench-vs
bench-vs: build ## The same loads on Rampart and on Apache Kafka in turn, and ratios; ARGS=--help
	@RAMPART_BIN="$(CURDIR)/target/rampart" "$(TARGET)/release/bench-vs" $(ARGS)

.PHONY: chaos
chaos: build ## Ten minutes of faults under load, then the verdict; ARGS=--help
	@RAMPART_BIN="$(CURDIR)/target/rampart" "$(TARGET)/release/rampart-chaos" --duration 600 \
		--out "target/chaos/$$(date -u +%Y%m%d-%H%M%S)" $(ARGS)

# They make followers slow, so that snapshots are installed behind what is purged.
SOAK_FAULTS := kill-one,pause-one,isolate-one,slow-link,slow-sync-minority
.PHONY: soak
soak: build ## Full load for MINUTES on logs that forget almost at once, then the verdict
	@RAMPART_BIN="$(CURDIR)/target/rampart" "$(TARGET)/release/rampart-chaos" --workload soak \
		--faults $(SOAK_FAULTS) --count "$$(($(MINUTES) * 2))" --duration "$$(($(MINUTES) * 60))" \
		--out "target/chaos/soak-$$(date -u +%Y%m%d-%H%M%S)" $(ARGS)

SEEDS ?= 200
# Seeds that nobody has tried yet, unless told.
FROM ?= $(shell date +%s)
JOBS ?= 2
.PHONY: sim
sim: ## Simulated clusters, repeated by a seed: SEEDS=200 FROM=1 JOBS=2, and all that once failed
	@cd cluster-tests/sim; unset CARGO_TARGET_DIR CARGO_BUILD_TARGET; \
	cargo build $(FLAGS); cargo build $(ASSERTING); \
	target/release/sim regressions --jobs $(JOBS) --asserting target/assertions/sim; \
	target/release/sim sweep --from $(FROM) --count $(SEEDS) --jobs $(JOBS) \
		--asserting target/assertions/sim

.PHONY: sim-test
sim-test: ready ## The simulation's own tests, in its own workspace, then 200 seeds nobody has tried
	@cd cluster-tests/sim; unset CARGO_TARGET_DIR CARGO_BUILD_TARGET; \
	cargo fmt --check; \
	cargo clippy $(FLAGS) --all-targets -- -D warnings; \
	cargo test $(FLAGS); \
	target/release/sim sweep --from $(FROM) --count $(SEEDS) --jobs $(JOBS)

.PHONY: install
install: ## Copies ./target/rampart to PREFIX/bin (/usr/local as root, else ~/.local)
	@[ -x target/rampart ] || { echo "install: no ./target/rampart yet; run: make build" >&2; exit 1; }
	install -D -m 0755 target/rampart "$(DESTDIR)$(PREFIX)/bin/rampart"

.PHONY: test
test: ready capable bundle ## All tests: rules, storage, one node, clusters of real processes
	@$(CARGO) build $(FLAGS) --workspace --bins --tests
	@$(MAKE) --no-print-directory place
	@$(CARGO) test $(FLAGS) --workspace --no-fail-fast

.PHONY: check
check: lint ## Before each commit: format, clippy, the tests that start no process
	@$(CARGO) test $(FLAGS) --workspace --lib --no-fail-fast

.PHONY: verify
verify: console lint test sim-test doc deny deploy ## What CI runs: console, check, test, sim-test, doc, deny, deploy; writes no source file

.PHONY: gate-sim
gate-sim: build simulation ## Fresh seeds of the simulation for MINUTES, noted in docs/reliability-runs.jsonl
	@"$(TARGET)/release/gate" run sim --minutes $(MINUTES) --program $(SIM_FOLDER)/target/release/sim \
		-- --asserting $(SIM_FOLDER)/target/assertions/sim

.PHONY: gate-chaos
gate-chaos: build ## Chaos on real nodes for MINUTES, noted in docs/reliability-runs.jsonl
	@RAMPART_BIN="$(CURDIR)/target/rampart" "$(TARGET)/release/gate" run chaos --minutes $(MINUTES) \
		--program "$(TARGET)/release/rampart-chaos"

.PHONY: gate-crash
gate-crash: build ## Power cuts and damaged files for MINUTES, noted in docs/reliability-runs.jsonl
	@"$(TARGET)/release/gate" run crash --minutes $(MINUTES) --program "$(TARGET)/release/crash"

.PHONY: gate-report
gate-report: build ## Writes the figures of docs/reliability.md from docs/reliability-runs.jsonl
	@"$(TARGET)/release/gate" report

.PHONY: hunt
hunt: build planted ## Plants each bug in turn and lets simulation and chaos look for it; ARGS=--help
	@cd $(SIM_FOLDER); $(CARGO_SIM) build $(FLAGS) --features planted-bugs --target-dir target/planted
	@"$(TARGET)/release/hunt" --sim $(SIM_FOLDER)/target/planted/release/sim \
		--chaos "$(TARGET)/release/rampart-chaos" --server "$(CURDIR)/target/planted/rampart" $(ARGS)

.PHONY: planted
planted: ready ## A server in which RAMPART_PLANTED=NAME plants a bug: target/planted/rampart
	@$(CARGO) build $(FLAGS) -p rampart-node --bin rampart --features planted-bugs \
		--target-dir target/planted
	@cp target/planted/release/rampart target/planted/rampart

# Without the target directory and the flags of this workspace.
CARGO_SIM := unset CARGO_TARGET_DIR CARGO_BUILD_TARGET; cargo
.PHONY: simulation
simulation: ready
	@cd $(SIM_FOLDER); $(CARGO_SIM) build $(FLAGS); cargo build $(ASSERTING)

.PHONY: fix
fix: ready ## Formats, and applies what clippy can apply
	@$(CARGO) clippy $(FLAGS) --workspace --all-targets --fix --allow-dirty --allow-staged
	@cargo fmt --all

.PHONY: lint
lint: ready ## Format and clippy, with RocksDB and without
	@cargo fmt --all --check
	@$(CARGO) clippy $(FLAGS) --workspace --all-targets -- -D warnings
	@$(CARGO) clippy $(FLAGS) $(WITHOUT_ROCKS) --all-targets -- -D warnings

.PHONY: doc
doc: ready ## The code's own documentation, without a warning
	@export RUSTDOCFLAGS="-D warnings"; \
	$(CARGO) doc $(FLAGS) --workspace --no-deps --document-private-items

.PHONY: deny
deny: ## Licences, sources, forbidden crates (SKIPPED where cargo-deny is not installed)
	@if command -v cargo-deny >/dev/null; then \
		cargo deny --locked check --hide-inclusion-graph bans licenses sources; \
	else \
		echo "deny: SKIPPED, cargo-deny is not installed (cargo install --locked cargo-deny)"; \
	fi

.PHONY: deploy
deploy: ## The Dockerfile, the compose file and the systemd unit, without a Docker engine
	@.ci/deploy

# What RAMPART_REQUIRE names must work here, or a test that needs it would skip itself.
.PHONY: capable
capable:
	@.ci/capabilities

# What a build needs and this machine may lack: packages, Rust, the RocksDB archive.
.PHONY: ready
ready:
	@.ci/setup
	@.ci/rocksdb

# Puts the binary where README says it is; renamed into place, for it may be running.
.PHONY: place
place:
	@mkdir -p target; \
	cmp -s "$(TARGET)/release/rampart" target/rampart || { \
		cp "$(TARGET)/release/rampart" target/rampart.new; \
		mv target/rampart.new target/rampart; }
