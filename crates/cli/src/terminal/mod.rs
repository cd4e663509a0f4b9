//! What people and programs see on standard error: messages, events, progress.
//!
//! Standard output is data (or a command's answer) and never written here. [`Voice`] decides what
//! is said at all; `text.rs` says it in words, `json.rs` in JSON lines, from the same [`Event`].

pub mod answer;
pub mod event;
pub mod fault;
pub mod json;
pub mod progress;
pub mod schema;
pub mod switch;
pub mod text;
pub mod voice;

pub use event::Event;
pub use voice::Voice;
