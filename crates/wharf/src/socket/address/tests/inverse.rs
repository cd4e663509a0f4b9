//! Printing with secrets is the inverse of parsing, for addresses of every shape in the catalog.

use proptest::prelude::*;
use proptest::strategy::BoxedStrategy;

use super::*;
use crate::socket::channel::Kind as ChannelKind;
use crate::socket::options::{OptionKind, OptionSpec};
use crate::socket::scheme::{PortRule, Roles, Shape, StandsOn};

/// Text in which everything that the grammar knows may stand.
const ANY: &str = "[ -~\u{e9}\u{202e}\u{1f980}]{0,8}";

fn host() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z][a-z0-9_-]{0,9}(\\.[a-z]{1,5})?",
        "(%[46][1-9]|[a-z\u{e9}]){1,4}",
        any::<[u8; 4]>().prop_map(|octets| Ipv4Addr::from(octets).to_string()),
        any::<u128>().prop_map(|bits| format!("[{}]", Ipv6Addr::from(bits))),
        "[a-z0-9%._]{1,6}".prop_map(|zone| format!("[fe80::1%{zone}]")),
    ]
}

fn user() -> impl Strategy<Value = String> {
    let part = || "([ -\"$&-.0-9;-?A-Z\\[\\]a-z|~]|%[2-7][0-9A-F]){0,6}";
    let part = move || part().prop_map(|text| text.replace(['?', '%'], "%3F"));
    prop_oneof![
        Just(String::new()),
        part().prop_map(|user| format!("{user}@")),
        (part(), part()).prop_map(|(user, password)| format!("{user}:{password}@")),
    ]
}

fn value(kind: OptionKind) -> BoxedStrategy<String> {
    match kind {
        OptionKind::Flag => "(|=yes|=no)".boxed(),
        OptionKind::Duration => "=[1-9](ms|s|m)".boxed(),
        OptionKind::Size => "=[1-9](|KiB|MB)".boxed(),
        OptionKind::Integer { min, .. } => Just(format!("={min}")).boxed(),
        OptionKind::Count => "=(3|forever)".boxed(),
        OptionKind::Choice(words) => Just(format!("={}", words[0])).boxed(),
        OptionKind::Mode => "=6[0-7]0".boxed(),
        OptionKind::Bind => "=(:80|192\\.0\\.2\\.1|\\[::1\\]:80)".boxed(),
        OptionKind::Address => "=\\[netns://[a-z]{1,3}\\]".boxed(),
        OptionKind::List | OptionKind::Fields(_) => prop_oneof![
            "=[a-z:,%/ ]{0,8}".prop_map(|list| list.replace(',', "%2C")),
            "=\\[[a-z:,#%/ ]{0,8}\\]",
        ]
        .boxed(),
        OptionKind::Text | OptionKind::Path | OptionKind::Secret => prop_oneof![
            ANY.prop_map(|text| format!("={}", text.replace([',', '#', '[', ']'], "%5d"))),
            "=[g-z:%]{0,4}\\[[g-z,#%{}]{0,4}\\][g-z%]{0,4}",
            Just("=%7Btarget}{peer".to_owned()),
        ]
        .boxed(),
    }
}

fn option(scheme: &'static str, spec: &'static OptionSpec) -> BoxedStrategy<String> {
    let layer = prop_oneof![Just(String::new()), Just(format!("{scheme}."))];
    (layer, value(spec.kind))
        .prop_map(move |(layer, value)| format!("{layer}{}{value}", spec.name))
        .boxed()
}

