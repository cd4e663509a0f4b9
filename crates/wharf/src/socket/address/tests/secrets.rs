//! Secrets stay out of everything that is shown: addresses, errors, hints, templates, debug texts.

use proptest::prelude::*;

use super::*;
use crate::socket::settings::Setting;

#[test]
fn a_secret_is_masked_wherever_it_stands() {
    for (text, shown) in [
        ("http://me:hunter2@h", "http://me:***@h"),
        ("http://me:hun@ter:2@h/x", "http://me:***@h/x"),
        ("http://h#token=hunter2", "http://h#token=***"),
        (
            "http://h#token=[hunt,er2],http.keepalive",
            "http://h#token=***,http.keepalive",
        ),
        (
            "https://h#tls.passphrase=hunter2,sni=x",
            "https://h#tls.passphrase=***,sni=x",
        ),
        (
            "tcp://h:1#via=[socks5://me:hunter2@p#via=[socks5://you:hunter2@q]]",
            "tcp://h:1#via=[socks5://me:***@p#via=[socks5://you:***@q]]",
        ),
        (
            "tcp://h:1#via=socks5://me:hunter2@p",
            "tcp://h:1#via=[socks5://me:***@p]",
        ),
        (
            "http://me:hunter2@{target}/#token=hunter2",
            "http://me:***@{target}/#token=***",
        ),
    ] {
        let endpoint = Endpoint::parse_with(text, &CATALOG).unwrap();
        assert_eq!(endpoint.to_string(), shown, "{text}");
        let debug = format!(
            "{endpoint:?} {:?} {:?}",
            endpoint.address(),
            endpoint.layers()
        );
        assert!(!debug.contains("hunter2"), "{debug}");
        let whole = endpoint.address().to_string_with_secrets();
        assert_eq!(whole.matches("***").count(), 0, "{whole}");
    }
}

#[test]
fn a_setting_is_shown_without_its_secret() {
    let text = "http://h#token=hunter2,via=[socks5://me:hunter2@p]";
    let endpoint = Endpoint::parse_with(text, &CATALOG).unwrap();
    let settings = endpoint
        .layers()
        .iter()
        .flat_map(|layer| layer.settings.iter());
    let shown: Vec<String> = settings.map(Setting::to_string).collect();
    assert!(shown.contains(&"***".to_owned()), "{shown:?}");
    assert!(
        shown.contains(&"[socks5://me:***@p]".to_owned()),
        "{shown:?}"
    );
}

/// Every way to mistype an address that has a password in it.
#[test]
fn an_error_shows_no_secret() {
    for text in [
        "http://me:hunter2@h:99999",
        "tpc://me:hunter2@h:1",
        "tcp://me:hunter2@h",
        "tcp://me:hunter2@",
        "http://me:hunter2#x@h",
        "http://me:hun/ter2@h:1#zz",
        "tcp://me:12#hunter2@h:1",
        "http://me:hunter2%@h",
        "http://me:%FFhunter2@h",
        "me:hunter2@h:22",
        "http://h#token=hunter2,zz",
        "http://h#tokn=hunter2",
        "http://h#token=hunter2#x",
        "http://h#token=[hunter2",
        "https://h#tls[3].passphrase=hunter2",
        "tcp://h:1#via=[socks5://me:hunter2@p:x y]",
        "tcp://h:1#via=[socks5://me:hunter2@p,nodelay",
        "tcp://h:1#via=[socks5://me:hunter2@p],zz",
        "tcp://h:1#via=[http://me:hunter2@p]",
        "http://me:hunter2@{taget}",
        "http://me:hunter2@{target}#zz",
    ] {
        let error = refused(text);
        let pointer = error.pointer().unwrap();
        assert!(pointer.offset <= pointer.text.len(), "{text}");
        let all = format!("{error} {error:?} {pointer:?} {:?}", error.try_this());
        assert!(
            !all.contains("hunter2") && !all.contains("ter2@"),
            "{text}: {all}"
        );
    }
}

#[test]
fn what_points_behind_a_secret_moves_with_it() {
    for (text, at) in [
        ("http://me:hunter2@h:99999", "99999"),
        ("http://me:x@h:99999", "99999"),
        ("http://me:@h:99999", "99999"),
        ("http://h#token=hunter2,zz=1", "zz=1"),
        ("tcp://h:1#via=[socks5://me:hunter2@p],zz", "zz"),
        // Into the secret itself: at its mask.
        ("http://me:hunter2%@h", "***@h"),
    ] {
        let error = refused(text);
        let pointer = error.pointer().unwrap();
        assert_eq!(&pointer.text[pointer.offset..], at, "{text}");
    }
}

proptest! {
    /// Whatever the password is, and whatever is wrong with the address.
    #[test]
    fn no_password_comes_to_light(
        password in "[a-z:@\\[\\]{},=%. ]{0,6}SECRET[a-z:@{},=.]{0,6}",
        begin in "(http|https|tpc|tls+http)",
        end in "(:1|:x y|/a@b|#zz|#token=SECRET|#via=\\[socks5://u:SECRET@p\\]|#)",
    ) {
        let text = format!("{begin}://me:{password}@h{end}");
        match Endpoint::parse_with(&text, &CATALOG) {
            Ok(endpoint) => {
                let has_password = endpoint
                    .address()
                    .authority()
                    .is_some_and(|authority| authority.password.is_some());
                prop_assert!(
                    !has_password || !endpoint.to_string().contains("SECRET"),
                    "{} is shown as {}", text, endpoint
                );
            }
            Err(error) => {
                let all = format!("{error:?} {:?} {:?}", error.pointer(), error.try_this());
                prop_assert!(!all.contains("SECRET"), "{}: {}", text, all);
            }
        }
    }
}
