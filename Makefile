# Start with `make run` and `make test`. They need rustup, a C compiler and make.

DIR ?= .
PORT ?= 8000
# The prefix of `make install`.
PREFIX ?= /usr/local

# Another target of `make build`, such as aarch64-unknown-linux-gnu. For `make dist`, targets beside that of this
# machine.
TARGET ?=

GUEST := wasm32-wasip2
# One profile for the program, its tests and its lints, so that cargo compiles wasmtime as rarely as possible.
CARGO_FLAGS := --release --locked
CORE := -p glasshouse-core -p glasshouse-protocol
GUESTS := $(CORE) -p glasshouse-adapter -p glasshouse-p2 -p glasshouse-p3
# Handlers of the tests, which the build of the tests generates.
HOSTILE := -p glasshouse-hostile -p glasshouse-hostile-middleware -p glasshouse-hostile-p2 -p glasshouse-hostile-p3
# The examples in Rust, which the same build generates.
EXAMPLES := -p glasshouse-example-banner
# Separate from the tests: in one build, cargo would give the program the features of its tests.
PROGRAM := -p glasshouse
HOST := $(PROGRAM) -p glasshouse-compose -p glasshouse-engine -p glasshouse-live -p glasshouse-pack \
	-p glasshouse-precompile -p glasshouse-sandbox -p glasshouse-site
# The features of the program that a build can leave out.
FEATURES := auth cranelift harden qr tls
# Separate from the rest: their tests control the clock of tokio, for which cargo compiles all that uses tokio again.
HTTP := -p glasshouse-http -p glasshouse-quota
TESTS := -p glasshouse-tests
# Seconds for each fuzz target.
FUZZ_SECONDS ?= 60
FUZZ_TARGETS := accept date decide etag htpasswd http2 proxy range readme response site socket target

.PHONY: run build test test-all ports ports-check screenshots torture soak hosts bench check lint features doc deny \
	fuzz flags dist dist-check install clean

run: build
	target/release/glasshouse $(PORT) --directory '$(DIR)'

build: target-$(GUEST) $(TARGET:%=target-%)
	cargo build $(CARGO_FLAGS) $(PROGRAM) $(TARGET:%=--features cross-compile --target %)

# The black-box tests and the browser tests come last, because they run the program.
test: build
	cargo test $(CARGO_FLAGS) $(CORE)
	cargo test $(CARGO_FLAGS) $(HTTP)
	cargo test $(CARGO_FLAGS) $(HOST)
	cargo test $(CARGO_FLAGS) $(TESTS) --test all -- --skip attacks::
	tests/browser/run

# Also the attacks. They run one after the other, because they measure how long other clients wait.
test-all: test
	cargo test $(CARGO_FLAGS) $(TESTS) --test all attacks:: -- --test-threads 1

# Links the program for other targets, without optimization, and runs it in emulators.
ports: target-$(GUEST)
	tests/ports

# Compiles the program for other targets without code.
ports-check: target-$(GUEST)
	tests/ports --check

# The long forms of the attacks, with measurements of waits and memory, all rows in the modes that compile at each
# start, and archives that continue at many places. Twenty minutes.
torture: build
	GLASSHOUSE_TORTURE=1 cargo test $(CARGO_FLAGS) -p glasshouse-core --test resume
	GLASSHOUSE_TORTURE=1 cargo test $(CARGO_FLAGS) $(TESTS) --test all attacks:: -- --test-threads 1 --nocapture
	GLASSHOUSE_TORTURE=1 cargo test $(CARGO_FLAGS) $(TESTS) --test all rows_host_

# Half an hour of load over TLS, with new certificates, directories and logs every ten seconds.
SOAK_SECONDS ?= 1800
soak: build
	GLASSHOUSE_SOAK=$(SOAK_SECONDS) cargo test $(CARGO_FLAGS) $(TESTS) --test all soak:: -- --nocapture

# Runs the handler in the hosts of other projects, and writes the tables of docs/hosts.md. Downloads these hosts.
hosts: build
	cargo test $(CARGO_FLAGS) $(TESTS) --test all --no-run
	tests/hosts/run --write

# Writes the pictures in docs/. Needs node, npm and chromium.
screenshots: build
	cd tests/browser && npm ci --no-audit --no-fund --silent && node screenshots.mjs

# Compares with nginx, lighttpd, h2o and other installed servers. Needs wrk and h2load. 30 to 45 minutes; BENCH_SECONDS,
# BENCH_ROUNDS, BENCH_ONLY and BENCH_SERVERS shorten it.
bench: build
	cargo build $(CARGO_FLAGS) $(TESTS) --bins
	target/release/bench

