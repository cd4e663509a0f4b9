//! Flags about packets: `--pcap` of whatever relays, and `wharf dump`; and what they mean.
//!
//! Not here: what is done then (`commands/capture.rs`, `commands/dump`).

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;
use wharf::socket::env::Names;
use wharf::{Endpoint, Error, Result};

use super::{sides, value};
use crate::commands::relay::is_stdio;

/// Flags of a capture.
#[derive(Debug, Default, Args)]
pub struct PcapFlags {
    /// Captures what passes into FILE (pcapng, for Wireshark and wharf dump), what TLS decrypted, too;
    /// - is standard output, where that is free
    #[arg(long, value_name = "FILE", help_heading = "What is said")]
    pub pcap: Option<PathBuf>,

    /// Keeps so many octets of each captured packet; all of them unless it is given
    #[arg(
        long,
        value_name = "SIZE",
        requires = "pcap",
        value_parser = value::length,
        help_heading = "What is said"
    )]
    pub pcap_snaplen: Option<usize>,

    /// Captures what this layer gives, on each side that has it, instead of what the relay moves: tcp for
    /// what TLS encrypted
    #[arg(
        long,
        value_name = "LAYER",
        requires = "pcap",
        help_heading = "What is said"
    )]
    pub pcap_at: Option<String>,
}

/// Flags of `wharf dump`.
#[derive(Debug, Args)]
pub struct DumpFlags {
    /// A capture, or an address: ./file.pcapng, eth://lo, tap://tap0
    #[arg(required = true, value_name = "FILE|ADDRESS")]
    pub source: OsString,

    /// Ends after so many packets
    #[arg(long, short = 'c', value_name = "N", value_parser = value::positive)]
    pub count: Option<usize>,

    /// Shows the octets of each packet, too
    #[arg(short = 'x', long)]
    pub hexdump: bool,
}

/// A capture that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pcap {
    /// The file; `-` is standard output.
    pub file: PathBuf,
    /// So many octets of each packet are kept.
    pub snaplen: usize,
    /// The layer that is captured, unless it is what passes between the sides.
    pub at: Option<&'static str>,
}

impl Pcap {
    /// Whether it goes to standard output.
    pub fn is_stdout(&self) -> bool {
        self.file.as_os_str() == "-"
    }
}

/// Packets that are to be printed.
#[derive(Debug)]
pub struct Dump {
    /// Where they come from: a stream that is a capture, or an endpoint that gives packets.
    pub source: Endpoint,
    /// After so many it ends.
    pub count: Option<usize>,
    pub hexdump: bool,
    pub json: bool,
    pub names: Names,
}

/// The capture that is wanted of what passes between `sides`.
///
/// # Errors
/// It would go to a standard output that one of them has.
pub fn pcap(flags: &PcapFlags, sides: &[&Endpoint]) -> Result<Option<Pcap>> {
    let Some(file) = flags.pcap.clone() else {
        return Ok(None);
    };
    let snaplen = flags.pcap_snaplen.unwrap_or(wharf::observe::pcap::WHOLE);
    let at = flags.pcap_at.as_deref();
    let at = at.map(|name| layer(name, sides)).transpose()?;
    let pcap = Pcap { file, snaplen, at };
    if pcap.is_stdout() && sides.iter().any(|side| is_stdio(side)) {
        return Err(
            Error::usage("--pcap -: standard output is a side of the relay")
                .hint("--pcap FILE, or a FIFO that a tool reads"),
        );
    }
    Ok(Some(pcap))
}

/// The layer of that name in one of the stacks.
fn layer(name: &str, sides: &[&Endpoint]) -> Result<&'static str> {
    let mut known: Vec<_> = sides
        .iter()
        .flat_map(|side| side.layers())
        .map(|layer| layer.scheme.name)
        .collect();
    if let Some(found) = known.iter().find(|known| **known == name) {
        return Ok(found);
    }
    known.sort_unstable();
    known.dedup();
    Err(
        Error::usage(format!("--pcap-at {name}: no side has such a layer"))
            .hint(format!("one of {}", known.join(", "))),
    )
}

/// The packets that are to be printed.
///
/// # Errors
/// It is no address.
pub fn dump(flags: DumpFlags, names: Names, json: bool) -> Result<Dump> {
    let text = sides::text(&flags.source)?;
    // A file without a folder is meant more often than a host without a port.
    let is_bare = !text.contains([':', '/']) && text != "-";
    let source = match is_bare || Path::new(&text).exists() && !text.starts_with('/') {
        true => Endpoint::parse(&format!("./{text}"))?,
        false => Endpoint::parse(text)?,
    };
    Ok(Dump {
        source,
        count: flags.count,
        hexdump: flags.hexdump,
        json,
        names,
    })
}
