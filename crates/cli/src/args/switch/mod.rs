//! What `wharf switch` is told: ports with names, and what each of them is to be.
//!
//! A port is an address, with `NAME=` before it if it should have a name of its own; without one it is
//! called by its interface (`tap://sw0`) or else by its place on the line, from 1. What is said of a port
//! names it: it belongs to the switch and not to the address.
//! Not here: how values are read (`values.rs`), what is said of each port (`ports.rs`).

mod ports;
#[cfg(test)]
mod tests;
mod values;

use std::ffi::OsString;

use std::time::Duration;

use clap::Args;
use ipnet::IpNet;
use wharf::link::switch::{
    Learning, LoopGuard, PortSettings, Reserved, Settings, StormLimits, VlanId, Vlans,
};
use wharf::relay::many::{self, Member, Options};
use wharf::socket::env::Names;
use wharf::{Error, Result};

use self::ports::{member, ports, unique};
use self::values::{
    Named, Probe, VlanList, access, ageing, entries, frame, hold, interval, probe, storm, trunk,
};
use super::packets::{self, Pcap, PcapFlags};
use super::sides;
use super::value;

/// Flags of `wharf switch`.
#[derive(Debug, Args)]
pub struct SwitchFlags {
    /// [NAME=]ADDRESS: anything that carries frames; of one that listens, each peer is a port
    #[arg(required = true, value_name = "PORT")]
    pub ports: Vec<OsString>,

    /// Puts a port into one VLAN, without tags: NAME:10; ports that no flag names are in VLAN 1 then
    #[arg(long, value_name = "NAME:VLAN", value_parser = access, help_heading = "VLANs")]
    pub access: Vec<Named<VlanId>>,

    /// Has a port carry several VLANs, with tags: NAME:10,20-29 or NAME:all
    #[arg(long, value_name = "NAME:VLANS", value_parser = trunk, help_heading = "VLANs")]
    pub trunk: Vec<Named<VlanList>>,

    /// The VLAN of a trunk that goes without tags; without this, untagged frames are dropped there
    #[arg(long, value_name = "NAME:VLAN", value_parser = access, help_heading = "VLANs")]
    pub native: Vec<Named<VlanId>>,

    /// Keeps a port from talking with other isolated ports
    #[arg(long, value_name = "NAME", help_heading = "VLANs")]
    pub isolated: Vec<String>,

    /// Learns nothing: every frame goes to every port
    #[arg(long, help_heading = "Forwarding")]
    pub hub: bool,

    /// How long a silent address is remembered
    #[arg(
        long,
        value_name = "TIME",
        default_value = "5m",
        value_parser = ageing,
        help_heading = "Forwarding"
    )]
    pub ageing: Duration,

    /// Addresses that are remembered at most; further ones are not learned, and flooded
    #[arg(
        long,
        value_name = "N",
        default_value = "16384",
        value_parser = entries,
        help_heading = "Forwarding"
    )]
    pub max_entries: usize,

    /// Addresses of one port at most; a quarter of --max-entries unless it is given
    #[arg(long, value_name = "N", value_parser = entries, help_heading = "Forwarding")]
    pub max_port_entries: Option<usize>,

    /// Drops longer frames
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "65535",
        value_parser = frame,
        help_heading = "Forwarding"
    )]
    pub max_frame: usize,

    /// Forwards what is for the neighbour alone, too: spanning tree, LACP, LLDP; not pause frames
    #[arg(long, help_heading = "Forwarding")]
    pub forward_reserved: bool,

    /// Frames a second that each port may flood: 1000 of each sort, or broadcast=100,multicast=5000,unknown=1000
    #[arg(
        long,
        value_name = "RATE",
        value_parser = storm,
        help_heading = "Loops and storms"
    )]
    pub storm_limit: Option<StormLimits>,

    /// How often each port is probed for loops, or off
    #[arg(
        long,
        value_name = "TIME|off",
        default_value = "2s",
        value_parser = probe,
        help_heading = "Loops and storms"
    )]
    pub loop_probe: Probe,

    /// How long a port that makes a loop is blocked, at least
    #[arg(
        long,
        value_name = "TIME",
        default_value = "10s",
        value_parser = hold,
        help_heading = "Loops and storms"
    )]
    pub loop_hold: Duration,

    /// Peers of listening ports at a time; further ones are turned away
    #[arg(
        long,
        value_name = "N",
        default_value = "256",
        value_parser = value::positive,
        help_heading = "Ports"
    )]
    pub max_peers: usize,

    /// Frames that wait for a slow port; more are dropped and counted
    #[arg(
        long,
        value_name = "N",
        default_value = "1024",
        value_parser = value::positive,
        help_heading = "Ports"
    )]
    pub queue: usize,

    /// Takes only peers from there; may be repeated or a list
    #[arg(
        long = "allow",
        id = "switch-allow",
        value_name = "CIDR",
        value_delimiter = ',',
        value_parser = value::network,
        help_heading = "Ports"
    )]
    pub allow: Vec<IpNet>,

    /// Takes no peers from there, even where --allow does
    #[arg(
        long = "deny",
        id = "switch-deny",
        value_name = "CIDR",
        value_delimiter = ',',
        value_parser = value::network,
        help_heading = "Ports"
    )]
    pub deny: Vec<IpNet>,

    /// Shows ports, counters and addresses all the time: a view on a terminal, JSON lines on standard
    /// output elsewhere
    #[arg(long, help_heading = "What is said")]
    pub show: bool,

    /// How often that is
    #[arg(
        long,
        value_name = "TIME",
        default_value = "1s",
        value_parser = interval,
        help_heading = "What is said"
    )]
    pub interval: Duration,

    #[command(flatten)]
    pub pcap: PcapFlags,

    /// Tells what would be done, and opens nothing
    #[arg(long = "dry-run", id = "switch-dry-run", help_heading = "What is said")]
    pub dry_run: bool,
}

