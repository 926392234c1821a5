//! Cargo, as a shell would call it.

use std::process::Command;

/// What `cargo run` tells us about our own package.
const OURS: [&str; 2] = ["CARGO_MANIFEST_", "CARGO_PKG_"];

/// Cargo without what the `cargo run` above us has set. Some build scripts look at it, so they would run
/// again, and most of the graph after them, whenever somebody changes between `cargo` and `cargo xtask`.
pub(crate) fn command() -> Command {
    let mut cargo = Command::new("cargo");
    for (name, _) in std::env::vars_os() {
        let ours = name
            .to_str()
            .is_some_and(|name| OURS.iter().any(|prefix| name.starts_with(prefix)));
        if ours {
            cargo.env_remove(name);
        }
    }
    cargo
}
