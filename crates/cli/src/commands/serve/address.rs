//! Where `wharf serve` listens: what people type as an address of a web server, as an endpoint.
//!
//! `:8000` and `8000` are loopback, as everywhere; `HOST:PORT` listens here, although it would connect
//! elsewhere; anything else is an address of a listener for streams.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use wharf::socket::channel::Kind;
use wharf::socket::units::percent_encode;
use wharf::{Endpoint, Error, Result};

/// Where it listens unless it is told.
pub const USUAL: &str = ":8000";

/// The endpoint of `--http`.
///
/// # Errors
/// Kind `Usage`.
pub fn http(typed: &str) -> Result<Endpoint> {
    match place(typed) {
        Some(place) => listener(&format!("tcp-listen://{place}"), typed),
        None => listener(typed, typed),
    }
}

/// The endpoint of `--https`, with the certificate of these files.
///
/// # Errors
/// Kind `Usage`.
pub fn https(typed: &str, cert: Option<&Path>, key: Option<&Path>) -> Result<Endpoint> {
    let Some(place) = place(typed) else {
        if cert.is_some() {
            let text = format!("{typed} has options of its own, and --cert is not one of them");
            return Err(Error::usage(text).hint(format!("{typed}#cert=FILE,key=FILE")));
        }
        return listener(typed, typed);
    };
    let mut text = format!("tls-listen://{place}");
    text.push(if text.contains('#') { ',' } else { '#' });
    text.push_str("alpn=[h2,http/1.1]");
    for (name, file) in [("cert", cert), ("key", key)] {
        if let Some(file) = file {
            let file = percent_encode(file.as_os_str().as_bytes(), b",#[]");
            text.push_str(&format!(",{name}={file}"));
        }
    }
    listener(&text, typed)
}

/// `HOST:PORT` of what has no scheme; a port alone is loopback.
fn place(typed: &str) -> Option<String> {
    let authority = typed.split('#').next().unwrap_or_default();
    if !authority.is_empty() && authority.bytes().all(|octet| octet.is_ascii_digit()) {
        return Some(format!(":{typed}"));
    }
    let (host, port) = authority.rsplit_once(':')?;
    let is_port = !port.is_empty() && port.bytes().all(|octet| octet.is_ascii_digit());
    let is_host = match host.strip_prefix('[') {
        Some(rest) => rest.ends_with(']'),
        None => !host.contains([':', '/', '@']),
    };
    (is_port && is_host).then(|| typed.to_owned())
}

fn listener(text: &str, typed: &str) -> Result<Endpoint> {
    let endpoint = Endpoint::parse(text)?;
    if !endpoint.is_listener() {
        let error = Error::usage(format!("{typed} is opened, and a server listens"));
        return Err(error.hint("--http :8000, --http 0.0.0.0:80, --http unix-listen:PATH"));
    }
    if endpoint.kind() == Kind::Packets {
        let error = Error::usage(format!("{typed} gives packets, and HTTP needs a stream"));
        return Err(error.hint("--http :8000"));
    }
    Ok(endpoint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type_listens() {
        for (typed, meant) in [
            (":8000", "tcp-listen://127.0.0.1:8000"),
            ("8000", "tcp-listen://127.0.0.1:8000"),
            ("0.0.0.0:80", "tcp-listen://0.0.0.0:80"),
            ("[::]:80", "tcp-listen://[::]:80"),
            ("box.lan:0", "tcp-listen://box.lan:0"),
            (":0#nodelay", "tcp-listen://127.0.0.1:0#nodelay"),
            ("tcp-listen://:1", "tcp-listen://127.0.0.1:1"),
            ("unix-listen:/run/x", "unix-listen:/run/x"),
        ] {
            match http(typed) {
                Ok(endpoint) => assert_eq!(endpoint.to_string(), meant, "{typed}"),
                Err(error) => panic!("{typed}: {error}"),
            }
        }
        for typed in [
            "",
            "tcp://h:1",
            "/run/x",
            "udp-listen://:1",
            "h",
            "http://h:1",
        ] {
            assert!(http(typed).is_err(), "{typed}");
        }
    }

    #[test]
    fn https_is_tls_with_both_versions() {
        let text = |typed, cert: Option<&str>| {
            let endpoint = https(typed, cert.map(Path::new), None);
            endpoint.map(|endpoint| endpoint.to_string()).unwrap()
        };
        assert_eq!(
            text(":8443", None),
            "tls-listen://127.0.0.1:8443#alpn=[h2,http/1.1]"
        );
        assert_eq!(
            text("0.0.0.0:8443#min=1.3", Some("a,b.pem")),
            "tls-listen://0.0.0.0:8443#min=1.3,alpn=[h2,http/1.1],cert=a%2Cb.pem"
        );
        assert!(https("tls-listen://:1", Some(Path::new("x")), None).is_err());
    }
}
