//! What was agreed in a handshake: for [`Info`](crate::socket::info::Info) and for the log.

use rustls::{CommonState, HandshakeKind, ProtocolVersion};

use super::certificate::Certificate;
use super::fingerprint::Fingerprint;
use crate::socket::info::TlsFacts;

/// The facts of a session. `sni` is the server name that was asked for.
pub(super) fn of(session: &CommonState, sni: Option<String>) -> TlsFacts {
    let leaf = session.peer_certificates().and_then(<[_]>::first);
    let suite = session.negotiated_cipher_suite();
    let alpn = session.alpn_protocol();
    TlsFacts {
        version: session.protocol_version().map_or("unknown", version).into(),
        cipher: suite.map_or_else(String::new, |suite| standard_name(&suite)),
        group: session
            .negotiated_key_exchange_group()
            .map(|group| format!("{:?}", group.name())),
        alpn: alpn.map(|name| String::from_utf8_lossy(name).into_owned()),
        sni,
        fingerprint: leaf.map(|der| Fingerprint::of(der).to_string()),
        subject: leaf
            .and_then(|der| Certificate::parse(der))
            .map(|leaf| leaf.subject),
        resumed: session.handshake_kind() == Some(HandshakeKind::Resumed),
    }
}

fn version(version: ProtocolVersion) -> &'static str {
    match version {
        ProtocolVersion::TLSv1_2 => "TLSv1.2",
        ProtocolVersion::TLSv1_3 => "TLSv1.3",
        _ => "unknown",
    }
}

/// The engine writes `TLS13_AES_128_GCM_SHA256` for what the standard calls `TLS_AES_...`.
fn standard_name(suite: &rustls::SupportedCipherSuite) -> String {
    let name = format!("{:?}", suite.suite());
    match name.strip_prefix("TLS13_") {
        Some(rest) => format!("TLS_{rest}"),
        None => name,
    }
}

/// The line for the log.
pub(super) fn line(facts: &TlsFacts) -> String {
    let mut parts = vec![facts.version.clone(), facts.cipher.clone()];
    parts.extend(facts.group.clone());
    parts.extend(facts.alpn.as_ref().map(|alpn| format!("ALPN {alpn}")));
    parts.extend(facts.sni.as_ref().map(|sni| format!("SNI {sni}")));
    if facts.resumed {
        parts.push("resumed".to_owned());
    }
    parts.extend(
        facts
            .subject
            .as_ref()
            .map(|subject| format!("peer {subject}")),
    );
    let fingerprint = facts.fingerprint.as_ref();
    parts.extend(fingerprint.map(|fingerprint| format!("SHA-256 {fingerprint}")));
    parts.join(", ")
}
