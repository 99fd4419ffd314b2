# `just` lists what there is to do.

_default:
    @just --list

# Serve on port 3000, with the log at debug
dev:
    cargo run -- --log hubbub=debug

# Three nodes and three NATS servers on this machine, ports 3001 to 3003; needs nats-server 2.15
nodes:
    cargo build --release --locked
    .nodes/run

# A power cut of three NATS servers and two nodes; as root, with loop devices. `power-cut 2m` is what NATS has by itself, and loses
power-cut *SYNC:
    cargo build --release --locked
    .nodes/power-cut {{SYNC}}

# Format, lint and documentation, warnings denied
check:
    cargo fmt --check
    cargo clippy --locked --all-targets -- --deny warnings
    cargo clippy --locked --test clients --test slow -- --deny warnings
    # What only a release build has.
    cargo clippy --locked --release --lib --features internals -- --deny warnings
    RUSTDOCFLAGS="--deny warnings" cargo doc --locked --no-deps --document-private-items
    ! grep -n :// static/package-lock.json tests/browser/package-lock.json \
        tests/clients/node/package-lock.json tests/clients/python/requirements.txt

# Licences, sources and what is banned; needs cargo-deny
deny:
    cargo deny --locked --config .deny.toml check --hide-inclusion-graph licenses bans sources

# What the README calls: everything that needs only Rust and Node
test:
    cargo test --locked

# The page in a real Chromium, which must be there, and in Firefox and WebKit, where they are
browser:
    HUBBUB_BROWSER=required cargo test --locked --test browser

# The README's pictures, made anew in a real Chromium
pictures:
    HUBBUB_BROWSER=required cargo test --locked --test browser -- --ignored pictures::

# Clients in Python, Node, Go and curl follow a room over a stop and a kill; what is missing is said
clients:
    cargo test --locked --test clients

# What takes long, or asserts speed, processor time or memory
slow:
    cargo test --locked --test slow -- --test-threads=1

# Senders and readers on a network that breaks, over deaths; then the books. As `messages=50000 seed=7`, or `nodes=3 servers=3`
audit *SIZE:
    HUBBUB_AUDIT_READERS=20 HUBBUB_AUDIT_SENDERS=8 \
    {{ if SIZE =~ "nodes=" { "HUBBUB_AUDIT_MESSAGES=2000 HUBBUB_AUDIT_DEATHS=8" } else { "HUBBUB_AUDIT_MESSAGES=5000 HUBBUB_AUDIT_DEATHS=3" } }} \
    {{ uppercase(replace_regex(SIZE, '(\w+)=', 'HUBBUB_AUDIT_$1=')) }} \
    cargo test --locked --test it -- --nocapture \
    {{ if SIZE =~ "nodes=" { "audit::nodes" } else { "audit:: --skip audit::nodes" } }}

# The load benches for some seconds each: for what they assert, not for their figures
smoke:
    cargo bench --locked --bench cores --bench fanout --bench flood --bench idle --bench isolation --bench page \
        --bench reconnect --bench rooms --bench slow --bench small --bench tls -- --quick

# A binary that needs no library, for x86_64-unknown-linux-musl or aarch64-unknown-linux-musl
release target:
    rustup target add {{target}}
    CC=musl-gcc cargo build --locked --release --target {{target}}
    tar -C target/{{target}}/release -czf target/hubbub-{{target}}.tar.gz hubbub

# The Debian package, built, unpacked and run; needs cargo-deb
package:
    .ci/package

# What continuous integration runs; a missing browser or language fails it
ci:
    HUBBUB_BROWSER=required just test
    just check
    just deny
    just package
    HUBBUB_CLIENTS=required just clients
    just slow
    just audit
    just audit nodes=3 servers=3
    just smoke

# What is ours of a delivery, without the kernel: a change is judged in seconds
micro:
    cargo bench --locked --bench micro --features internals

# The figures of the README; `just bench --bench fanout -- 1000` for one of them
bench *ARGS:
    cargo bench --locked {{ARGS}}
