//! What the program does, a file a command. Each takes its part of the job and gives how it ended.

pub mod capture;
pub mod cert;
pub mod completions;
pub mod dump;
pub mod endpoints;
pub mod explain;
pub mod get;
pub mod help;
pub mod man;
pub mod passwd;
pub mod ping;
pub mod probe;
pub mod put;
pub mod relay;
pub mod serve;
pub mod sheet;
pub mod switch;

use std::path::Path;

use wharf::{Endpoint, Error};

/// Why what a command was to read could not be opened. Of a file that is not there: what to do about it where
/// nothing is to be made of that name.
fn unread(from: &Endpoint, error: Error) -> Error {
    let text = from.address_text();
    let path = text.split_once(':').map_or(text, |(_, path)| path);
    let makes_it = error
        .try_this()
        .is_some_and(|hint| hint.contains("#create"));
    let Some(folder) = Path::new(path).parent().filter(|_| makes_it) else {
        return error;
    };
    let folder = folder.display();
    error.hint(format!(
        "name a file that is there (ls {folder} shows them), or - for standard input"
    ))
}
