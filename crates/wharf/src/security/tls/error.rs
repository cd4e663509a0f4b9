//! Failures of TLS in words: what happened, whose turn it is, what to type.
//!
//! The engine speaks of alerts and messages; here they become reasons for people. An alert is what
//! the peer says of *us*, everything else is what we say of the peer.

use std::io;

use rustls::{AlertDescription as Alert, Error as Engine, InvalidMessage, PeerIncompatible};

use super::certificate::Certificate;
use super::options::Trust;
use super::verdict;
use super::verify::Shown;
use crate::socket::address::Role;
use crate::socket::error::{Error, Kind, Op};

/// What is known of the connection that failed.
pub(super) struct Scene<'a> {
    /// Our role.
    pub(super) role: Role,
    /// Whom we trust.
    pub(super) trust: &'a Trust,
    /// Whether we have a certificate.
    pub(super) certified: bool,
    /// What the handshake has shown.
    pub(super) shown: &'a Shown,
    /// The first octets that the peer sent.
    pub(super) begins: &'a [u8],
}

/// The engine's error inside an I/O error.
pub(super) fn engine(error: &io::Error) -> Option<&Engine> {
    error.get_ref()?.downcast_ref()
}

/// A handshake that failed.
pub(super) fn handshake(error: io::Error, scene: &Scene<'_>) -> Error {
    if let Some(engine) = engine(&error) {
        return explain(Op::Handshake, engine, scene);
    }
    let is_ours = error.get_ref().is_some_and(|inner| inner.is::<Error>());
    if error.kind() == io::ErrorKind::UnexpectedEof && !is_ours {
        let peer = peer_of(scene.role);
        let reason = format!("the {peer} ended the connection during the handshake");
        let error = Error::new(Op::Handshake, Kind::Tls, reason);
        return match scene.role {
            Role::Client => error.hint(
                "does it speak TLS on this port, or begin in clear (starttls=...)? \
                 it may also want another sni=NAME",
            ),
            Role::Server => error,
        };
    }
    Error::io(Op::Handshake, error)
}

/// An error of the engine while doing `op`.
pub(super) fn explain(op: Op, engine: &Engine, scene: &Scene<'_>) -> Error {
    let peer = peer_of(scene.role);
    let tls = |reason: String| Error::new(op, Kind::Tls, reason);
    match engine {
        Engine::InvalidMessage(InvalidMessage::InvalidContentType)
            if scene.begins.first().is_some_and(|first| !is_record(*first)) =>
        {
            not_tls(op, scene)
        }
        Engine::InvalidCertificate(why) => {
            let leaf = scene.shown.chain.first();
            let leaf = leaf.and_then(|der| Certificate::parse(der));
            let their_role = match scene.role {
                Role::Client => Role::Server,
                Role::Server => Role::Client,
            };
            let verdict = verdict::of(why, their_role, leaf.as_ref(), scene.trust);
            let kind = match scene.role {
                Role::Client => Kind::Tls,
                Role::Server => Kind::Auth,
            };
            let error = Error::new(op, kind, verdict.reason);
            match verdict.hint {
                Some(hint) => error.hint(hint),
                None => error,
            }
        }
        Engine::NoCertificatesPresented if scene.role == Role::Server => Error::new(
            op,
            Kind::Auth,
            "the client gave no certificate, and one is required",
        )
        .hint("the client has to be told of its certificate: cert=FILE,key=FILE"),
        Engine::AlertReceived(alert) => alerted(op, *alert, scene),
        Engine::PeerIncompatible(why) => incompatible(op, why, peer),
        Engine::NoApplicationProtocol => {
            tls(format!("the {peer} knows no protocol of our list")).hint("alpn=[...] is the list")
        }
        other => tls(format!(
            "the {peer} broke the rules of TLS: {}",
            lower(&other.to_string())
        )),
    }
}

/// What a peer that speaks something else said.
fn not_tls(op: Op, scene: &Scene<'_>) -> Error {
    let line = scene.begins.split(|octet| matches!(octet, b'\r' | b'\n'));
    let line = line.into_iter().next().unwrap_or_default();
    let (peer, said) = match scene.role {
        Role::Client => ("server", "answered"),
        Role::Server => ("client", "sent"),
    };
    let reason = format!(
        "the {peer} does not speak TLS: it {said} \"{}\"",
        line.escape_ascii()
    );
    let error = Error::new(op, Kind::Tls, reason);
    if scene.role == Role::Server {
        return error;
    }
    // Greetings of protocols that begin in clear: RFC 5321 and 959, 9051, 1939.
    let starttls = match line {
        [b'2', b'2', b'0', ..] => Some("starttls=smtp or starttls=ftp"),
        [b'*', b' ', ..] => Some("starttls=imap"),
        [b'+', b'O', b'K', ..] => Some("starttls=pop3"),
        _ => None,
    };
    match starttls {
        Some(option) => error.hint(format!("{option} turns to TLS as that protocol does")),
        None => error.hint("leave tls out to speak in clear, or try another port"),
    }
}

