//! Layers that another layer puts up by itself, in the middle of its protocol.
//!
//! FTP goes over to TLS when its client says so (RFC 4217) and protects each data connection with the
//! same sessions; its address takes the options of `tls` for that, although no `tls` stands in its
//! stack. The layer is built with the stack, once, and wrapped by its owner as often as it wants.
//! Not here: which option such a layer takes (`assign.rs`).

use std::fmt;
use std::sync::Arc;

use super::{Settings, Wrap};
use crate::socket::address::{Address, Role};
use crate::socket::error::{Error, Kind, Op, Result};
use crate::socket::scheme::{Build, Parts, Scheme};

/// A layer that is used and does not stand in the stack.
#[derive(Clone)]
pub struct Used {
    /// What it is.
    pub scheme: &'static Scheme,
    /// Its options.
    pub settings: Settings,
    wrap: Arc<dyn Wrap>,
}

/// Builds the layers that one layer uses.
///
/// # Errors
/// What their builders say; kind `Bug` if a scheme uses what is no wrap.
pub(super) fn build(
    used: Vec<(&'static Scheme, Settings)>,
    address: &Address,
    role: Role,
) -> Result<Vec<Used>> {
    let build = |(scheme, settings): (&'static Scheme, Settings)| {
        let Build::Wrap(build) = scheme.build else {
            let reason = format!("{} wraps nothing, so no layer can use it", scheme.name);
            return Err(Error::new(Op::Open, Kind::Bug, reason));
        };
        let parts = Parts {
            address,
            settings: &settings,
            role,
            used: &[],
            alpn: &[],
        };
        let wrap = build(&parts).map_err(|error| error.at(address, Some(scheme.name)))?;
        Ok(Used {
            scheme,
            settings,
            wrap: wrap.into(),
        })
    };
    used.into_iter().map(build).collect()
}

impl Parts<'_> {
    /// The layer of that name among those that this layer [uses](Scheme::uses). Its owner calls
    /// [`Wrap::prepare`] before it wraps, once it knows that it will.
    pub fn used(&self, name: &str) -> Option<Arc<dyn Wrap>> {
        let used = self.used.iter().find(|used| used.scheme.name == name);
        used.map(|used| used.wrap.clone())
    }
}

impl fmt::Debug for Used {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Used({})", self.scheme.name)
    }
}
