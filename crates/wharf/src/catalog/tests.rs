//! What holds for every scheme that there is, and for the next one too.

use std::collections::HashSet;

use super::*;
use crate::socket::channel::Kind;
use crate::socket::options::{OptionKind, OptionSpec};
use crate::socket::scheme::{Roles, StandsOn};
use crate::socket::stack::GENERAL;
use crate::socket::{Address, Role};

/// A line of help: lower case unless it begins with a name, and no full stop.
fn is_line(text: &str) -> bool {
    let mut letters = text.chars();
    let begins_with_word = match (letters.next(), letters.next()) {
        (Some(first), Some(second)) => !(first.is_uppercase() && second.is_lowercase()),
        _ => false,
    };
    begins_with_word && !text.ends_with('.') && !text.contains('\n') && text.trim() == text
}

fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(fits)
}

/// Every option with who declares it.
fn options() -> impl Iterator<Item = (&'static str, &'static OptionSpec)> {
    let general = GENERAL.iter().map(|spec| ("every endpoint", spec));
    let own = SCHEMES
        .iter()
        .flat_map(|scheme| scheme.specs().map(|spec| (scheme.name, spec)));
    general.chain(own)
}

#[test]
fn names_are_unique() {
    let mut seen = HashSet::new();
    for name in CATALOG.names() {
        assert!(seen.insert(name), "{name} is there twice");
        assert!(is_name(name) && !name.ends_with("-listen"), "{name}");
    }
}

#[test]
fn every_scheme_says_what_it_is() {
    for scheme in SCHEMES {
        let name = scheme.name;
        assert!(is_line(scheme.summary), "{name}: {:?}", scheme.summary);
        assert!(!scheme.standard.is_empty(), "{name} follows no standard");
        assert!(
            scheme.privilege.is_none_or(|text| !text.ends_with('.')),
            "{name}"
        );
    }
}

#[test]
fn every_example_can_be_built_and_printed() {
    for scheme in SCHEMES {
        let example = scheme.example;
        let endpoint = Endpoint::parse(example).unwrap_or_else(|e| panic!("{example}: {e}"));
        let has_it = |layer: &crate::socket::stack::Layer| layer.scheme == *scheme;
        assert!(
            endpoint.layers().iter().any(has_it),
            "{example} lacks {}",
            scheme.name
        );
        let role = match scheme.roles {
            Roles::Server => Role::Server,
            _ => Role::Client,
        };
        assert_eq!(endpoint.address().role(), role, "{example}");
        let printed = endpoint.address().to_string_with_secrets();
        let again = Address::parse(&printed, &CATALOG).unwrap();
        assert_eq!(&again, endpoint.address(), "{example} became {printed}");
    }
}

#[test]
fn what_usually_stands_below_is_there_and_fits() {
    for scheme in SCHEMES {
        let (usual, kind) = match scheme.stands_on {
            StandsOn::Nothing => continue,
            StandsOn::Stream { usual } => (usual, Kind::Stream),
            StandsOn::Packets { usual } => (usual, Kind::Packets),
        };
        let below = CATALOG.scheme(usual);
        assert_eq!(
            below.map(|below| below.gives),
            Some(kind),
            "{}",
            scheme.name
        );
    }
}

#[test]
fn well_known_names_are_stacks_of_ours() {
    for shorthand in SHORTHANDS {
        for layer in shorthand.stack {
            assert!(
                CATALOG.scheme(layer).is_some(),
                "{}: {layer}",
                shorthand.name
            );
        }
        let text = format!("{}://h:1", shorthand.name);
        Endpoint::parse(&text).unwrap_or_else(|e| panic!("{text}: {e}"));
    }
    for scheme in SCHEMES {
        for used in scheme.uses {
            assert!(
                CATALOG.scheme(used).is_some(),
                "{} uses {used}",
                scheme.name
            );
        }
    }
}

#[test]
fn options_have_names_of_their_own() {
    let general: HashSet<_> = GENERAL.iter().map(|spec| spec.name).collect();
    for scheme in SCHEMES {
        let mut seen = HashSet::new();
        for spec in scheme.specs() {
            let (scheme, option) = (scheme.name, spec.name);
            assert!(is_name(option), "{scheme}: {option:?}");
            assert!(seen.insert(option), "{scheme} declares {option} twice");
            assert!(
                !general.contains(option),
                "{scheme} declares {option} of all"
            );
        }
    }
}

#[test]
fn every_option_says_what_it_does() {
    for (owner, spec) in options() {
        assert!(
            is_line(spec.help),
            "{owner}: {}: {:?}",
            spec.name,
            spec.help
        );
    }
}

/// A default goes through the parser that reads what is typed, whoever takes the option.
#[test]
fn every_default_is_a_value() {
    for (owner, spec) in options() {
        let Some(default) = spec.default else {
            continue;
        };
        let mut settings = crate::socket::settings::Settings::default();
        let filled = settings.fill(spec);
        assert!(filled.is_ok(), "{owner}: {}={default}", spec.name);
        assert!(settings.iter().count() == 1, "{owner}: {}", spec.name);
        assert!(!matches!(
            spec.kind,
            OptionKind::Secret | OptionKind::Address
        ));
        // What is off unless given has no default to say.
        let is_off = spec.kind == OptionKind::Flag && default != "yes";
        assert!(!is_off, "{owner}: {}={default}", spec.name);
    }
}

/// An option of one role only is of a scheme that can play it.
#[test]
fn options_fit_the_roles_of_their_scheme() {
    for scheme in SCHEMES {
        // A layer whose role can be chosen plays both.
        if scheme.spec("role").is_some() {
            continue;
        }
        for spec in scheme.specs() {
            let plays = |role| scheme.roles.has(role) && spec.roles.has(role);
            let fits = plays(Role::Client) || plays(Role::Server);
            assert!(fits, "{}: {}", scheme.name, spec.name);
        }
    }
}

/// What is declared as a secret is masked in every scheme that has one.
#[test]
fn every_secret_is_masked() {
    for scheme in SCHEMES {
        for spec in scheme
            .specs()
            .filter(|spec| spec.kind == OptionKind::Secret)
        {
            let mut address = scheme
                .example
                .split('#')
                .next()
                .unwrap_or_default()
                .to_owned();
            address.push_str(&format!("#{}=hunter2", spec.name));
            let address = Address::parse(&address, &CATALOG).unwrap();
            assert!(!address.to_string().contains("hunter2"), "{address}");
        }
    }
}
