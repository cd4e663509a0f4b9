//! Options of `tls` as they are typed.

use super::*;
use crate::Endpoint;
use crate::socket::error::Kind;

fn options(address: &str) -> Result<Options> {
    let endpoint = Endpoint::parse(address)?;
    let layer = endpoint.layers().first().unwrap();
    Options::of(&Parts {
        address: endpoint.address(),
        settings: &layer.settings,
        role: layer.role,
        used: &[],
        alpn: &[],
    })
}

fn refused(address: &str) -> String {
    let error = options(address).unwrap_err();
    assert_eq!(error.kind(), Kind::Usage, "{error}");
    error.reason().to_owned()
}

#[test]
fn a_host_is_asked_for_and_checked() {
    let named = options("tls://a.test:1").unwrap();
    assert_eq!(named.sni, Some(ServerName::try_from("a.test").unwrap()));
    assert_eq!(named.name, named.sni);
    let numbered = options("tls://[2001:db8::1]:1").unwrap();
    assert_eq!(numbered.sni, None);
    assert_eq!(
        numbered.name,
        Some(ServerName::try_from("2001:db8::1").unwrap())
    );
    let silent = options("tls://a.test:1#sni=").unwrap();
    assert_eq!((silent.sni, silent.name), (None, named.name));
}

#[test]
fn a_ground_without_a_host_needs_a_name_or_a_pin() {
    let reason = refused("tls+exec:cat");
    assert!(reason.contains("no host name"), "{reason}");
    let named = options("tls+exec#name=a.test:cat").unwrap();
    assert_eq!(named.name, Some(ServerName::try_from("a.test").unwrap()));
    assert_eq!(named.sni, None);
    let pin = "ab".repeat(32);
    assert_eq!(
        options(&format!("tls+exec#pin={pin}:cat")).unwrap().name,
        None
    );
    assert!(options(&format!("tls+exec#{DANGER}:cat")).is_ok());
    assert!(options("tls+exec#role=server:cat").is_ok());
}

#[test]
fn what_excludes_each_other_or_means_nothing_is_refused() {
    let pin = "ab".repeat(32);
    for address in [
        format!("tls://a.test:1#pin={pin},ca=x"),
        format!("tls://a.test:1#pin={pin},{DANGER}"),
        format!("tls-listen://:1#pin={pin},client-ca=x"),
        "tls://a.test:1#key=x".to_owned(),
        "tls://a.test:1#min=1.3,max=1.2".to_owned(),
        "tls://a.test:1#client-ca=x".to_owned(),
        "tls-listen://:1#ca=x".to_owned(),
        "tls-listen://:1#sni=x".to_owned(),
        "tls-listen://:1#starttls=smtp".to_owned(),
        format!("tls-listen://:1#{DANGER}"),
        "tls://a.test:1#pin=abc".to_owned(),
        "tls://a.test:1#sni=192.0.2.1".to_owned(),
        "tls://a.test:1#name=a..b".to_owned(),
        "tls://a.test:1#alpn=".to_owned(),
        format!("tls://a.test:1#pin={pin},name=b.test"),
        format!("tls://a.test:1#{DANGER},name=b.test"),
        "tls-listen://:1#cert=x,name=a.test".to_owned(),
    ] {
        refused(&address);
    }
    assert_eq!(
        refused("tls-listen://:1#ca=x"),
        "ca means nothing to a TLS server"
    );
}

#[test]
fn a_throw_away_certificate_is_for_where_we_listen() {
    let names = |address: &str| options(address).unwrap().own_names;
    assert_eq!(names("tls-listen://:1"), ["localhost", "127.0.0.1"]);
    assert_eq!(names("tls-listen://[::]:1"), ["localhost"]);
    assert_eq!(
        names("tls-listen://:1#name=a.test"),
        ["a.test", "localhost", "127.0.0.1"]
    );
}

#[test]
fn several_pins_allow_for_a_renewal() {
    let (one, two) = ("ab".repeat(32), "cd".repeat(32));
    let trust = options(&format!("tls://a.test:1#pin=[{one},{two}]"))
        .unwrap()
        .trust;
    let pins = [one, two].map(|pin| Fingerprint::parse(&pin).unwrap());
    assert_eq!(trust, Trust::Pins(pins.into()));
}
