//! The values that flags of `wharf switch` have: read as they are typed, refused with what is wanted.
//!
//! Not here: what they come to together (`mod.rs`, `ports.rs`).

use std::num::NonZeroU32;
use std::time::Duration;

use wharf::link::switch::{StormLimits, VlanId, VlanSet};
use wharf::socket::units;

/// Something that is said of a port.
#[derive(Clone, Debug)]
pub struct Named<T> {
    pub(super) name: String,
    pub(super) value: T,
}

/// VLANs, as a flag holds them.
#[derive(Clone, Debug)]
pub struct VlanList(pub(super) Box<VlanSet>);

/// How often a port is probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// So often.
    Every(Duration),
    /// Never.
    Off,
}

pub(super) fn named(text: &str) -> Result<(String, &str), String> {
    let wanted = "the name of a port, a colon and what it is to be are wanted, such as lan:10";
    let (name, value) = text.rsplit_once(':').ok_or(wanted)?;
    match name.is_empty() || value.is_empty() {
        true => Err(wanted.into()),
        false => Ok((name.to_owned(), value)),
    }
}

pub(super) fn vlan(text: &str) -> Result<VlanId, String> {
    let number = text.parse().ok().and_then(VlanId::new);
    number.ok_or_else(|| format!("{text} is no VLAN; they are 1 to 4094"))
}

pub(super) fn access(text: &str) -> Result<Named<VlanId>, String> {
    let (name, value) = named(text)?;
    let value = vlan(value)?;
    Ok(Named { name, value })
}

pub(super) fn trunk(text: &str) -> Result<Named<VlanList>, String> {
    let (name, list) = named(text)?;
    let mut vlans = VlanSet::new();
    for part in list.split(',') {
        match part.split_once('-') {
            _ if part == "all" => vlans = VlanSet::all(),
            None => vlans.insert(vlan(part)?),
            Some((first, last)) => {
                let (first, last) = (vlan(first)?, vlan(last)?);
                if first > last {
                    return Err(format!("{part}: the range ends before it begins"));
                }
                let numbers = first.number()..=last.number();
                numbers
                    .filter_map(VlanId::new)
                    .for_each(|vlan| vlans.insert(vlan));
            }
        }
    }
    let value = VlanList(Box::new(vlans));
    Ok(Named { name, value })
}

pub(super) fn entries(text: &str) -> Result<usize, String> {
    const MOST: usize = 1 << 20;
    let number = text.parse().ok().filter(|n| (1..=MOST).contains(n));
    number.ok_or_else(|| format!("a whole number from 1 to {MOST} is wanted"))
}

pub(super) fn frame(text: &str) -> Result<usize, String> {
    let octets = units::parse_size(text)?;
    let fits = usize::try_from(octets)
        .ok()
        .filter(|n| (60..=65_535).contains(n));
    fits.ok_or_else(|| "a size from 60 to 65535 octets is wanted".into())
}

pub(super) fn at_least(text: &str, least: Duration) -> Result<Duration, String> {
    let time = units::parse_duration(text)?;
    match time < least {
        true => Err(format!("{} is the least", units::format_duration(least))),
        false => Ok(time),
    }
}

pub(super) fn ageing(text: &str) -> Result<Duration, String> {
    at_least(text, Duration::from_secs(1))
}

pub(super) fn hold(text: &str) -> Result<Duration, String> {
    at_least(text, Duration::from_secs(1))
}

pub(super) fn interval(text: &str) -> Result<Duration, String> {
    at_least(text, Duration::from_millis(100))
}

pub(super) fn probe(text: &str) -> Result<Probe, String> {
    match text {
        "off" | "no" => Ok(Probe::Off),
        _ => at_least(text, Duration::from_millis(100)).map(Probe::Every),
    }
}

pub(super) fn storm(text: &str) -> Result<StormLimits, String> {
    let rate = |text: &str| {
        let text = text.strip_suffix("/s").unwrap_or(text);
        let rate = text.parse::<NonZeroU32>();
        rate.map_err(|_| "a number of frames a second is wanted, from 1 on".to_owned())
    };
    if !text.contains('=') {
        return Ok(StormLimits::each(rate(text)?));
    }
    let mut limits = StormLimits::default();
    for part in text.split(',') {
        let (sort, value) = part.split_once('=').unwrap_or((part, ""));
        let limit = Some(rate(value)?);
        match sort {
            "broadcast" => limits.broadcast = limit,
            "multicast" => limits.multicast = limit,
            "unknown" => limits.unknown = limit,
            _ => return Err(format!("{sort}: broadcast, multicast or unknown is wanted")),
        }
    }
    Ok(limits)
}
