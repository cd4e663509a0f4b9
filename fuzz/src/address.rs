//! The address grammar: what anybody may type, or a template may fill in.
//!
//! Holds for any text: no panic; a refusal points into the text that it shows; printing with
//! secrets is the inverse of parsing; a password is never shown; building checks options without
//! a panic either.

use wharf::catalog::CATALOG;
use wharf::socket::address::Locator;
use wharf::{Endpoint, socket::Address};

/// Parses, prints and builds what the input spells.
pub fn check(input: &[u8]) {
    let Ok(text) = core::str::from_utf8(input) else {
        return;
    };
    check_endpoint(text);
    let Ok(address) = Address::parse(text, &CATALOG) else {
        return;
    };
    let printed = address.to_string_with_secrets();
    match Address::parse(&printed, &CATALOG) {
        Ok(again) => assert_eq!(again, address, "{text:?} became {printed:?}"),
        Err(error) => panic!("{text:?} became {printed:?}: {error}"),
    }
    check_masked(&address, &address.to_string());
    // Whatever the options are, they are taken or refused.
    let _ = Endpoint::build(address);
}

/// An endpoint may be a template as well, which is no address before it is filled in.
fn check_endpoint(text: &str) {
    match Endpoint::parse(text) {
        Ok(endpoint) => check_masked(endpoint.address(), &endpoint.to_string()),
        Err(error) => {
            assert!(!error.to_string().is_empty());
            if let Some(pointer) = error.pointer() {
                assert!(pointer.text.is_char_boundary(pointer.offset), "{text:?}");
            }
        }
    }
}

/// A mask hides any password that is not found elsewhere in the address.
fn check_masked(address: &Address, shown: &str) {
    if let Locator::Authority(authority) = address.locator()
        && let Some(password) = &authority.password
        && password.expose().len() > 3
        && address
            .to_string_with_secrets()
            .matches(password.expose())
            .count()
            == 1
    {
        assert!(!shown.contains(password.expose()), "{shown:?}");
    }
}
