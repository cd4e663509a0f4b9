//! `wharf cert`: a server's certificates, what is wrong with them, and the line that pins them.
//!
//! Nothing is believed and nothing is sent. It exits with 0 if a connection would be accepted, and
//! as a refused connection would (6) if not; `--pem` only prints, and exits with 0.

use std::fmt::Write;
use std::io::IsTerminal;
use std::sync::Arc;

use serde::Serialize;
use wharf::escape::{Layout, escape_text};
use wharf::security::tls::Certificate;
use wharf::security::tls::inspect::{Inspection, inspect};
use wharf::socket::env::Env;
use wharf::{Endpoint, Kind, Result};

use crate::args::high::Cert;
use crate::exit::Exit;
use crate::terminal::Voice;
use crate::terminal::answer;
use crate::terminal::json::Tls;

/// How the certificates are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// To be saved as a file of trusted certificates.
    Pem,
}

/// The address of a server, of which a host is enough.
///
/// # Errors
/// Kind `Usage`.
pub fn address(typed: &str) -> Result<Endpoint> {
    const PORT: u16 = 443;
    if let Some(rest) = typed.strip_prefix("https://") {
        // A link from a browser: what follows the host is for the server.
        return address(rest.split(['/', '?', '#']).next().unwrap_or_default());
    }
    if typed.contains("://") || typed.starts_with("tls") {
        return Endpoint::parse(typed);
    }
    let (place, options) = typed.split_at(typed.find('#').unwrap_or(typed.len()));
    match has_port(place) {
        true => Endpoint::parse(&format!("tls://{place}{options}")),
        false => Endpoint::parse(&format!("tls://{place}:{PORT}{options}")),
    }
}

/// Whether a host is followed by a port; the colons of an IPv6 address stand in brackets.
fn has_port(place: &str) -> bool {
    place.rsplit(']').next().unwrap_or_default().contains(':')
}

/// Looks at the server and prints what it shows.
///
/// # Errors
/// It cannot be reached, or shows nothing.
pub fn run(cert: Cert, voice: &Arc<Voice>) -> Result<Exit> {
    let Cert {
        endpoint,
        names,
        form,
    } = cert;
    let mut env = Env::new().with_log(voice.clone());
    env.names = names;
    let runtime = super::relay::runtime()?;
    let inspection = runtime.block_on(inspect(&endpoint, &env));
    runtime.shutdown_background();
    let inspection = inspection?;
    let trusted = inspection.problems.is_empty();
    let printed = match form {
        Form::Text => {
            let text = text(&endpoint, &inspection);
            match std::io::stdout().is_terminal() {
                true => answer::print(&escape_text(text, Layout::Lines)),
                false => answer::print(&text),
            }
        }
        Form::Json => answer::print_json(&Told::of(&endpoint, &inspection)),
        Form::Pem => answer::print(&inspection.pem()),
    }?;
    Ok(match form {
        Form::Text | Form::Json if printed == Exit::Done && !trusted => Exit::Failed(Kind::Tls),
        _ => printed,
    })
}

fn text(endpoint: &Endpoint, inspection: &Inspection) -> String {
    let mut out = String::new();
    let peer = inspection.peer.as_ref().map(ToString::to_string);
    let _ = write!(out, "{}", peer.unwrap_or_else(|| endpoint.to_string()));
    if let Some(agreed) = &inspection.agreed {
        let _ = write!(out, ": {}, {}", agreed.version, agreed.cipher);
        for part in agreed.group.iter().chain(&agreed.alpn) {
            let _ = write!(out, ", {part}");
        }
    }
    out.push('\n');
    for (number, certificate) in inspection.chain.iter().enumerate() {
        one(&mut out, number + 1, certificate);
    }
    out.push('\n');
    for problem in &inspection.problems {
        let _ = writeln!(out, "wrong: {problem}");
    }
    for remark in &inspection.remarks {
        let _ = writeln!(out, "odd: {remark}");
    }
    if inspection.asks_for_certificate {
        out.push_str("it asks for a certificate of ours: #cert=FILE,key=FILE\n");
    }
    if inspection.problems.is_empty() {
        out.push_str("a connection would be accepted\n");
    }
    let _ = writeln!(
        out,
        "to trust exactly this server: {}",
        pinned(endpoint, inspection)
    );
    out
}

