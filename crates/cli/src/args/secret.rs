//! Secrets on the command line: other users see them in the list of processes, so they are
//! overwritten there as soon as they were read, and the user is told.
//!
//! Not here: how secrets are masked in messages (an address masks its own).

use std::ffi::OsString;

use wharf::Endpoint;
use wharf::socket::options::{GivenValue, OptionKind};
use wharf::socket::units::split_top;

/// Overwrites every secret among the arguments; returns what to warn of, if there was one.
pub fn wipe(words: &[OsString]) -> Option<String> {
    let secrets: Vec<String> = words
        .iter()
        .take_while(|word| *word != "--")
        .filter_map(|word| word.to_str())
        .flat_map(typed_in)
        .collect();
    if secrets.is_empty() {
        return None;
    }
    let seen = "a secret on the command line can be seen by others";
    let wiped = secrets
        .iter()
        .try_for_each(|secret| wharf_sys::argument::wipe(secret.as_bytes()).map(drop));
    Some(match wiped {
        Ok(()) => format!("{seen}; it was overwritten there now"),
        Err(error) => format!("{seen}, and could not be overwritten there: {error}"),
    })
}

/// The secrets in one argument, spelled as they were typed.
fn typed_in(text: &str) -> Vec<String> {
    // Most arguments cannot have any, and are parsed only once.
    if !text.contains(['@', '#']) {
        return Vec::new();
    }
    let Ok(endpoint) = Endpoint::parse(text) else {
        return Vec::new();
    };
    let mut secrets = Vec::new();
    secrets.extend(password(text).filter(|_| {
        let authority = endpoint.address().authority();
        authority.is_some_and(|authority| authority.password.is_some())
    }));
    for given in endpoint.address().options() {
        let spec = endpoint
            .layers()
            .iter()
            .find_map(|layer| layer.scheme.spec(&given.name));
        match (spec.map(|spec| spec.kind), &given.value) {
            (Some(kind), Some(said)) if kind.hides(said.text()) => {
                secrets.extend(value(text, given.offset));
            }
            (Some(OptionKind::Address), Some(GivenValue::Bracketed(inner))) => {
                secrets.extend(typed_in(inner));
            }
            _ => {}
        }
    }
    secrets.retain(|secret| !secret.is_empty());
    secrets
}

/// What stands between the first `:` and the last `@` of the authority.
fn password(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (user_info, _) = authority.rsplit_once('@')?;
    let (_, password) = user_info.split_once(':')?;
    Some(password.to_owned())
}

/// The value of the option that begins at `offset`.
fn value(text: &str, offset: usize) -> Option<String> {
    let option = *split_top(text.get(offset..)?, ',').first()?;
    let (_, value) = option.split_once('=')?;
    Some(value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_found_as_it_was_typed() {
        assert_eq!(password("x://me:a%20b:c@h:1").as_deref(), Some("a%20b:c"));
        assert_eq!(password("x://me@h:1"), None);
        assert_eq!(password("x://h:1/p:q@r"), None);
    }

    #[test]
    fn the_value_of_an_option_is_found_by_its_place() {
        let text = "x://h#a=1,key=[s,t],b";
        assert_eq!(value(text, 10).as_deref(), Some("[s,t]"));
    }

    #[test]
    fn header_fields_are_secrets_unless_they_are_known() {
        assert_eq!(typed_in("http://h#header=[Accept: a/b]"), [""; 0]);
        assert_eq!(typed_in("http://h#header=Content-Type: a/b"), [""; 0]);
        let cookie = "http://h#header=[Accept: a/b,Cookie: c]";
        assert_eq!(typed_in(cookie), ["[Accept: a/b,Cookie: c]"]);
    }

    #[test]
    fn what_has_no_secret_is_left_alone() {
        assert_eq!(typed_in("tcp://h:1#nodelay"), [""; 0]);
        assert_eq!(typed_in("--verbose"), [""; 0]);
    }
}
