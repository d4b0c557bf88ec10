# Two commands are all a newcomer needs: `make run` and `make test`.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help deps plugins build run test conformance differential features fuzz lint bench gallery torture chaos sim campaign mutants clean

# A rustup toolchain wins over Debian's, which is here only to build the plugins where needed.
export PATH := $(HOME)/.cargo/bin:$(PATH)

help: ## what there is
	@printf 'Plantão: a fault-tolerant runtime for hospital software\n\n'
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | \
		awk -F ':.*## ' '{ printf "  make %-12s %s\n", $$1, $$2 }'

deps: ## install what running needs (apt; nothing when all is there)
	@scripts/deps run

plugins: ## build the plugins to plugins/dist (nothing when they are current)
	@scripts/wasm-build

build: ## build the runtime
	@cargo build --locked

# exec: the runtime takes Ctrl-C itself, drains, and stops PostgreSQL before it goes.
run: deps plugins build ## bring the hospital up with demonstration principals; Ctrl-C stops it
	@exec target/debug/plantao run --demo

test: ## install what the tests need and run all of them
	@scripts/deps test
	@scripts/wasm-build
	@cd plugins && cargo test --quiet --locked
	@cargo test --workspace --locked
	@$(MAKE) --no-print-directory gallery MODULES=500
	@$(MAKE) --no-print-directory differential

# `make test` takes 500. They are made by a program in a workspace of its own.
gallery: ## give 10,000 seeded modules of wasm-smith to the plugin host; SEED=… MODULES=… choose others
	@cd scripts/smith && cargo build --quiet --release --locked
	@PLANTAO_SMITH=$(CURDIR)/scripts/smith/target/release/plantao-smith \
		PLANTAO_SMITH_SEED=$(or $(SEED),0) PLANTAO_SMITH_MODULES=$(or $(MODULES),10000) \
		cargo test --workspace --locked --lib -- --ignored --nocapture plugin::tests::smith

# Whom the plugin host is compared with: each a program in a workspace of its own.
extism := $(CURDIR)/scripts/extism/target/release/plantao-extism
peers := PLANTAO_EXTISM=$(extism) \
	PLANTAO_NATIVE=$(CURDIR)/scripts/native/target/release/plantao-native

$(extism): scripts/extism/Cargo.toml scripts/extism/Cargo.lock scripts/extism/main.rs
	@printf 'building the Extism SDK, which takes some minutes once\n'
	@cd scripts/extism && cargo build --quiet --release --locked
	@touch $@

differential: $(extism) ## ask Extism's SDK and the plugins' kit what the plugin host is asked
	@scripts/wasm-build
	@cd scripts/native && cargo build --quiet --release --locked
	@$(peers) PLANTAO_FUZZ_SEED=$(or $(SEED),0) PLANTAO_FUZZ_CASES=$(or $(CASES),500) \
		cargo test --workspace --locked --lib -- --ignored --nocapture plugin::tests::oracle

# `make test` runs 500 sequences, and of the others what proptest takes by itself.
fuzz: $(extism) ## 20,000 random sequences of host calls, manifests, blocks; SEED=… CASES=… choose others
	@$(peers) PLANTAO_FUZZ_SEED=$(or $(SEED),0) PLANTAO_FUZZ_CASES=$(or $(CASES),20000) \
		cargo test --workspace --locked --lib -- --include-ignored --nocapture \
		plugin::tests::oracle::sequences
	@PROPTEST_CASES=$(or $(CASES),20000) cargo test --workspace --locked --lib -- \
		plugin::arena plugin::capability plugin::manifest plugin::package

# `make test` compares 500.
conformance: ## compare 10,000 random supervision scripts with real Erlang; SEED=… repeats a run
	@scripts/deps test
	@CONFORMANCE_SCRIPTS=$(or $(SCRIPTS),10000) $(if $(SEED),CONFORMANCE_SEED=$(SEED)) \
		cargo test -p plantao-supervisors --locked --test conformance -- --nocapture

# `make test` does 20 rounds.
torture: ## kill -9 the runtime and PostgreSQL 1,000 times at random moments; SEED=… ROUNDS=…
	@scripts/deps test
	@scripts/wasm-build
	@TORTURE_ROUNDS=$(or $(ROUNDS),1000) $(if $(SEED),TORTURE_SEED=$(SEED)) \
		cargo test -p plantao --locked --test hospital torture:: -- --nocapture

# Each of ractor's features changes the trait that actors implement or what a message is.
features: ## test the supervision library with ractor's features on and off
	@for features in '' async-trait cluster monitors 'async-trait cluster monitors'; do \
		printf '\nfeatures: %s\n' "$${features:-none}"; \
		cargo test -q -p plantao-supervisors --locked --features "$$features" || exit 1; \
	done

lint: ## formatting and clippy, warnings denied, host and plugins
	@cargo fmt --all --check
	@cargo clippy --workspace --all-targets --locked -- -D warnings
	@cd plugins && cargo fmt --all --check
	@cd plugins && cargo clippy --workspace --all-targets --locked -- -D warnings

bench: ## measure, each figure beside a named peer
	@scripts/deps bench
	@scripts/wasm-build
	@cargo bench --locked
	@cargo bench --locked -p plantao-schema --bench detect

sim: ## break the real tree in 10,000 simulated days; SEED=… SCHEDULES=… choose others
	@cargo run -q -p plantao-chaos --locked -- sim $(if $(SCHEDULES),,--require-rare) \
		--seed $(or $(SEED),1) --schedules $(or $(SCHEDULES),10000)

campaign: ## break it for MINUTES=10, aiming at what was not struck; the report goes to chaos-report/
	@cargo run -q -p plantao-chaos --locked -- campaign --minutes $(or $(MINUTES),10) \
		$(if $(SEED),--seed $(SEED)) --report $(or $(REPORT),chaos-report)

mutants: ## plant defects one by one and tell which invariant caught each
	@cargo run -q -p plantao-chaos --locked -- mutants

chaos: ## what can be broken, and how
	@printf 'While `make run` runs, end any actor and watch its supervisor:\n'
	@printf '  target/debug/plantao tree --watch\n'
	@printf '  target/debug/plantao kill plantao/trust/policy\n'
	@printf 'Without a hospital: `make sim` breaks the real tree in simulated days, `make campaign`\n'
	@printf 'aims at what was not struck yet and writes a page about it, `make mutants` shows that\n'
	@printf 'defects are caught, and\n'
	@printf '  cargo run -p plantao-chaos -- replay --seed 7\n'
	@printf 'prints what happened in one of them.\n'

clean: ## remove what was built; state directories stay
	@cargo clean
	@rm -rf plugins/target plugins/dist
