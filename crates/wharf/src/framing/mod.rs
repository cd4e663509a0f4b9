//! Layers between packets and streams, and between two ways to write a stream.
//!
//! `lines+`, `nul+`, `len16+`, `len32+` and `chunk+` put packets into any stream and find them again
//! ([`records`]); `crlf+` corrects line ends on their way out ([`crlf`]). What the octets mean is
//! decided in `wharf_proto::transport::framing` and `wharf_proto::application::newline`.

pub mod crlf;
mod framed;
pub mod records;
