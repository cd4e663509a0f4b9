//! The local machine: standard streams, files, commands, terminals, and built-in ends.

pub mod builtin;
mod child;
mod command;
pub mod exec;
mod half;
pub mod pipe;
pub mod stdio;
pub mod terminal;
#[cfg(test)]
mod testing;
mod words;
