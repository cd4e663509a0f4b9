//! The local machine: standard streams, files, commands, terminals, and built-in ends.

pub mod builtin;
mod half;
pub mod stdio;
pub mod terminal;
