//! Where an endpoint opens its sockets: the options `via` and `netns`.
//!
//! Not here: what such a place is (`socket/net.rs`), and which schemes name one (`network/`).

use super::Stack;
use crate::socket::address::Address;
use crate::socket::error::{Error, Result};
use crate::socket::net::Net;
use crate::socket::options::{OptionKind, OptionSpec};
use crate::socket::settings::Settings;
use crate::socket::units::percent_encode;

/// The options that say where sockets are opened, for the schemes that open some.
pub const PLACE: &[OptionSpec] = &[VIA, NETNS];

const VIA: OptionSpec = OptionSpec::new(
    "via",
    OptionKind::Address,
    "opens its sockets there: a network namespace (netns://NAME)",
);

const NETNS: OptionSpec = OptionSpec::new(
    "netns",
    OptionKind::Text,
    "short for via=[netns://NAME]: a name, a process or a path",
)
.example("lab");

/// The place where a layer opens its sockets, if its options say one.
///
/// # Errors
/// Kind `Usage`, pointing at the option or into the address in it.
pub(super) fn net(settings: &Settings, outer: &Address) -> Result<Option<Net>> {
    let named = address(settings, outer)?;
    named.as_ref().map(net_of).transpose()
}

fn address(settings: &Settings, outer: &Address) -> Result<Option<Address>> {
    let point = |error: Error| {
        let given = outer
            .options()
            .iter()
            .rfind(|given| given.name == NETNS.name);
        outer.point(error, given.map_or(0, |given| given.offset))
    };
    match (settings.address(VIA.name), settings.text(NETNS.name)) {
        (Some(_), Some(_)) => Err(point(Error::usage(
            "via and netns both say where sockets are opened",
        ))),
        (Some(via), None) => Ok(Some(via.clone())),
        (None, Some(name)) => {
            let text = format!("netns://{}", percent_encode(name.as_bytes(), b"?#[]@:"));
            Address::parse(&text, outer.catalog())
                .map(Some)
                .map_err(point)
        }
        (None, None) => Ok(None),
    }
}

/// Builds the place that an address names. Chains nest: it may have a `via=` of its own.
fn net_of(place: &Address) -> Result<Net> {
    let stack = Stack::build(place)?;
    stack.net().cloned().ok_or_else(|| {
        let reason = format!("{place} is an endpoint, not a place to open sockets in");
        let error =
            Error::usage(reason).hint("via=[netns://NAME] opens them in a network namespace");
        place.point(error, 0)
    })
}
