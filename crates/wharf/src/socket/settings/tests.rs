//! Values of every kind, and what holds where several are given or none.

use super::*;

const TIMEOUT: OptionSpec =
    OptionSpec::new("timeout", OptionKind::Duration, "how long").default("10s");
const NODELAY: OptionSpec = OptionSpec::flag("nodelay", "at once");
const ALPN: OptionSpec = OptionSpec::new("alpn", OptionKind::List, "protocols");

fn read(spec: &OptionSpec, value: Option<&GivenValue>) -> Result<Value> {
    check(spec, value, &|text| {
        Address::parse(text, &crate::catalog::CATALOG)
    })
}

fn plain(text: &str) -> Option<GivenValue> {
    Some(GivenValue::Plain(text.to_owned()))
}

fn bracketed(text: &str) -> Option<GivenValue> {
    Some(GivenValue::Bracketed(text.to_owned()))
}

fn give(
    settings: &mut Settings,
    spec: &'static OptionSpec,
    value: Option<GivenValue>,
) -> Result<()> {
    settings.give(spec, read(spec, value.as_ref()).unwrap())
}

#[test]
fn given_wins_over_default() {
    let mut settings = Settings::default();
    give(&mut settings, &TIMEOUT, plain("500ms")).unwrap();
    settings.fill(&TIMEOUT).unwrap();
    let given = settings.duration("timeout");
    assert_eq!(given, Some(Duration::from_millis(500)));
    assert!(settings.is_given("timeout"));
}

#[test]
fn a_flag_can_be_switched_off() {
    let mut settings = Settings::default();
    give(&mut settings, &NODELAY, plain("no")).unwrap();
    assert_eq!(settings.switch("nodelay"), Some(false));
    assert!(!settings.flag("nodelay"));
}

#[test]
fn twice_is_an_error_but_a_list_grows() {
    let mut settings = Settings::default();
    give(&mut settings, &NODELAY, None).unwrap();
    assert!(give(&mut settings, &NODELAY, None).is_err());
    give(&mut settings, &ALPN, bracketed("h2,http/1.1")).unwrap();
    give(&mut settings, &ALPN, plain("x")).unwrap();
    assert_eq!(settings.list("alpn"), ["h2", "http/1.1", "x"]);
}

/// Every kind: a value, and how it is printed.
#[test]
fn values_are_read_and_printed_as_they_are_typed() {
    const PORTS: OptionKind = OptionKind::Integer {
        min: -1,
        max: 65_535,
    };
    for (kind, typed, printed) in [
        (OptionKind::Flag, "on", "yes"),
        (OptionKind::Flag, "0", "no"),
        (OptionKind::Text, "", ""),
        (OptionKind::Secret, "hunter2", "***"),
        (OptionKind::Path, "a b", "a b"),
        (OptionKind::Duration, "1500ms", "1500ms"),
        (OptionKind::Duration, "60s", "1m"),
        (OptionKind::Duration, "0.5us", "500ns"),
        (OptionKind::Size, "65536", "64KiB"),
        (OptionKind::Size, "1.5KiB", "1536"),
        (OptionKind::Size, "1MB", "1000000"),
        (PORTS, "0x10", "16"),
        (PORTS, "-1", "-1"),
        (OptionKind::Count, "3", "3"),
        (OptionKind::Count, "forever", "forever"),
        (OptionKind::Choice(&["red", "green"]), "red", "red"),
        (OptionKind::List, "one", "[one]"),
        (OptionKind::Mode, "0660", "660"),
        (OptionKind::Bind, ":80", ":80"),
        (OptionKind::Bind, "[::1]", "[::1]"),
        (OptionKind::Address, "h:1#nodelay", "[tcp://h:1#nodelay]"),
    ] {
        let spec: &'static OptionSpec = Box::leak(Box::new(OptionSpec::new("x", kind, "")));
        let value = read(spec, plain(typed).as_ref()).unwrap();
        let source = Source::Given;
        let setting = Setting {
            spec,
            value,
            source,
        };
        assert_eq!(setting.to_string(), printed, "{typed}");
    }
}

#[test]
fn lists_have_items_between_commas() {
    for (text, items) in [
        ("", &[][..]),
        ("a", &["a"]),
        ("a, b%2Cc ,[d,e]", &["a", "b,c", "[d,e]"]),
    ] {
        let value = read(&ALPN, bracketed(text).as_ref()).unwrap();
        let items = items.iter().map(|item| (*item).to_owned()).collect();
        assert_eq!(value, Value::List(items), "{text}");
    }
}

/// What is refused, and words that the error must have.
#[test]
fn a_wrong_value_says_what_is_wanted() {
    const SMALL: OptionKind = OptionKind::Integer { min: 1, max: 255 };
    for (kind, typed, words) in [
        (OptionKind::Flag, "maybe", "x=maybe: yes or no"),
        (OptionKind::Duration, "5", "5s or 5ms"),
        (OptionKind::Duration, "5 s", "x=5s"),
        (OptionKind::Size, "1.5", "64KiB"),
        (OptionKind::Size, "99999999999TiB", "64KiB"),
        (SMALL, "256", "from 1 to 255"),
        (SMALL, "+5", "from 1 to 255"),
        (SMALL, "0x-5", "from 1 to 255"),
        (SMALL, "", "from 1 to 255"),
        (OptionKind::Count, "-1", "forever"),
        (OptionKind::Choice(&["red", "green"]), "gren", "x=green"),
        (OptionKind::Choice(&["red", "green"]), "RED", "x=red"),
        (OptionKind::Mode, "8", "660"),
        (OptionKind::Mode, "+660", "660"),
        (OptionKind::Mode, "77777", "660"),
        (OptionKind::Bind, "h:80", "192.0.2.1:4000"),
        (OptionKind::Bind, "[192.0.2.1]", "192.0.2.1:4000"),
        (OptionKind::Bind, ":65536", "192.0.2.1:4000"),
        (OptionKind::Address, "h", "./h"),
    ] {
        let error = read(&OptionSpec::new("x", kind, ""), plain(typed).as_ref()).unwrap_err();
        let all = format!("{error} {}", error.try_this().unwrap_or_default());
        assert!(all.contains(words), "{typed}: {all}");
    }
}

#[test]
fn what_wants_a_value_shows_one() {
    let error = read(&TIMEOUT, None).unwrap_err();
    assert_eq!(error.to_string(), "timeout wants a value");
    assert_eq!(error.try_this(), Some("timeout=10s"));
    let error = read(&ALPN, None).unwrap_err();
    assert_eq!(error.try_this(), Some("alpn=[A,B]"));
}