/// Whether a TLS record can begin so (RFC 8446, section 5.1).
fn is_record(first: u8) -> bool {
    (20..=24).contains(&first)
}

/// What the peer says of us.
fn alerted(op: Op, alert: Alert, scene: &Scene<'_>) -> Error {
    let peer = peer_of(scene.role);
    let about_certificate = matches!(
        alert,
        Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied
    );
    // TLS 1.2 has no alert for a missing certificate; servers use one of these.
    let missing = alert == Alert::CertificateRequired
        || scene.shown.asked
            && !scene.certified
            && (about_certificate || alert == Alert::HandshakeFailure);
    if missing && scene.role == Role::Client {
        return Error::new(
            op,
            Kind::Auth,
            "the server requires a client certificate, and none was given",
        )
        .hint("cert=FILE,key=FILE");
    }
    let words = words(alert);
    if about_certificate {
        let (kind, hint) = match scene.role {
            Role::Client => (Kind::Auth, None),
            Role::Server => (
                Kind::Tls,
                Some("the client has to trust it, by its authority or its fingerprint"),
            ),
        };
        let error = Error::new(
            op,
            kind,
            format!("the {peer} does not accept our certificate: {words}"),
        );
        return match hint {
            Some(hint) => error.hint(hint),
            None => error,
        };
    }
    let error = Error::new(op, Kind::Tls, format!("the {peer} refused: {words}"));
    match alert {
        Alert::HandshakeFailure | Alert::InsufficientSecurity | Alert::ProtocolVersion => {
            error.hint(WHAT_WE_SPEAK)
        }
        Alert::UnrecognisedName => error.hint("sni=NAME asks for another server name"),
        Alert::NoApplicationProtocol => error.hint("alpn=[...] is the list of protocols"),
        _ => error,
    }
}

const WHAT_WE_SPEAK: &str = "we speak TLS 1.2 and 1.3 (min=, max=) with forward secrecy; \
     older versions, CBC and static RSA are not supported";

/// RFC 8446, section 6.2, in words.
fn words(alert: Alert) -> String {
    match alert {
        Alert::HandshakeFailure => "no parameters in common (handshake_failure)",
        Alert::InsufficientSecurity => "our parameters are too weak for it (insufficient_security)",
        Alert::ProtocolVersion => "no version in common (protocol_version)",
        Alert::BadCertificate => "it is damaged or for another name (bad_certificate)",
        Alert::UnsupportedCertificate => "its kind is not supported (unsupported_certificate)",
        Alert::CertificateRevoked => "it was revoked (certificate_revoked)",
        Alert::CertificateExpired => "it is not valid today (certificate_expired)",
        Alert::CertificateUnknown => "it did not say why (certificate_unknown)",
        Alert::UnknownCA => "its issuer is unknown there (unknown_ca)",
        Alert::AccessDenied => "access denied (access_denied)",
        Alert::UnrecognisedName => "it has no server of that name (unrecognized_name)",
        Alert::NoApplicationProtocol => {
            "no application protocol in common (no_application_protocol)"
        }
        Alert::CertificateRequired => "it requires a certificate (certificate_required)",
        Alert::DecryptError => "a signature or key did not fit (decrypt_error)",
        Alert::InternalError => "an error of its own (internal_error)",
        Alert::UserCanceled => "it was cancelled there (user_canceled)",
        other => return format!("alert {other:?}"),
    }
    .to_owned()
}

fn incompatible(op: Op, why: &PeerIncompatible, peer: &str) -> Error {
    let reason = match why {
        PeerIncompatible::ServerDoesNotSupportTls12Or13 => {
            "speaks only versions of TLS that are older than 1.2".to_owned()
        }
        PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
        | PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled
        | PeerIncompatible::SupportedVersionsExtensionRequired => {
            "speaks no version of TLS that we allow".to_owned()
        }
        PeerIncompatible::NoCipherSuitesInCommon => "has no cipher suite that we have".to_owned(),
        PeerIncompatible::NoKxGroupsInCommon => "has no key exchange group that we have".to_owned(),
        PeerIncompatible::NoSignatureSchemesInCommon
        | PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon => {
            "has no signature algorithm for the kind of key of our certificate".to_owned()
        }
        other => format!("lacks something that TLS needs here ({other:?})"),
    };
    Error::new(op, Kind::Tls, format!("the {peer} {reason}")).hint(WHAT_WE_SPEAK)
}

fn peer_of(ours: Role) -> &'static str {
    match ours {
        Role::Client => "server",
        Role::Server => "client",
    }
}

fn lower(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => String::new(),
    }
}