/// An address of one scheme, with layers above where it carries some.
fn address(scheme: &'static Scheme) -> BoxedStrategy<String> {
    let above = match scheme.gives {
        ChannelKind::Packets => "",
        _ => "(|tls\\+|TLS\\+tls\\+)",
    };
    let options: Vec<_> = scheme
        .specs()
        .map(|spec| option(scheme.name, spec))
        .collect();
    let options = match options.is_empty() {
        true => Just(Vec::new()).boxed(),
        false => proptest::sample::subsequence(options.clone(), 0..=options.len())
            .prop_flat_map(|chosen| chosen)
            .boxed(),
    };
    let listen = match scheme.roles {
        Roles::Client => "",
        _ => "(|-listen)",
    };
    let users = scheme.has_users();
    let place = match scheme.shape {
        Shape::Authority { port } => {
            let path = if scheme.owns_path {
                "(|/|/[ -\"$-~]{0,6})"
            } else {
                "/?"
            };
            let port = match port {
                PortRule::Absent => "",
                PortRule::Default(_) => "(|:[0-9]{1,4})",
                PortRule::Required => ":([0-9]{1,4}|http)",
                PortRule::Wide => ":[0-9]{1,9}",
            };
            (user(), host(), port, path)
                .prop_map(move |(user, host, port, path)| {
                    let user = if users { user } else { String::new() };
                    format!("//{user}{host}{port}{path}")
                })
                .boxed()
        }
        Shape::Path => prop_oneof![
            "(/|@|//)?[ -\"$&-z|~\u{e9}]{1,8}(%FF)?".prop_filter("no authority", |path| {
                !path.starts_with("//") || path.starts_with("///") || path.starts_with("//@")
            }),
            "/%2F[a-z]{1,3}",
        ]
        .boxed(),
        Shape::Name { .. } => "[a-z0-9]{1,4}".boxed(),
        Shape::Command { .. } => "[!-~][ -~\u{e9}]{0,12}".boxed(),
        Shape::Nothing if scheme.is_ground() => Just(String::new()).boxed(),
        Shape::Nothing => Just("//h:1".to_owned()).boxed(),
    };
    let is_command = matches!(scheme.shape, Shape::Command { .. });
    (above, listen, place, options)
        .prop_map(move |(above, listen, place, options)| {
            let hash = if options.is_empty() { "" } else { "#" };
            let options = options.join(",");
            let above = match scheme.stands_on {
                StandsOn::Nothing => above,
                _ => String::new(),
            };
            let name = match scheme.shape {
                Shape::Nothing if !scheme.is_ground() => format!("{}+tcp", scheme.name),
                _ => scheme.name.to_owned(),
            };
            if is_command {
                // A colon would end the options.
                let options = options.replace(':', "%3A");
                format!("{above}{name}{listen}{hash}{options}:{place}")
            } else {
                format!("{above}{name}{listen}:{place}{hash}{options}")
            }
        })
        .boxed()
}

fn any_address(catalog: &'static Catalog) -> BoxedStrategy<String> {
    let all: Vec<_> = catalog
        .schemes
        .iter()
        .map(|scheme| address(scheme))
        .collect();
    proptest::strategy::Union::new(all).boxed()
}

fn check_inverse(address: &Address, text: &str) -> Result<(), TestCaseError> {
    let catalog = address.catalog();
    let printed = address.to_string_with_secrets();
    let again = Address::parse(&printed, catalog);
    let again = again.map_err(|e| TestCaseError::fail(format!("{text} became {printed}: {e}")))?;
    prop_assert_eq!(&again, address, "{} became {}", text, printed);
    // A second time changes nothing more.
    prop_assert_eq!(again.to_string_with_secrets(), printed.clone(), "{}", text);
    // What is printed has no variables, whatever stands in it.
    let endpoint = Endpoint::parse_with(&printed, catalog);
    prop_assert!(
        !endpoint.is_ok_and(|e| e.is_template()),
        "{} became {}",
        text,
        printed
    );
    Ok(())
}

fn check_address(text: &str, catalog: &Catalog) -> Result<(), TestCaseError> {
    let address = match Address::parse(text, catalog) {
        Ok(address) => address,
        Err(error) if error.reason().ends_with("not UTF-8") => {
            return Err(TestCaseError::reject("chance spelled %ff"));
        }
        Err(error) => return Err(TestCaseError::fail(format!("{text}: {error}"))),
    };
    check_inverse(&address, text)?;
    // What is shown can be read as well, masks and all.
    let shown = address.to_string();
    prop_assert!(
        Address::parse(&shown, catalog).is_ok(),
        "{} is shown as {}",
        text,
        shown
    );
    Ok(())
}

proptest! {
    #[test]
    fn printing_with_secrets_is_the_inverse_of_parsing(text in any_address(&CATALOG)) {
        check_address(&text, &CATALOG)?;
    }

    #[test]
    fn so_it_is_for_every_scheme_that_there_is(text in any_address(&crate::catalog::CATALOG)) {
        check_address(&text, &crate::catalog::CATALOG)?;
    }

    #[test]
    fn no_text_panics_and_what_is_understood_is_printed_back(
        text in "(|tcp://|http://|exec|file:|unix-listen:|tls+)[ -~\u{e9}\u{0}]{0,40}",
    ) {
        if let Ok(address) = Address::parse(&text, &CATALOG) {
            let in_brackets = address.options().iter().any(|option| {
                matches!(&option.value, Some(GivenValue::Bracketed(_)))
            });
            if !in_brackets {
                check_inverse(&address, &text)?;
            }
        }
    }

    #[test]
    fn pointers_stay_inside(text in "(tcp|echo|exec|http|x)(-listen)?:(//)?[ -~\u{e9}]{0,20}") {
        if let Err(error) = Endpoint::parse_with(&text, &CATALOG)
            && let Some(pointer) = error.pointer()
        {
            prop_assert!(pointer.text.is_char_boundary(pointer.offset));
        }
    }
}
