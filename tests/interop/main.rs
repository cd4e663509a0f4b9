//! wharf with real peers, as their client and as their server: a module a protocol.
//!
//! Not here: how the program itself behaves (`cli`), every pair of endpoints (`matrix`).

mod captures;
mod devices;
mod examples;
mod hosts;
mod http;
mod inetd;
mod network;
mod options;
mod peers;
mod serve;
mod switch;
mod telnet;
mod tls;
mod transfers;
mod unix;
mod vsock;
