# Every check and every common command of revring. `just` lists them.

# Seconds each fuzz target runs.
fuzz_seconds := env("REVRING_FUZZ_SECONDS", "10")

[private]
default:
    @just --list --unsorted

# Everything that must hold before a change is handed in. Changes no file under version control.
verify: fmt clippy docs test doctest deny typescript fuzz

# The code is formatted.
fmt:
    cargo fmt --all --check
    cargo fmt --manifest-path fuzz/Cargo.toml --check

# No compiler or clippy warning, in any target.
clippy:
    cargo clippy --workspace --all-targets --all-features --locked -- -D warnings

# The documentation builds without a warning.
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --all-features --no-deps --locked

# All tests; arguments go to cargo-nextest: `just test resume`.
test *args:
    cargo nextest run --workspace --all-features --locked {{ args }}

# The tests that take minutes and are left out of `verify`.
soak:
    cargo nextest run --workspace --release --locked --run-ignored only -E 'not test(typescript)'

# Kill the real server, fill its disk, cut the power of its log: `just crash 200` kills it 200 times.
crash kills="60" points="1000":
    REVRING_CRASH_KILLS={{ kills }} REVRING_CRASH_POINTS={{ points }} cargo nextest run --release --locked --test crash --test power_loss

# Simulate rooms, clients, network and disk: `just sim --seeds 0..1000`, `just sim --seed 7 --steps 5000`.
sim *args:
    cargo run --release --locked --package revring-sim -- {{ args }}

# The examples in the documentation.
doctest:
    cargo test --workspace --all-features --doc --locked

# Licenses, banned crates and sources of every dependency. Needs no network once the dependencies are here.
deny:
    cargo deny --locked --all-features --log-level error check --hide-inclusion-graph bans licenses sources

# Known vulnerabilities in dependencies. Fetches the advisory database, so it is not part of `verify`.
audit:
    cargo deny --all-features check advisories

# Fuzz each target for a few seconds; `just fuzz decode 600` fuzzes one for ten minutes.
[script("bash")]
fuzz target="all" seconds=fuzz_seconds:
    set -euo pipefail
    targets="{{ if target == "all" { "decode room" } else { target } }}"
    if ! rustup toolchain list 2>/dev/null | grep -q '^nightly'; then
        echo "fuzz: no nightly toolchain, so the seeds run as an ordinary test instead"
        exec cargo test --manifest-path fuzz/Cargo.toml --no-default-features --locked
    fi
    cargo metadata --manifest-path fuzz/Cargo.toml --locked --format-version 1 >/dev/null
    for target in $targets; do
        mkdir -p "fuzz/corpus/$target"
        # revring has no unsafe code: without a sanitizer the same seconds try more inputs.
        cargo +nightly fuzz run --sanitizer none "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" \
            -- -max_total_time={{ seconds }} -timeout=10 -rss_limit_mb=2048 -max_len=65536 -verbosity=0
    done

# The TypeScript SDK: lint, types, size, tests against the real server and beside Rust clients; and the board is the one built from it.
typescript: _npm (_page "examples/board/dist/board.html")
    npx biome check
    npm run --silent typecheck --workspaces
    npm run --silent build --workspace revring
    npm run --silent size --workspace revring
    cargo build --locked --package revring --package revring-conformance
    npx vitest run --root clients/typescript
    cargo nextest run --locked --package revring-client --run-ignored only -E 'test(typescript)'
    cmp examples/board/dist/board.html src/board.html || { echo "src/board.html is not what its sources make: run \`just board\`" >&2; exit 1; }

# The board in a real browser, against the real server. Needs chromium; REVRING_BROWSER says which.
browser: _npm
    cargo build --locked --package revring
    npx vitest run --root examples/board

# Build examples/board into src/board.html, the page that the server shows at `/`.
board: _npm (_page "src/board.html")

# Builds the board into one file.
_page file:
    npm run --silent build --workspace revring-board -- --logLevel warn
    node examples/board/scripts/page.mjs {{ file }}

# Installs npm packages, when others are asked for than were installed last.
[script("bash")]
_npm:
    set -euo pipefail
    { command -v node && command -v npm; } >/dev/null || { echo "node and npm are missing: .ci/run install" >&2; exit 1; }
    cmp --silent package-lock.json node_modules/.installed-lock.json && exit
    npm ci --prefer-offline --no-audit --no-fund --loglevel=error
    cp package-lock.json node_modules/.installed-lock.json

# Run the server: `just serve --listen 127.0.0.1:7700`.
serve *args:
    cargo run --release --locked -- serve {{ args }}

# Run the conformance fixtures; `just conformance --url ws://127.0.0.1:7700/v1/ws` drives a running server.
conformance *args:
    cargo build --release --locked --package revring
    cargo run --release --locked --package revring-conformance -- run {{ args }}

# Criterion benches; arguments go to cargo: `just bench --bench codec`.
bench *args:
    cargo bench --workspace --locked {{ args }}

# Load scenarios, short: `just load`, `just load fanout ack`. The report is target/load/report.html.
load *names:
    mkdir -p target/load
    cargo build --release --locked --package revring --package revring-load
    cargo run --release --locked --package revring-load -- scenario --short --json target/load/report.json --html target/load/report.html {{ names }}

# Install the servers that revring is compared with; needs npm.
peers:
    benches/peers/install

# Carry out all scenarios in full, a quarter of an hour on a quiet machine, and write docs/results.md from what they find.
results:
    mkdir -p target/load
    cargo build --release --locked --package revring --package revring-load
    cargo run --release --locked --package revring-load -- scenario --json target/load/results.json --html target/load/results.html
    cargo run --release --locked --package revring-load -- page --from target/load/results.json --to docs

# Write the generated files again: JSON Schema of messages and fixtures, golden vectors.
generate:
    cargo run --locked --package revring-protocol --features schema --example generate
    cargo run --locked --package revring-conformance --features schema --example schema > conformance/schema/fixture.schema.json
