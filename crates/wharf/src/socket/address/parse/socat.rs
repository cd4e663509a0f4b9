//! How socat would have put it: many come with its addresses in their fingers.
//!
//! Source: socat(1), section "address types". Nothing of this is understood, because an option list
//! after a comma means other things there; an error offers what means the same here.

use super::Parser;

/// How what follows the keyword is written.
#[derive(Clone, Copy)]
enum Form {
    /// `HOST:PORT`.
    Peer,
    /// `PORT`.
    Port,
    /// Anything else, up to the first comma.
    Place,
    /// A command, to the end.
    Command,
}

/// The keyword of socat, what our addresses of the same meaning begin with, and the form.
const KEYWORDS: &[(&str, &str, Form)] = &[
    ("tcp", "tcp://", Form::Peer),
    ("tcp4", "tcp://", Form::Peer),
    ("tcp6", "tcp://", Form::Peer),
    ("tcp-connect", "tcp://", Form::Peer),
    ("tcp4-connect", "tcp://", Form::Peer),
    ("tcp6-connect", "tcp://", Form::Peer),
    ("tcp-listen", "tcp-listen://:", Form::Port),
    ("tcp-l", "tcp-listen://:", Form::Port),
    ("tcp4-listen", "tcp-listen://:", Form::Port),
    ("tcp6-listen", "tcp-listen://[::1]:", Form::Port),
    ("udp", "udp://", Form::Peer),
    ("udp4", "udp://", Form::Peer),
    ("udp6", "udp://", Form::Peer),
    ("udp-connect", "udp://", Form::Peer),
    ("udp-sendto", "udp://", Form::Peer),
    ("udp-datagram", "udp://", Form::Peer),
    ("udp-listen", "udp-listen://:", Form::Port),
    ("udp-l", "udp-listen://:", Form::Port),
    ("udp4-listen", "udp-listen://:", Form::Port),
    ("udp6-listen", "udp-listen://[::1]:", Form::Port),
    ("udp-recvfrom", "udp-listen://:", Form::Port),
    ("openssl", "tls://", Form::Peer),
    ("openssl-connect", "tls://", Form::Peer),
    ("ssl", "tls://", Form::Peer),
    ("openssl-listen", "tls-listen://:", Form::Port),
    ("ssl-l", "tls-listen://:", Form::Port),
    ("unix", "unix:", Form::Place),
    ("unix-connect", "unix:", Form::Place),
    ("unix-client", "unix:", Form::Place),
    ("unix-listen", "unix-listen:", Form::Place),
    ("unix-l", "unix-listen:", Form::Place),
    ("abstract", "unix:@", Form::Place),
    ("abstract-connect", "unix:@", Form::Place),
    ("abstract-client", "unix:@", Form::Place),
    ("abstract-listen", "unix-listen:@", Form::Place),
    ("vsock", "vsock://", Form::Peer),
    ("vsock-connect", "vsock://", Form::Peer),
    ("vsock-listen", "vsock-listen://:", Form::Port),
    ("open", "file:", Form::Place),
    ("gopen", "file:", Form::Place),
    ("rdonly", "file:", Form::Place),
    ("create", "file:", Form::Place),
    ("system", "shell:", Form::Command),
    ("tun", "tun://#ip=", Form::Place),
    ("interface", "eth://", Form::Place),
    ("if", "eth://", Form::Place),
];

impl Parser<'_> {
    /// The whole text as it is spelled here, if it is how socat spells an address.
    pub(super) fn instead_of_socat(&self) -> Option<String> {
        let (keyword, rest) = self.text.split_once(':')?;
        let keyword = keyword.to_ascii_lowercase();
        let (_, begin, form) = KEYWORDS.iter().find(|(known, ..)| *known == keyword)?;
        let place = match form {
            Form::Command => rest,
            _ => rest.split([',', '#']).next().unwrap_or_default(),
        };
        let place = match form {
            Form::Peer => place.trim_start_matches('/'),
            Form::Port => place.trim_start_matches(['/', ':']),
            Form::Place | Form::Command => place,
        };
        let text = format!("{begin}{place}");
        if !self.understands(&text) {
            return None;
        }
        self.source.instead(0..self.text.len(), &text)
    }
}