fn one(out: &mut String, number: usize, certificate: &Certificate) {
    let _ = writeln!(out, "\n{number}  {}", certificate.subject);
    let issuer = match certificate.self_signed {
        true => "itself",
        false => &certificate.issuer,
    };
    let rows = [
        ("names", certificate.names.join(", ")),
        ("issued by", issuer.to_owned()),
        (
            "valid",
            format!("{} to {}", certificate.not_before, certificate.not_after),
        ),
        (
            "key",
            format!("{}, signed with {}", certificate.key, certificate.signature),
        ),
        ("serial", certificate.serial.clone()),
        ("sha256", certificate.sha256.to_string()),
    ];
    for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = writeln!(out, "   {name:<10} {value}");
    }
}

/// The address with the option that pins the server.
fn pinned(endpoint: &Endpoint, inspection: &Inspection) -> String {
    let text = endpoint.to_string();
    let joint = if text.contains('#') { ',' } else { '#' };
    format!("{text}{joint}{}", inspection.pin())
}

/// What a server shows, in JSON; the names of the fields are stable.
#[derive(Serialize)]
struct Told {
    address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<String>,
    trusted: bool,
    problems: Vec<String>,
    remarks: Vec<String>,
    asks_for_certificate: bool,
    pin: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    agreed: Option<Tls>,
    chain: Vec<ToldCertificate>,
}

#[derive(Serialize)]
struct ToldCertificate {
    subject: String,
    issuer: String,
    names: Vec<String>,
    not_before: String,
    not_after: String,
    key: String,
    signature: String,
    serial: String,
    sha256: String,
    self_signed: bool,
    is_ca: bool,
    pem: String,
}

impl Told {
    fn of(endpoint: &Endpoint, inspection: &Inspection) -> Told {
        let certificate = |certificate: &Certificate| ToldCertificate {
            subject: certificate.subject.clone(),
            issuer: certificate.issuer.clone(),
            names: certificate.names.clone(),
            not_before: certificate.not_before.to_string(),
            not_after: certificate.not_after.to_string(),
            key: certificate.key.clone(),
            signature: certificate.signature.clone(),
            serial: certificate.serial.clone(),
            sha256: certificate.sha256.to_string(),
            self_signed: certificate.self_signed,
            is_ca: certificate.is_ca,
            pem: certificate.pem(),
        };
        Told {
            address: endpoint.to_string(),
            peer: inspection.peer.as_ref().map(ToString::to_string),
            trusted: inspection.problems.is_empty(),
            problems: inspection.problems.clone(),
            remarks: inspection.remarks.clone(),
            asks_for_certificate: inspection.asks_for_certificate,
            pin: pinned(endpoint, inspection),
            agreed: inspection.agreed.as_ref().map(Tls::of),
            chain: inspection.chain.iter().map(certificate).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_enough() {
        for (typed, meant) in [
            ("example.com", "tls://example.com:443"),
            ("example.com:8443", "tls://example.com:8443"),
            ("[::1]", "tls://[::1]:443"),
            ("https://example.com/a?b", "tls://example.com:443"),
            ("tls://example.com:1#alpn=h2", "tls://example.com:1#alpn=h2"),
            ("tls+exec#sni=a.b:cat", "tls+exec#sni=a.b:cat"),
        ] {
            match address(typed) {
                Ok(endpoint) => assert_eq!(endpoint.to_string(), meant),
                Err(error) => panic!("{typed}: {error}"),
            }
        }
    }
}
