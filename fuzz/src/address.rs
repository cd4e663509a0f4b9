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
    let address = match Address::parse(text, &CATALOG) {
        Ok(address) => address,
        Err(error) => {
            if let Some(pointer) = error.pointer() {
                assert!(pointer.text.is_char_boundary(pointer.offset), "{text:?}");
            }
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let printed = address.to_string_with_secrets();
    match Address::parse(&printed, &CATALOG) {
        Ok(again) => assert_eq!(again, address, "{text:?} became {printed:?}"),
        Err(error) => panic!("{text:?} became {printed:?}: {error}"),
    }
    if let Locator::Authority(authority) = address.locator()
        && let Some(password) = &authority.password
        // A mask hides any password that is not found elsewhere in the address.
        && password.expose().len() > 3
        && printed.matches(password.expose()).count() == 1
    {
        assert!(!address.to_string().contains(password.expose()), "{text:?}");
    }
    // Whatever the options are, they are taken or refused.
    let _ = Endpoint::build(address);
    let _ = Endpoint::parse(text);
}
