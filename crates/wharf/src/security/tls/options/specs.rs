//! The options of `tls`, as help, completions and `explain` show them.
//!
//! All are declared for both roles of the address, because `role=` may turn the layer's around; what
//! means nothing in a role is refused where they are read (`options.rs`).

use crate::socket::options::{OptionKind, OptionSpec};

/// The option that accepts whoever answers.
pub(in super::super) const DANGER: &str = "danger-accept-any-certificate";

const VERSIONS: OptionKind = OptionKind::Choice(&["1.2", "1.3"]);

/// Everything that `tls` takes.
pub(in super::super) const OPTIONS: &[OptionSpec] = &[
    OptionSpec::new(
        "sni",
        OptionKind::Text,
        "the server name to ask for; empty asks for none (client; default: the host, if it is a name)",
    ),
    OptionSpec::new(
        "name",
        OptionKind::Text,
        "the name that the certificate must have (client; default: sni, else the host), or that a throw-away one gets (server)",
    ),
    OptionSpec::new(
        "alpn",
        OptionKind::List,
        "protocols to agree on, best first: [h2,http/1.1] (default: what the layer above speaks)",
    ),
    OptionSpec::new(
        "ca",
        OptionKind::Path,
        "trusts the certificates of this PEM file in place of the system's (client)",
    ),
    OptionSpec::new(
        "pin",
        OptionKind::List,
        "trusts exactly the certificate with this SHA-256 fingerprint; its chain, name and dates are not looked at",
    ).example("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    OptionSpec::flag(
        DANGER,
        "checks nothing: whoever sits between can read and change all (client)",
    ),
    OptionSpec::new(
        "cert",
        OptionKind::Path,
        "our certificate, its chain behind it, in a PEM file (server: without it a throw-away one is made)",
    ),
    OptionSpec::new(
        "key",
        OptionKind::Path,
        "the key of our certificate in a PEM file (default: the file of cert)",
    ).example("key.pem,cert=cert.pem"),
    OptionSpec::new(
        "client-ca",
        OptionKind::Path,
        "requires a client certificate that was issued by one of this PEM file (server)",
    ).example("ca.pem,role=server"),
    OptionSpec::new("min", VERSIONS, "the lowest version to agree on").default("1.2"),
    OptionSpec::new("max", VERSIONS, "the highest version to agree on").default("1.3"),
    OptionSpec::new(
        "resume",
        OptionKind::Flag,
        "resumes earlier sessions, which saves a certificate check and a round trip",
    )
    .default("yes"),
    OptionSpec::new(
        "half-close",
        OptionKind::Flag,
        "ends one direction alone; no: waits for the peer's end first, for peers that drop what they still have to send",
    )
    .default("yes"),
    OptionSpec::new(
        "starttls",
        OptionKind::Choice(&["smtp", "imap", "pop3", "ftp", "postgres", "ldap", "xmpp"]),
        "begins in clear and turns to TLS as this protocol does (client)",
    ),
    OptionSpec::new(
        "handshake-timeout",
        OptionKind::Duration,
        "gives up after so long without an agreement; 0: never",
    )
    .default("10s"),
    OptionSpec::new(
        "role",
        OptionKind::Choice(&["client", "server"]),
        "plays this role whatever the layer below does",
    ),
];
