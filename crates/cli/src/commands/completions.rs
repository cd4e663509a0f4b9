//! `wharf completions`: what a shell needs to finish words.

use clap_complete::Shell;

use crate::args::command;

/// The script for one shell.
pub fn script(shell: Shell) -> String {
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut command(), "wharf", &mut out);
    String::from_utf8_lossy(&out).into_owned()
}
