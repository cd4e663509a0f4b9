//! Which layer of a stack takes which option.
//!
//! Options are one flat list in an address; each layer takes those that it declares. What no layer
//! declares is an error with the nearest name; what two declare is an error that says how to name
//! the layer. What a layer of the stack declares goes before what one only uses ([`Scheme::uses`]).

use super::GENERAL;
use crate::socket::address::{Address, Role};
use crate::socket::error::{Error, Result};
use crate::socket::options::{Given, GivenValue, OptionKind, OptionSpec};
use crate::socket::scheme::Scheme;
use crate::socket::settings::{self, Settings, Value};
use crate::socket::units::nearest;

/// What each layer is told, top first, and what the stack itself sees to.
pub(super) struct Assigned {
    pub(super) layers: Vec<Own>,
    pub(super) general: Settings,
}

/// What one layer is told.
#[derive(Clone)]
pub(super) struct Own {
    pub(super) role: Role,
    pub(super) settings: Settings,
    /// For each scheme that it uses, in that order.
    pub(super) used: Vec<(&'static Scheme, Settings)>,
}

/// Who takes an option.
#[derive(Clone, Copy)]
enum Taker {
    Stack,
    Layer(usize),
    /// The layer of this number, for the scheme of that number among those that it uses.
    Used(usize, usize),
}

/// Gives each layer its options, and the stack its own.
///
/// # Errors
/// Kind `Usage`, pointing at the option or its value.
pub(super) fn distribute(address: &Address) -> Result<Assigned> {
    let mut taken = Vec::new();
    for given in address.options() {
        let point = |error| address.point(error, given.offset);
        let (taker, spec) = taker(address, given).map_err(point)?;
        let nested = |_: &str| address.parse_nested(given);
        let value = settings::check(spec, given.value.as_ref(), &nested)
            .map_err(|error| point_at_value(address, given, error))?;
        taken.push((given, taker, spec, value));
    }
    let mut assigned = Assigned {
        layers: address
            .layers()
            .iter()
            .map(|layer| Own::of(layer, address))
            .collect(),
        general: Settings::default(),
    };
    // The role of a layer decides which of its other options mean something.
    for (_, taker, spec, value) in &taken {
        if let (Taker::Layer(n), "role", Value::Text(role)) = (taker, spec.name, value)
            && let Some(own) = assigned.layers.get_mut(*n)
        {
            own.role = match role.as_str() {
                "server" => Role::Server,
                _ => Role::Client,
            };
        }
    }
    for (given, taker, spec, value) in taken {
        let point = |error| address.point(error, given.offset);
        let (role, settings) = match taker {
            Taker::Stack => (address.role(), &mut assigned.general),
            Taker::Layer(n) => match assigned.layers.get_mut(n) {
                Some(own) => (own.role, &mut own.settings),
                None => continue,
            },
            Taker::Used(n, k) => {
                let own = assigned.layers.get_mut(n);
                match own.and_then(|own| Some((own.role, own.used.get_mut(k)?))) {
                    Some((role, (_, settings))) => (role, settings),
                    None => continue,
                }
            }
        };
        if !spec.roles.has(role) {
            return Err(point(unfit(spec, role)));
        }
        settings.give(spec, value).map_err(point)?;
    }
    for (own, scheme) in assigned.layers.iter_mut().zip(address.layers()) {
        let role = own.role;
        let all = std::iter::once((*scheme, &mut own.settings));
        let used = own.used.iter_mut().map(|(scheme, told)| (*scheme, told));
        for (scheme, settings) in all.chain(used) {
            for spec in scheme.specs().filter(|spec| spec.roles.has(role)) {
                settings.fill(spec)?;
            }
        }
    }
    for spec in GENERAL.iter().filter(|spec| spec.roles.has(address.role())) {
        assigned.general.fill(spec)?;
    }
    Ok(assigned)
}

impl Own {
    fn of(layer: &Scheme, address: &Address) -> Own {
        let used = used_by(layer, address).map(|scheme| (scheme, Settings::default()));
        Own {
            role: address.role(),
            settings: Settings::default(),
            used: used.collect(),
        }
    }
}

/// The schemes that a layer uses, as the catalog has them.
fn used_by(layer: &Scheme, address: &Address) -> impl Iterator<Item = &'static Scheme> {
    let catalog = address.catalog();
    layer.uses.iter().filter_map(|name| catalog.scheme(name))
}

/// An error in a nested address points into it already.
fn point_at_value(address: &Address, given: &Given, error: Error) -> Error {
    match error.pointer() {
        Some(_) => error,
        None if given.value.is_none() => address.point(error, given.offset),
        None => address.point(error, given.value_at),
    }
}

fn unfit(spec: &OptionSpec, role: Role) -> Error {
    let (this, other) = match role {
        Role::Client => ("opens", "listens"),
        Role::Server => ("listens", "opens"),
    };
    Error::usage(format!(
        "{} is for a side that {other}, and this one {this}",
        spec.name
    ))
}