/// A switch, ready to run.
#[derive(Debug)]
pub struct Switch {
    pub members: Vec<Member>,
    pub ports: Vec<PortSettings>,
    pub settings: Settings,
    pub options: Options,
    pub names: Names,
    /// How often it is shown, if it is.
    pub show: Option<Duration>,
    /// Where what passes is captured.
    pub pcap: Option<Pcap>,
}

/// Puts together what was typed.
///
/// # Errors
/// Kind `Usage`: an address is wrong or carries no frames, a name is used twice or unknown, or what is
/// said of a port does not fit together.
pub fn plan(flags: SwitchFlags, names: Names) -> Result<Switch> {
    let mut members = Vec::new();
    for (number, typed) in (1usize..).zip(&flags.ports) {
        members.push(member(number, sides::text(typed)?)?);
    }
    unique(&members)?;
    let options = Options {
        max_peers: flags.max_peers,
        queue: flags.queue,
        allow: flags.allow.clone(),
        deny: flags.deny.clone(),
        ..Options::default()
    };
    many::check(&members, &options)?;
    if let [only] = &members[..]
        && !only.endpoint.is_listener()
    {
        return Err(Error::usage("one port alone has nobody to talk with")
            .hint(format!("wharf switch {} tap://sw0", only.endpoint)));
    }
    let listens = members.iter().any(|member| member.endpoint.is_listener());
    let guards = !flags.allow.is_empty() || !flags.deny.is_empty();
    if guards && !listens {
        let reason = "--allow and --deny are about who may connect, and no port listens";
        return Err(Error::usage(reason));
    }
    if flags.pcap.pcap_at.is_some() {
        return Err(Error::usage(
            "--pcap-at is of a relay; a switch captures the frames of its ports",
        )
        .hint("--pcap FILE alone"));
    }
    let endpoints: Vec<_> = members.iter().map(|member| &member.endpoint).collect();
    Ok(Switch {
        pcap: packets::pcap(&flags.pcap, &endpoints)?,
        ports: ports(&members, &flags)?,
        settings: settings(&flags),
        options,
        names,
        show: flags.show.then_some(flags.interval),
        members,
    })
}

fn settings(flags: &SwitchFlags) -> Settings {
    let has_vlans = !(flags.access.is_empty() && flags.trunk.is_empty() && flags.native.is_empty());
    Settings {
        ageing: flags.ageing,
        max_entries: flags.max_entries,
        max_port_entries: flags
            .max_port_entries
            .unwrap_or((flags.max_entries / 4).max(1)),
        max_frame: flags.max_frame,
        reserved: match flags.forward_reserved {
            true => Reserved::Forward,
            false => Reserved::Drop,
        },
        storms: flags.storm_limit.unwrap_or_default(),
        loops: match flags.loop_probe {
            Probe::Off => None,
            Probe::Every(interval) => Some(LoopGuard {
                interval,
                hold: flags.loop_hold,
            }),
        },
        vlans: match has_vlans {
            true => Vlans::Aware,
            false => Vlans::Transparent,
        },
        learning: match flags.hub {
            true => Learning::Off,
            false => Learning::On,
        },
    }
}
