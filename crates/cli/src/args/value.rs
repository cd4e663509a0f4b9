//! How the values of flags are read; units are those of addresses.
//!
//! Each function is a parser for one kind of value and says in one line what is wanted.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use wharf::socket::env::Override;
use wharf::socket::units;
use wharf::transfer::{Check, Sum};

/// Reads `500ms`, `5s`, `2m`.
pub fn duration(text: &str) -> Result<Duration, String> {
    units::parse_duration(text)
}

/// When to quit after the left side ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuitAfter {
    /// So long later.
    Time(Duration),
    /// Only when the right side ends too.
    Never,
}

/// Reads a time, `forever`, or a negative number, which nc users mean as forever.
pub fn quit_after(text: &str) -> Result<QuitAfter, String> {
    if text == "forever" || text.starts_with('-') {
        return Ok(QuitAfter::Never);
    }
    units::parse_duration(text).map(QuitAfter::Time)
}

/// How long silence is waited for; without a time, for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silence(pub Option<Duration>);

/// Reads a time, or `forever`.
pub fn silence(text: &str) -> Result<Silence, String> {
    match text {
        "forever" => Ok(Silence(None)),
        _ => match units::parse_duration(text)? {
            Duration::ZERO => Err("nothing would have time to come".into()),
            time => Ok(Silence(Some(time))),
        },
    }
}

/// Reads a number of connections.
pub fn connections(text: &str) -> Result<usize, String> {
    const MOST: usize = 64;
    text.parse()
        .ok()
        .filter(|n| (1..=MOST).contains(n))
        .ok_or_else(|| format!("a whole number from 1 to {MOST} is wanted"))
}

/// Reads a SHA-256 sum, or `show`.
pub fn check(text: &str) -> Result<Check, String> {
    match text {
        "show" => Ok(Check::Told),
        _ => Sum::parse(text)
            .map(Check::Wanted)
            .ok_or_else(|| "64 hexadecimal digits are wanted, or show".into()),
    }
}

/// Reads the method of a request (RFC 9110, section 9.1).
pub fn method(text: &str) -> Result<String, String> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    match !text.is_empty() && text.bytes().all(fits) {
        true => Ok(text.to_owned()),
        false => Err("a method is wanted, such as PUT or POST".into()),
    }
}

/// Reads a number of at least 1.
pub fn positive(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|n| *n > 0)
        .ok_or_else(|| "a whole number from 1 on is wanted".into())
}

/// Reads a number of threads.
pub fn workers(text: &str) -> Result<usize, String> {
    const MOST: usize = 1024;
    text.parse()
        .ok()
        .filter(|n| (1..=MOST).contains(n))
        .ok_or_else(|| format!("a whole number from 1 to {MOST} is wanted"))
}

/// Reads octets: `64KiB`, `1GB`.
pub fn size(text: &str) -> Result<u64, String> {
    units::parse_size(text)
}

/// Reads octets a second: `64KiB`, `1MB/s`.
pub fn rate(text: &str) -> Result<u64, String> {
    match units::parse_size(text.strip_suffix("/s").unwrap_or(text))? {
        0 => Err("a rate of 0 would move nothing".into()),
        rate => Ok(rate),
    }
}

/// Reads a length in octets from 1 on: `96`, `1KiB`.
pub fn length(text: &str) -> Result<usize, String> {
    let octets = units::parse_size(text)?;
    let length = usize::try_from(octets).ok().filter(|length| *length > 0);
    length.ok_or_else(|| "a length of at least one octet is wanted".into())
}

/// Reads `10.0.0.0/8`, `fe80::/10`, or a single address.
pub fn network(text: &str) -> Result<IpNet, String> {
    let wanted = || "a network is wanted, such as 10.0.0.0/8, ::1 or fe80::/10".to_owned();
    match text.parse::<IpAddr>() {
        Ok(address) => Ok(IpNet::from(address)),
        Err(_) => text
            .parse::<IpNet>()
            .map(|net| net.trunc())
            .map_err(|_| wanted()),
    }
}

/// Reads `HOST:PORT:ADDR[,ADDR]`; `*` stands for every host or port.
pub fn resolve(text: &str) -> Result<Override, String> {
    let wanted = || "HOST:PORT:ADDR is wanted, such as example.com:443:192.0.2.7".to_owned();
    let (host, rest) = text.split_once(':').ok_or_else(wanted)?;
    let (port, addresses) = rest.split_once(':').ok_or_else(wanted)?;
    let port = match port {
        "*" => None,
        number => Some(number.parse().map_err(|_| wanted())?),
    };
    let address = |text: &str| {
        let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
        bare.unwrap_or(text).parse().map_err(|_| wanted())
    };
    let addresses = addresses
        .split(',')
        .map(address)
        .collect::<Result<Vec<IpAddr>, _>>()?;
    if host.is_empty() {
        return Err(wanted());
    }
    Ok(Override {
        host: host.to_owned(),
        port,
        addresses,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quitting_as_nc_says_it() {
        assert_eq!(quit_after("0"), Ok(QuitAfter::Time(Duration::ZERO)));
        assert_eq!(
            quit_after("2s"),
            Ok(QuitAfter::Time(Duration::from_secs(2)))
        );
        assert_eq!(quit_after("-1"), Ok(QuitAfter::Never));
        assert_eq!(quit_after("forever"), Ok(QuitAfter::Never));
        assert!(quit_after("5").unwrap_err().contains("5s"));
    }

    #[test]
    fn networks() {
        assert_eq!(network("10.1.2.3/8").unwrap().to_string(), "10.0.0.0/8");
        assert_eq!(network("::1").unwrap().to_string(), "::1/128");
        assert!(network("10.0.0.0/33").is_err());
        assert!(network("lan").is_err());
    }

    #[test]
    fn names_answered_beforehand() {
        let answer = resolve("example.com:443:192.0.2.7,[2001:db8::1]").unwrap();
        assert_eq!(answer.host, "example.com");
        assert_eq!(answer.port, Some(443));
        assert_eq!(answer.addresses.len(), 2);
        assert_eq!(resolve("*:*:::1").unwrap().port, None);
        for wrong in ["", "host", "host:80", "host:80:", ":80:::1", "host:x:::1"] {
            assert!(resolve(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn rates() {
        assert_eq!(rate("1MB/s"), Ok(1_000_000));
        assert_eq!(rate("64KiB"), Ok(65_536));
        assert!(rate("0").is_err());
        assert!(rate("fast").is_err());
    }
}