/// Finds the one layer that takes an option.
fn taker(address: &Address, given: &Given) -> Result<(Taker, &'static OptionSpec)> {
    let name = given.name.as_str();
    if let Some(used) = taken_by_used(address, given) {
        return Ok(used);
    }
    let meant = meant_layers(address, given)?;
    let takers: Vec<(usize, &'static OptionSpec)> = meant
        .iter()
        .filter_map(|(n, scheme)| Some((*n, scheme.spec(name)?)))
        .collect();
    match takers.as_slice() {
        [(n, spec)] => return Ok((Taker::Layer(*n), spec)),
        [] => {}
        several => {
            let ways: Vec<String> = several
                .iter()
                .map(|(n, _)| format!("{}.{name}", layer_name(address, *n)))
                .collect();
            let reason = format!("several layers of {} have an option {name}", stack(address));
            return Err(Error::usage(reason).hint(ways.join(" or ")));
        }
    }
    let general = GENERAL.iter().filter(|_| given.layer.is_none());
    if let Some(spec) = general.clone().find(|spec| spec.name == name) {
        return Ok((Taker::Stack, spec));
    }
    let known = meant
        .iter()
        .flat_map(|(_, scheme)| scheme.specs())
        .chain(general);
    Err(unknown(address, given, &meant, known))
}

/// The scheme that a layer uses and that takes an option which no layer of the stack takes.
fn taken_by_used(address: &Address, given: &Given) -> Option<(Taker, &'static OptionSpec)> {
    let layers = || address.layers().iter().enumerate();
    let named = |scheme: &Scheme| match &given.layer {
        Some((layer, _)) => scheme.name == layer || scheme.aliases.contains(&layer.as_str()),
        None => true,
    };
    if layers().any(|(_, layer)| named(layer) && layer.spec(&given.name).is_some()) {
        return None;
    }
    layers().find_map(|(n, layer)| {
        let mut used = used_by(layer, address).enumerate();
        used.find_map(|(k, scheme)| {
            let spec = scheme.spec(&given.name).filter(|_| named(scheme))?;
            Some((Taker::Used(n, k), spec))
        })
    })
}

/// The layers that may take an option: all, or the one that is named before its dot.
fn meant_layers(address: &Address, given: &Given) -> Result<Vec<(usize, &'static Scheme)>> {
    let all = address.layers().iter().copied().enumerate();
    let Some((layer, index)) = &given.layer else {
        return Ok(all.collect());
    };
    let mut named: Vec<_> = all
        .filter(|(_, s)| s.name == layer || s.aliases.contains(&layer.as_str()))
        .collect();
    if named.is_empty() {
        let error = Error::usage(format!("there is no layer {layer} in {}", stack(address)));
        return Err(error.hint(format!("{}.{}", layer_name(address, 0), given.name)));
    }
    let Some(index) = index else {
        return Ok(named);
    };
    // Counted from the top: tls[0] is the upper of two.
    let last = named.len() - 1;
    if *index > last {
        let reason = format!("there is no layer {layer}[{index}] in {}", stack(address));
        return Err(Error::usage(reason).hint(format!("{layer}[{last}].{}", given.name)));
    }
    Ok(vec![named.swap_remove(*index)])
}

/// How an option names its layer, the number included where there are several of that name.
fn layer_name(address: &Address, n: usize) -> String {
    let layers = address.layers();
    let Some(layer) = layers.get(n) else {
        return String::new();
    };
    let same = |layers: &[&Scheme]| layers.iter().filter(|l| l.name == layer.name).count();
    match same(layers) {
        1 => layer.name.to_owned(),
        _ => format!(
            "{}[{}]",
            layer.name,
            same(layers.get(..n).unwrap_or_default())
        ),
    }
}

fn stack(address: &Address) -> String {
    let names: Vec<&str> = address.layers().iter().map(|layer| layer.name).collect();
    names.join("+")
}

/// Nobody takes it: says what is near.
fn unknown(
    address: &Address,
    given: &Given,
    meant: &[(usize, &'static Scheme)],
    known: impl Iterator<Item = &'static OptionSpec>,
) -> Error {
    let name = given.name.as_str();
    let error = Error::usage(match meant {
        [(_, only)] => format!("{} has no option {name}", only.name),
        _ => format!("no layer of {} has an option {name}", stack(address)),
    });
    if let Some(list) = list_before(address, given) {
        return error.hint(list);
    }
    if let Some(near) = nearest(name, known.map(|spec| spec.name)) {
        return error.hint(format!("did you mean {near}?"));
    }
    let others: Vec<&str> = address
        .catalog()
        .schemes
        .iter()
        .filter(|scheme| scheme.spec(name).is_some())
        .map(|scheme| scheme.name)
        .collect();
    match others.as_slice() {
        [] => {
            let top = meant.first().map_or("", |(_, scheme)| scheme.name);
            error.hint(format!("wharf endpoints {top}, which lists its options"))
        }
        [first, ..] => error.hint(format!(
            "wharf endpoints {first}, which has an option {name}"
        )),
    }
}

/// What was perhaps meant as the next item of the list that stands before it: `alpn=a,b`.
fn list_before(address: &Address, given: &Given) -> Option<String> {
    let options = address.options();
    let n = options.iter().position(|o| o.offset == given.offset)?;
    let before = options.get(n.checked_sub(1)?)?;
    let (_, spec) = taker(address, before).ok()?;
    let (Some(GivenValue::Plain(first)), None) = (&before.value, &given.value) else {
        return None;
    };
    let is_list = matches!(spec.kind, OptionKind::List | OptionKind::Fields(_));
    is_list.then(|| format!("{}=[{first},{}]", before.name, given.name))
}
