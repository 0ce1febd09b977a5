# `just` lists these; https://github.com/casey/just

_default:
    @just --list

# All tests on the default backend
test:
    cargo test

# The tests of the rules alone, after a change in one; not -p, which would build Burn again with other features
rules:
    cargo test --test rules

# The page of a report in a Chromium (OPTLAB_CHROMIUM, else chromium)
page:
    cargo test --test program -- report_page:: --ignored

# Format, clippy, spelling, and the dependencies' licences and advisories
lint:
    cargo fmt --check
    cargo clippy --all-targets -- -D warnings
    typos
    cargo deny check

# The API's documentation, warnings as errors
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps

# What a step of an optimizer, a training step, the training loop and 10,000 trials cost; on a machine with nothing else to do
bench:
    cargo bench --bench optimizer_step
    cargo bench --bench train_loop
    cargo bench --bench train_step
    cargo bench --bench scale

# Everything that has to pass
ci:
    .ci/run
