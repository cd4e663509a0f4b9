//! What the source may use: of itself (the arrows of the architecture) and of others (licences).
//!
//! Cargo holds the first line, because a crate sees only what its manifest names; these tests hold
//! the arrows inside a crate, which no compiler checks. They read the source; they build nothing.
//! Each checker is tested on snippets that break its rule, so that it can be seen to fail.

mod arrows;
mod licences;
mod manners;
mod source;
mod tokens;

use std::path::{Path, PathBuf};

/// The folder of the workspace.
fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .expect("the workspace")
}

/// Fails with all findings at once, a line each.
#[track_caller]
fn assert_none(findings: Vec<String>) {
    assert!(
        findings.is_empty(),
        "{} findings:\n{}",
        findings.len(),
        findings.join("\n")
    );
}
