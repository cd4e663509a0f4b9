//! The security layer: how a connection in clear comes to TLS, and what its first words tell.
//!
//! Not here: TLS, which an engine that the field trusts speaks for us (`wharf::security`).

pub mod hello;
pub mod starttls;
