//! The local machine: standard streams, files, commands, terminals, and built-in ends.

mod ahead;
mod behind;
pub mod builtin;
mod child;
mod command;
pub mod exec;
pub mod fd;
pub mod file;
mod follow;
mod half;
mod path;
pub mod pipe;
pub mod pty;
pub mod serial;
pub mod stdio;
pub mod terminal;
#[cfg(test)]
mod testing;
mod words;
