//! The address of somewhere else, with the options that still mean something there: for a peer that says
//! that what is wanted is elsewhere.

use super::{Address, Authority, Locator};
use crate::socket::error::Result;
use crate::socket::options::Given;
use crate::socket::scheme::Scheme;
use crate::socket::stack::GENERAL;

impl Address {
    /// The address `scheme://authority` with those of `options` that a layer there knows. Without a
    /// `scheme` the layers stay as they are.
    ///
    /// # Errors
    /// Kind `Usage`: what the peer said makes no address.
    pub fn moved(
        &self,
        scheme: Option<&str>,
        authority: Authority,
        options: Vec<Given>,
    ) -> Result<Address> {
        let mut address = match scheme {
            Some(scheme) => Address::parse(&format!("{scheme}://localhost/"), &self.catalog)?,
            None => self.clone(),
        };
        let implied = self.catalog.implied_port(&address.layers);
        let port = authority.port.or(implied.map(super::Port::Number));
        let has_ports = address.ground().is_some_and(|ground| !ground.is_local());
        address.locator = Locator::Authority(Authority {
            port: port.filter(|_| has_ports),
            ..authority
        });
        let layers = address.layers.clone();
        address.options = options
            .into_iter()
            .filter(|given| is_known(given, &layers))
            .collect();
        // What a peer said is checked as what a user types is.
        Address::parse(&address.to_string_with_secrets(), &self.catalog)
    }
}

fn is_known(given: &Given, layers: &[&'static Scheme]) -> bool {
    let named = |scheme: &&&Scheme| {
        let layer = given.layer.as_ref();
        layer.is_none_or(|(name, _)| scheme.name == name || scheme.aliases.contains(&name.as_str()))
    };
    let general = given.layer.is_none() && GENERAL.iter().any(|spec| spec.name == given.name);
    let mut meant = layers.iter().filter(named);
    general || meant.any(|scheme| scheme.spec(&given.name).is_some())
}
