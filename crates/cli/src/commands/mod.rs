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
