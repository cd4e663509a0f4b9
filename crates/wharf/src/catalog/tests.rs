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
        assert!(!spec.kind.is_secret() && spec.kind != OptionKind::Address);
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
        for spec in scheme.specs().filter(|spec| spec.kind.is_secret()) {
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

/// The rows of the tables in `docs/addresses.md` under a heading: left and right.
fn rows(heading: &str) -> Vec<(String, String)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/addresses.md");
    let text = std::fs::read_to_string(path).unwrap();
    let mut is_meant = false;
    let mut rows = Vec::new();
    for line in text.lines() {
        match line.strip_prefix("| `") {
            Some(row) if is_meant => {
                let (left, right) = row.split_once("` | `").unwrap();
                rows.push((left.to_owned(), right.trim_end_matches("` |").to_owned()));
            }
            Some(_) => {}
            None if line.starts_with("|---") => {}
            None => is_meant = line == heading,
        }
    }
    rows
}

/// What is written the long way means the same to every layer.
#[test]
fn the_documented_meanings_hold() {
    let rows = rows("| what is typed | what it means |");
    assert!(rows.len() > 15, "{rows:?}");
    for (typed, meant) in rows {
        let [typed_as, meant_as] = [&typed, &meant].map(|text| {
            let endpoint = Endpoint::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
            let address = endpoint.address().clone();
            let layers = endpoint.layers().iter();
            let settings = layers.map(|layer| {
                let settings = layer.settings.iter();
                let values = settings.map(|s| format!("{}={s}", s.spec.name));
                (layer.scheme.name, layer.role, values.collect::<Vec<_>>())
            });
            (settings.collect::<Vec<_>>(), address.locator().clone())
        });
        if typed.contains("netns=") {
            // Short for the other, and kept as it was typed.
            assert_eq!(typed_as.1, meant_as.1);
        } else {
            assert_eq!(typed_as, meant_as, "{typed} is not {meant}");
        }
    }
}

#[test]
fn the_documented_mistakes_are_answered() {
    let rows = rows("| what is typed | what is offered |");
    assert!(rows.len() > 8, "{rows:?}");
    for (typed, offered) in rows {
        let error = Endpoint::parse(&typed).unwrap_err();
        assert_eq!(error.try_this(), Some(offered.as_str()), "{typed}: {error}");
    }
}
