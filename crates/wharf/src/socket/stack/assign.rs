//! Which layer of a stack takes which option.
//!
//! Options are one flat list in an address; each layer takes those that it declares. What no layer
//! declares is an error with the nearest name; what two declare is an error that says how to name
//! the layer.

use super::GENERAL;
use crate::socket::address::{Address, Role, mask_text};
use crate::socket::error::{Error, Result};
use crate::socket::options::{Given, OptionSpec};
use crate::socket::settings::Settings;
use crate::socket::units::nearest;

/// Gives each layer its options, and the stack its own.
pub(super) fn distribute(address: &Address) -> Result<(Vec<Settings>, Settings)> {
    let layers = address.layers();
    let mut all: Vec<Settings> = layers.iter().map(|_| Settings::default()).collect();
    let mut general = Settings::default();
    let wrong = |given: &Given, error: Error| {
        let (text, offset) = mask_text(&address.text, given.offset);
        error.pointing(text, offset)
    };
    for given in address.options() {
        let takers = takers(address, given).map_err(|e| wrong(given, e))?;
        let (settings, spec) = match takers {
            Taker::General(spec) => (&mut general, spec),
            Taker::Layer(n, spec) => match all.get_mut(n) {
                Some(settings) => (settings, spec),
                None => continue,
            },
        };
        if !spec.roles.has(address.role()) {
            let (side, other) = match address.role() {
                Role::Client => ("opens", "listens"),
                Role::Server => ("listens", "opens"),
            };
            return Err(wrong(
                given,
                Error::usage(format!(
                    "{} means something only where an endpoint {other}, and this one {side}",
                    spec.name
                )),
            ));
        }
        settings
            .give(spec, given.value.as_ref())
            .map_err(|e| wrong(given, e))?;
    }
    for (settings, scheme) in all.iter_mut().zip(layers) {
        for spec in scheme.specs().filter(|spec| spec.roles.has(address.role())) {
            settings.fill(spec)?;
        }
    }
    for spec in GENERAL.iter().filter(|spec| spec.roles.has(address.role())) {
        general.fill(spec)?;
    }
    Ok((all, general))
}

enum Taker {
    General(&'static OptionSpec),
    Layer(usize, &'static OptionSpec),
}

/// Finds the one layer that takes an option.
fn takers(address: &Address, given: &Given) -> Result<Taker> {
    let layers = address.layers();
    let name = given.name.as_str();
    let mut found: Vec<(usize, &'static OptionSpec)> = Vec::new();
    let mut seen = 0usize;
    for (n, scheme) in layers.iter().enumerate() {
        if let Some((layer, index)) = &given.layer {
            if scheme.name != layer && !scheme.aliases.contains(&layer.as_str()) {
                continue;
            }
            seen += 1;
            // Counted from the top: tls[0] is the upper of two.
            if index.is_some_and(|index| index + 1 != seen) {
                continue;
            }
        }
        if let Some(spec) = scheme.spec(name) {
            found.push((n, spec));
        }
    }
    let typed = layers.iter().map(|l| l.name).collect::<Vec<_>>().join("+");
    match found.as_slice() {
        [(n, spec)] => return Ok(Taker::Layer(*n, spec)),
        [] => {}
        many => {
            let ways: Vec<String> = many
                .iter()
                .filter_map(|(n, _)| layers.get(*n))
                .enumerate()
                .map(|(k, layer)| {
                    let twice = layers.iter().filter(|l| l.name == layer.name).count() > 1;
                    let index = if twice {
                        format!("[{k}]")
                    } else {
                        String::new()
                    };
                    format!("{}{index}.{name}", layer.name)
                })
                .collect();
            return Err(
                Error::usage(format!("{name} could belong to several layers of {typed}"))
                    .hint(format!("say which: {}", ways.join(" or "))),
            );
        }
    }
    if given.layer.is_none()
        && let Some(spec) = GENERAL.iter().find(|spec| spec.name == name)
    {
        return Ok(Taker::General(spec));
    }
    if let Some((layer, _)) = &given.layer
        && seen == 0
    {
        return Err(Error::usage(format!(
            "there is no layer {layer} in {typed}"
        )));
    }
    let error = Error::usage(format!("no layer of {typed} has an option {name}"));
    let known: Vec<&str> = layers
        .iter()
        .flat_map(|scheme| scheme.specs())
        .chain(GENERAL)
        .filter(|spec| spec.roles.has(address.role()))
        .map(|spec| spec.name)
        .collect();
    let top = layers.first().map_or("", |l| l.name);
    Err(match nearest(name, known) {
        Some(near) => error.hint(format!("did you mean {near}?")),
        None => error.hint(format!("wharf endpoints {top} lists its options")),
    })
}
