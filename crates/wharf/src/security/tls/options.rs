//! What `tls` was told, checked: without any I/O.
//!
//! What excludes each other, or means nothing in the role that the layer plays, is refused with the
//! option that was probably meant. Not here: the list of options (`options/specs.rs`), and reading
//! the files that they name (`ready.rs`).

mod specs;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use rustls_pki_types::ServerName;
use wharf_proto::security::starttls::Protocol;

use super::fingerprint::Fingerprint;
use crate::socket::address::{Address, Host, Role};
use crate::socket::error::{Error, Result};
use crate::socket::scheme::{Parts, Shape};
use crate::socket::settings::Settings;

pub(super) use specs::{DANGER, OPTIONS};

/// Who is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Whom the system believes.
    System,
    /// Whom the certificates of this file vouch for.
    File(PathBuf),
    /// Who has one of these certificates.
    Pins(Vec<Fingerprint>),
    /// Whoever answers.
    Anyone,
    /// Nobody is asked (a server that wants no client certificates).
    Unasked,
}

/// Where our certificate and its key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Files {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

/// The versions to agree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Versions {
    pub(super) tls12: bool,
    pub(super) tls13: bool,
}

/// What was asked for, checked.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) role: Role,
    /// The name to ask for; `None` asks for none.
    pub(super) sni: Option<ServerName<'static>>,
    /// The name that the certificate must have; only with a pin or danger there may be none.
    pub(super) name: Option<ServerName<'static>>,
    /// What a throw-away certificate is made for.
    pub(super) own_names: Vec<String>,
    pub(super) alpn: Vec<Vec<u8>>,
    pub(super) trust: Trust,
    pub(super) files: Option<Files>,
    pub(super) versions: Versions,
    pub(super) resume: bool,
    pub(super) half_close: bool,
    pub(super) starttls: Option<Protocol>,
    pub(super) timeout: Option<Duration>,
}

impl Options {
    /// Checks what was typed for one layer.
    ///
    /// # Errors
    /// Kind `Usage`: options that exclude each other, mean nothing in this role, or are malformed;
    /// a client that has no name to check.
    pub(super) fn of(parts: &Parts<'_>) -> Result<Options> {
        let settings = parts.settings;
        let role = parts.role;
        refuse_other_role(settings, role)?;
        let trust = match role {
            Role::Client => client_trust(settings)?,
            Role::Server => server_trust(settings)?,
        };
        let host = host_of(parts.address);
        let (sni, name) = match role {
            Role::Client => client_names(settings, host)?,
            Role::Server => (None, None),
        };
        if role == Role::Client && name.is_none() && matches!(trust, Trust::System | Trust::File(_))
        {
            return Err(Error::usage(
                "there is no host name to check the server's certificate against",
            )
            .hint("name=HOST checks that name, pin=SHA256 one certificate"));
        }
        refuse_idle_name(settings, role, &trust)?;
        let timeout = settings.duration("handshake-timeout");
        Ok(Options {
            role,
            sni,
            name,
            own_names: own_names(settings, host),
            alpn: alpn(parts)?,
            trust,
            files: files(settings)?,
            versions: versions(settings)?,
            resume: settings.switch("resume").unwrap_or(true),
            half_close: settings.switch("half-close").unwrap_or(true),
            starttls: settings.text("starttls").and_then(Protocol::parse),
            timeout: timeout.filter(|timeout| !timeout.is_zero()),
        })
    }

    /// Whether we have a certificate to show.
    pub(super) fn is_certified(&self) -> bool {
        self.role == Role::Server || self.files.is_some()
    }
}

/// The host of the address, unless what stands there is the path of a lower layer.
fn host_of(address: &Address) -> Option<&Host> {
    let networked = address
        .ground()
        .is_some_and(|ground| matches!(ground.shape, Shape::Authority { .. }));
    let host = &address.authority()?.host;
    networked.then_some(host)
}

fn refuse_other_role(settings: &Settings, role: Role) -> Result<()> {
    let (others, instead): (&[&str], _) = match role {
        Role::Client => (&["client-ca"], "ca=FILE says whom a client trusts"),
        Role::Server => (
            &["sni", "ca", DANGER, "starttls"],
            "client-ca=FILE or pin=SHA256 says which clients a server trusts; by default none is asked for a certificate",
        ),
    };
    let Some(wrong) = others.iter().find(|name| settings.is_given(name)) else {
        return Ok(());
    };
    let role = match role {
        Role::Client => "client",
        Role::Server => "server",
    };
    Err(Error::usage(format!("{wrong} means nothing to a TLS {role}")).hint(instead))
}

/// A name that nobody would look at is a mistake.
fn refuse_idle_name(settings: &Settings, role: Role, trust: &Trust) -> Result<()> {
    if !settings.is_given("name") {
        return Ok(());
    }
    let why = match (role, trust) {
        // XMPP says it in clear.
        (Role::Client, Trust::Pins(_) | Trust::Anyone)
            if settings.text("starttls") != Some("xmpp") =>
        {
            "whom to trust is said without a name"
        }
        (Role::Server, _) if settings.is_given("cert") => {
            "name is for the certificate that is made where no cert is given"
        }
        _ => return Ok(()),
    };
    Err(Error::usage(format!("name would not be looked at: {why}")))
}

