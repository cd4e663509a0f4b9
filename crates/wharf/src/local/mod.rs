//! The local machine: standard streams, files, commands, terminals, and built-in ends.

pub mod builtin;
