//! What a person's terminal needs: peers' text made harmless.
//!
//! Not here: a terminal for a command (`pty`), serial lines.

mod screen;

pub(super) use screen::Screen;
