//! `wharf-load`: makes traffic on one side of a relay, takes it on the other, and says how it went.
//!
//! It knows ports and addresses only, never the program between them. A command first opens its
//! receiving end and prints where that is (`{"ready":..}`), waits on standard input for the address of
//! the relay (`go ADDRESS`), drives, and prints one JSON object. Each load is bounded in count and
//! time. What is measured of the relay itself (processor time, memory) is the driver's work.

mod bulk;
mod content;
mod control;
mod frames;
mod histogram;
mod idle;
mod poll;
mod rate;
mod rtt;
mod server;
mod setup;
mod shot;
mod sock;
mod splice;
mod storm;
mod tls;
mod udp;

use clap::{Parser, Subcommand};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Makes traffic for a relay, and measures what comes out of it.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    load: Load,
}

#[derive(Subcommand)]
enum Load {
    /// Octets as fast as they go, over one or many connections
    Bulk(bulk::Options),
    /// Connect, one octet each way, close: how often a second
    Rate(rate::Options),
    /// Ping-pong over open connections: how long a round trip takes
    Rtt(rtt::Options),
    /// Open connections that say nothing, in steps that standard input paces
    Idle(idle::Options),
    /// Datagrams at a rate, counted one by one at the other end
    Udp(udp::Options),
    /// Frames out by one device, counted where they come in by another
    Frames(frames::Options),
    /// Octets that are known beforehand, so that every one is checked
    Content(content::Options),
    /// Clients as nobody wants them
    Storm(storm::Options),
    /// TLS on one side of the relay
    Tls(tls::Options),
    /// Starts a program again and again, and measures from its start to its end
    Shot(shot::Options),
    /// Reads standard input to its end and counts
    Drain,
    /// A relay that is nothing but splice on two threads: what a relay could reach
    SpliceRelay(splice::Options),
}

fn main() -> Result<(), Failure> {
    match Cli::parse().load {
        Load::Bulk(options) => bulk::run(&options),
        Load::Rate(options) => rate::run(&options),
        Load::Rtt(options) => rtt::run(&options),
        Load::Idle(options) => idle::run(&options),
        Load::Udp(options) => udp::run(&options),
        Load::Frames(options) => frames::run(&options),
        Load::Content(options) => content::run(&options),
        Load::Storm(options) => storm::run(&options),
        Load::Tls(options) => tls::run(&options),
        Load::Shot(options) => shot::run(&options),
        Load::Drain => shot::drain(),
        Load::SpliceRelay(options) => splice::run(&options),
    }
}
