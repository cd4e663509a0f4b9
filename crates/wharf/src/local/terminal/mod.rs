//! What a person's terminal needs: raw mode, an escape key, its size, peers' text made harmless.
//!
//! A terminal outlives the program that changes it. So [`restore`] can be called from anywhere, a
//! panic hook for one, and a program that ends without unwinding must call it.
//! Not here: a terminal for a command (`pty`), serial lines.

mod keys;
mod raw;
mod screen;
pub(super) mod window;

pub(super) use keys::Keys;
pub use raw::{is_raw, restore, suspended};
pub(super) use screen::Screen;
