//! The security layer: TLS over any stream.

pub mod tls;