check: lint features doc

lint: target-$(GUEST)
	cargo fmt --all --check
	cargo clippy $(CARGO_FLAGS) $(CORE) --all-targets -- -D warnings
	cargo clippy $(CARGO_FLAGS) $(HTTP) --all-targets -- -D warnings
	cargo clippy $(CARGO_FLAGS) $(HOST) --all-targets -- -D warnings
	cargo clippy $(CARGO_FLAGS) $(TESTS) --all-targets -- -D warnings
	cargo clippy --locked --profile guest --target $(GUEST) $(GUESTS) $(HOSTILE) $(EXAMPLES) -- -D warnings

# The library alone, the program without each of its features, and the core with and without its own.
features:
	cargo clippy $(CARGO_FLAGS) $(PROGRAM) --lib --no-default-features -- -D warnings
	set -e; for off in $(FEATURES); do \
		cargo clippy $(CARGO_FLAGS) $(PROGRAM) --no-default-features \
			--features "cli $$(echo $(FEATURES) | sed "s/$$off//")" -- -D warnings; \
	done
	cargo clippy $(CARGO_FLAGS) -p glasshouse-core --no-default-features -- -D warnings
	cargo clippy $(CARGO_FLAGS) -p glasshouse-core --all-features --all-targets -- -D warnings

doc:
	RUSTDOCFLAGS='-D warnings' cargo doc $(CARGO_FLAGS) $(CORE) --no-deps
	RUSTDOCFLAGS='-D warnings' cargo doc $(CARGO_FLAGS) $(HOST) $(HTTP) --no-deps --document-private-items

# Licences, sources and advisories of all dependencies. Installs cargo-deny and cargo-audit if they are missing. If the
# database of advisories is unreachable, the target reports that it skips them.
ADVISORIES := https://github.com/RustSec/advisory-db
# Without optimization, because they compile for minutes and run for seconds.
INSTALL := cargo install --locked --quiet --debug
deny:
	@cargo deny --version >/dev/null 2>&1 || $(INSTALL) cargo-deny
	cargo deny --locked check bans licenses sources
	@if git ls-remote --exit-code '$(ADVISORIES)' HEAD >/dev/null 2>&1; then \
		cargo audit --version >/dev/null 2>&1 || $(INSTALL) cargo-audit; \
		cargo deny --locked check advisories && cargo audit; \
	else \
		printf '\n%s\n%s\n\n' '==== NOT CHECKED: advisories of the dependencies, by cargo deny and cargo audit ====' \
			'==== $(ADVISORIES) is unreachable ====' >&2; \
	fi

# Searches for input that fails the checks of the tests, starting with fuzz/seeds. Needs a nightly toolchain and
# cargo-fuzz. Findings are in fuzz/artifacts. Add each one to fuzz/seeds with its fix.
fuzz:
	@cargo fuzz --version >/dev/null 2>&1 || { echo 'cargo-fuzz is missing: cargo install cargo-fuzz' >&2; exit 1; }
	@rustup toolchain list | grep -q '^nightly' \
		|| { echo 'the nightly toolchain is missing: rustup toolchain install nightly --profile minimal' >&2; exit 1; }
	set -e; for target in $(FUZZ_TARGETS); do \
		mkdir -p fuzz/corpus/$$target; \
		cargo +nightly fuzz run $$target fuzz/corpus/$$target fuzz/seeds/$$target -- \
			-max_total_time=$(FUZZ_SECONDS) -timeout=5 -print_final_stats=1; \
	done

# Generates the table of options in docs/options.md from their definition.
flags:
	UPDATE_OPTIONS=1 cargo test $(CARGO_FLAGS) $(PROGRAM) the_documentation_lists_every_option

# Writes the files of a release to target/dist, for this machine or for the targets in TARGET. `dist/build` names the
# missing tools.
dist: target-$(GUEST) $(TARGET:%=target-%)
	dist/program
	dist/build

# Installs and runs these files, builds them a second time and compares. Needs root and dpkg; npm, skopeo, podman
# and ruby add checks, and for other targets QEMU and wine.
dist-check: dist
	dist/check

install: build
	install -d '$(DESTDIR)$(PREFIX)/bin'
	install -m 755 target/$(if $(TARGET),$(TARGET)/)release/glasshouse '$(DESTDIR)$(PREFIX)/bin/glasshouse'

clean:
	cargo clean

target-%:
	@rustup target list --installed | grep -qx $* || rustup target add $*