fn client_trust(settings: &Settings) -> Result<Trust> {
    let pins = pins(settings)?;
    let file = settings.text("ca").map(PathBuf::from);
    match (pins.is_empty(), file, settings.flag(DANGER)) {
        (true, None, false) => Ok(Trust::System),
        (true, Some(file), false) => Ok(Trust::File(file)),
        (false, None, false) => Ok(Trust::Pins(pins)),
        (true, None, true) => Ok(Trust::Anyone),
        _ => Err(Error::usage(format!(
            "ca, pin and {DANGER} exclude each other: each says alone whom to trust"
        ))),
    }
}

fn server_trust(settings: &Settings) -> Result<Trust> {
    let pins = pins(settings)?;
    match (pins.is_empty(), settings.text("client-ca")) {
        (true, None) => Ok(Trust::Unasked),
        (true, Some(file)) => Ok(Trust::File(file.into())),
        (false, None) => Ok(Trust::Pins(pins)),
        (false, Some(_)) => Err(Error::usage(
            "client-ca and pin exclude each other: each says alone whom to trust",
        )),
    }
}

fn pins(settings: &Settings) -> Result<Vec<Fingerprint>> {
    let parse = |text: &String| {
        Fingerprint::parse(text).ok_or_else(|| {
            Error::usage(format!(
                "pin={text}: the SHA-256 fingerprint of a certificate is wanted, 64 hexadecimal digits"
            ))
            .hint("wharf cert ADDRESS prints it")
        })
    };
    settings.list("pin").iter().map(parse).collect()
}

/// What to ask for and what to check, from what was typed and the host.
fn client_names(
    settings: &Settings,
    host: Option<&Host>,
) -> Result<(Option<ServerName<'static>>, Option<ServerName<'static>>)> {
    let host = match host {
        Some(Host::Name(name)) => Some(server_name("host", name)?),
        Some(Host::V4(address)) => Some(ServerName::IpAddress((*address).into())),
        Some(Host::V6(address, _)) => Some(ServerName::IpAddress((*address).into())),
        Some(Host::Missing) | None => None,
    };
    let sni = match settings.text("sni") {
        Some("") => None,
        Some(text) => match server_name("sni", text)? {
            name @ ServerName::DnsName(_) => Some(name),
            _ => {
                return Err(
                    Error::usage(format!("sni={text}: SNI carries names only")).hint(format!(
                        "name={text} checks the certificate for that address"
                    )),
                );
            }
        },
        None => host
            .clone()
            .filter(|host| matches!(host, ServerName::DnsName(_))),
    };
    let name = match settings.text("name") {
        Some(text) => Some(server_name("name", text)?),
        None if settings.is_given("sni") && sni.is_some() => sni.clone(),
        None => host,
    };
    Ok((sni, name))
}

fn server_name(option: &str, text: &str) -> Result<ServerName<'static>> {
    let bare = text.trim_matches(['[', ']']);
    ServerName::try_from(bare.to_owned()).map_err(|_| {
        let error = Error::usage(format!(
            "{option}={text}: not a name that a certificate can have"
        ));
        if text.is_ascii() {
            error
        } else {
            error.hint("write it as the DNS does, in ASCII (xn--...)")
        }
    })
}

/// The names under which clients may reach us, for a certificate of our own making.
fn own_names(settings: &Settings, host: Option<&Host>) -> Vec<String> {
    let mut names = vec!["localhost".to_owned()];
    match host {
        Some(Host::V4(address)) if !address.is_unspecified() => names.push(address.to_string()),
        Some(Host::V6(address, _)) if !address.is_unspecified() => names.push(address.to_string()),
        Some(Host::Name(name)) => names.push(name.clone()),
        _ => {}
    }
    if let Some(name) = settings.text("name") {
        names.insert(0, name.to_owned());
    }
    names.dedup();
    names
}

/// What was typed, or what the layer above speaks.
fn alpn(parts: &Parts<'_>) -> Result<Vec<Vec<u8>>> {
    if !parts.settings.is_given("alpn") {
        let spoken = parts.alpn.iter();
        return Ok(spoken.map(|name| name.as_bytes().to_vec()).collect());
    }
    let check = |name: &String| match name.len() {
        // RFC 7301, section 3.1: one octet counts it, and an empty one is not allowed.
        1..=255 => Ok(name.clone().into_bytes()),
        _ => Err(Error::usage(format!(
            "alpn={name}: the name of a protocol has 1 to 255 octets"
        ))),
    };
    parts.settings.list("alpn").iter().map(check).collect()
}

fn files(settings: &Settings) -> Result<Option<Files>> {
    match (settings.text("cert"), settings.text("key")) {
        (None, None) => Ok(None),
        (Some(certificate), key) => Ok(Some(Files {
            certificate: certificate.into(),
            key: key.unwrap_or(certificate).into(),
        })),
        (None, Some(_)) => {
            Err(Error::usage("a key without a certificate").hint("cert=FILE,key=FILE"))
        }
    }
}

fn versions(settings: &Settings) -> Result<Versions> {
    match (settings.text("min"), settings.text("max")) {
        (Some("1.3"), Some("1.2")) => Err(Error::usage("min=1.3 is above max=1.2")),
        (min, max) => Ok(Versions {
            tls12: min != Some("1.3"),
            tls13: max != Some("1.2"),
        }),
    }
}
