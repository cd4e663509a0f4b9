//! The `wharf` program as a person meets it: each test runs the real binary, with real peers.
//!
//! A module is a section of the checklist of what experienced users expect.
//! Not here: every pair of endpoints (`matrix`), long conversations with other tools (`interop`).

mod bad_input;
mod bulk;
mod closing;
mod datagrams;
mod docs;
mod eof;
mod explain;
mod files;
mod help;
mod inherited;
mod limits;
mod mistakes;
mod names;
mod probe;
mod recipes;
mod report;
mod serving;
mod signals;
mod switch;
mod tables;
mod terminal;
mod transfers;
