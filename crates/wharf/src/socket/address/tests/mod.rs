//! The grammar, sentence by sentence, on a catalog that has one scheme of each shape.

mod forms;
mod inverse;
mod refused;
mod secrets;

use super::*;
use crate::socket::endpoint::Endpoint;
use crate::socket::error::Kind;
use crate::socket::fake::CATALOG;
use crate::socket::options::GivenValue;

fn parse(text: &str) -> Address {
    match Address::parse(text, &CATALOG) {
        Ok(address) => address,
        Err(error) => panic!("{text}: {error}"),
    }
}

/// The error of an address, or of its options.
fn refused(text: &str) -> crate::Error {
    match Endpoint::parse_with(text, &CATALOG) {
        Ok(endpoint) => panic!("{text} was understood as {endpoint}"),
        Err(error) => {
            assert_eq!(error.kind(), Kind::Usage, "{text}");
            error
        }
    }
}
