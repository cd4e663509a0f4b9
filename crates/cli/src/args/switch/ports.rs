//! The ports of a switch: their names, their endpoints, and what flags say of each.
//!
//! Not here: values of flags (`values.rs`).

use std::collections::HashSet;

use wharf::link::switch::{Isolation, Mode, PortSettings};
use wharf::relay::many::Member;
use wharf::socket::Role;
use wharf::socket::scheme::Layer;
use wharf::socket::units::nearest;
use wharf::{Endpoint, Error, Result};

use super::SwitchFlags;
use super::values::Named;

/// One port as it was typed.
pub(super) fn member(number: usize, typed: &str) -> Result<Member> {
    let (name, address) = split_name(typed);
    let endpoint = open_eared(Endpoint::parse(address)?)?;
    let name = match name {
        Some(name) => name.to_owned(),
        None => interface(&endpoint).unwrap_or_else(|| number.to_string()),
    };
    Ok(Member { name, endpoint })
}

/// The same endpoint, hearing what is meant for others too where it can be told to: a switch is for
/// others. An address that says `promiscuous` itself, either way, is left alone.
fn open_eared(endpoint: Endpoint) -> Result<Endpoint> {
    const OPTION: &str = "promiscuous";
    let mut layers = endpoint.layers().iter();
    let is_deaf = layers.any(|layer| {
        let knows = layer.scheme.specs().any(|spec| spec.name == OPTION);
        knows && !layer.settings.is_given(OPTION)
    });
    if !is_deaf {
        return Ok(endpoint);
    }
    let text = endpoint.address().to_string_with_secrets();
    let joint = if text.contains('#') { ',' } else { '#' };
    Endpoint::parse(&format!("{text}{joint}{OPTION}"))
}

/// The name before `=`, if what stands there can be one: no address begins like that.
pub(super) fn split_name(typed: &str) -> (Option<&str>, &str) {
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    match typed.split_once('=') {
        Some((name, address)) if is_name(name) => (Some(name), address),
        _ => (None, typed),
    }
}

/// The name of the network interface that an endpoint is.
fn interface(endpoint: &Endpoint) -> Option<String> {
    let [layer] = endpoint.layers() else {
        return None;
    };
    let text = endpoint.address_text();
    let name = text.split_once("://")?.1.split(['#', '/', '?']).next()?;
    let is_device = layer.scheme.layer == Layer::Link && layer.role == Role::Client;
    (is_device && !name.is_empty()).then(|| name.to_owned())
}

pub(super) fn unique(members: &[Member]) -> Result<()> {
    let mut seen = HashSet::new();
    for Member { name, .. } in members {
        if !seen.insert(name.as_str()) {
            return Err(Error::usage(format!("two ports are called {name}"))
                .hint("NAME=ADDRESS gives a port a name of its own"));
        }
    }
    Ok(())
}

/// What each port is to be.
pub(super) fn ports(members: &[Member], flags: &SwitchFlags) -> Result<Vec<PortSettings>> {
    let find = |flag: &str, name: &str| {
        let found = members.iter().position(|member| member.name == name);
        found.ok_or_else(|| unknown(flag, name, members))
    };
    let mut modes: Vec<Option<Mode>> = vec![None; members.len()];
    let mut natives = vec![None; members.len()];
    for Named { name, value } in &flags.access {
        let at = find("--access", name)?;
        if modes[at].replace(Mode::Access(*value)).is_some() {
            return Err(Error::usage(format!("port {name} is in one VLAN already"))
                .hint(format!("--trunk {name}:10,20 has it carry several")));
        }
    }
    for Named { name, value } in &flags.native {
        let at = find("--native", name)?;
        if natives[at].replace(*value).is_some() {
            return Err(Error::usage(format!(
                "port {name} has a native VLAN already"
            )));
        }
    }
    for Named { name, value } in &flags.trunk {
        let at = find("--trunk", name)?;
        let (tagged, native) = (value.0.clone(), natives[at].take());
        if modes[at].replace(Mode::Trunk { tagged, native }).is_some() {
            let reason = format!("port {name} is told twice which VLANs it has");
            return Err(Error::usage(reason)
                .hint("--access puts it into one, --trunk has it carry several with tags"));
        }
    }
    if let Some(at) = natives.iter().position(Option::is_some) {
        let name = &members[at].name;
        return Err(
            Error::usage(format!("port {name} has a native VLAN and is no trunk")).hint(format!(
                "--trunk {name}:10,20 beside --native, or --access {name}:10"
            )),
        );
    }
    let modes = modes.into_iter().map(|mode| PortSettings {
        mode: mode.unwrap_or_default(),
        isolation: Isolation::Open,
    });
    let mut ports: Vec<PortSettings> = modes.collect();
    for name in &flags.isolated {
        ports[find("--isolated", name)?].isolation = Isolation::Isolated;
    }
    Ok(ports)
}

fn unknown(flag: &str, name: &str, members: &[Member]) -> Error {
    let names = || members.iter().map(|member| member.name.as_str());
    let error = Error::usage(format!("{flag} {name}: there is no port of that name"));
    match nearest(name, names()) {
        Some(near) => error.hint(format!("did you mean {near}?")),
        None => error.hint(format!("ports: {}", names().collect::<Vec<_>>().join(", "))),
    }
}
