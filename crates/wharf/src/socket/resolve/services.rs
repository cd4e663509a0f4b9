//! Names of ports: the machine's table, and a small one of our own.
//!
//! Sources: services(5), RFC 6335. Not here: SRV records.

/// Services that people name, for machines without `/etc/services` (IANA's registry, RFC 6335).
const WELL_KNOWN: [(&str, u16); 28] = [
    ("discard", 9),
    ("domain", 53),
    ("echo", 7),
    ("finger", 79),
    ("ftp", 21),
    ("ftps", 990),
    ("gopher", 70),
    ("http", 80),
    ("https", 443),
    ("imap", 143),
    ("imap2", 143),
    ("imaps", 993),
    ("ldap", 389),
    ("ldaps", 636),
    ("mqtt", 1883),
    ("mysql", 3306),
    ("nntp", 119),
    ("ntp", 123),
    ("pop3", 110),
    ("pop3s", 995),
    ("postgresql", 5432),
    ("smtp", 25),
    ("snmp", 161),
    ("ssh", 22),
    ("submission", 587),
    ("syslog", 514),
    ("telnet", 23),
    ("tftp", 69),
];

/// The port of a service; `transport` is `tcp` or `udp`.
pub(super) fn port(name: &str, transport: &str) -> Option<u16> {
    let table = std::fs::read_to_string("/etc/services").unwrap_or_default();
    let known = || {
        WELL_KNOWN
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
    };
    listed(&table, name, transport).or_else(|| known().map(|(_, port)| *port))
}

/// The port that a table in the manner of services(5) gives to a name. RFC 6335, section 5.1: case
/// does not matter.
fn listed(table: &str, name: &str, transport: &str) -> Option<u16> {
    table.lines().find_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        let (official, port) = (words.next()?, words.next()?);
        let (number, kind) = port.split_once('/')?;
        let mut names = std::iter::once(official).chain(words);
        let is_meant = kind == transport && names.any(|word| word.eq_ignore_ascii_case(name));
        is_meant.then(|| number.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_found_by_any_of_their_names() {
        let table = "# comment\nhttp 80/tcp www WWW-http # World Wide Web\n\
                     domain 53/tcp\ndomain 53/udp\nbad\nworse 1\nfar 99999/tcp\n";
        for (name, transport, port) in [
            ("http", "tcp", Some(80)),
            ("HTTP", "tcp", Some(80)),
            ("www-http", "tcp", Some(80)),
            ("http", "udp", None),
            ("domain", "udp", Some(53)),
            ("World", "tcp", None),
            ("worse", "tcp", None),
            ("far", "tcp", None),
        ] {
            assert_eq!(listed(table, name, transport), port, "{name}/{transport}");
        }
    }
}
