//! Lists and ranges of ports, for `wharf probe`: `host:20-25,80` is seven addresses.

use wharf::{Error, Result};

/// The most addresses that one argument may stand for: every port of a host, and no more.
const MOST: usize = 65_536;

/// The addresses that `text` stands for: itself, unless its port is a list or a range.
///
/// # Errors
/// Kind `Usage` if a number is no port, or a range goes down.
pub fn expand(text: &str) -> Result<Vec<String>> {
    let (place, options) = match text.split_once('#') {
        Some((place, _)) => (place, &text[place.len()..]),
        None => (text, ""),
    };
    let (place, path) = match place.split_once("://") {
        Some((scheme, rest)) => {
            let start = scheme.len() + 3;
            let end = rest.find('/').map_or(place.len(), |at| start + at);
            place.split_at(end)
        }
        None => (place, ""),
    };
    let Some((host, ports)) = place.rsplit_once(':') else {
        return Ok(vec![text.to_owned()]);
    };
    let is_list = ports
        .bytes()
        .all(|b| b.is_ascii_digit() || b"-,".contains(&b));
    if !is_list || !ports.contains(['-', ',']) {
        return Ok(vec![text.to_owned()]);
    }
    let mut addresses = Vec::new();
    for part in ports.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (port(first, text)?, port(last, text)?);
        if first > last {
            return Err(Error::usage(format!("{text}: the range {part} goes down"))
                .hint(format!("{host}:{last}-{first}")));
        }
        addresses.extend((first..=last).map(|port| format!("{host}:{port}{path}{options}")));
        if addresses.len() > MOST {
            return Err(Error::usage(format!("{text}: more than {MOST} ports")));
        }
    }
    Ok(addresses)
}

fn port(text: &str, whole: &str) -> Result<u16> {
    text.parse().map_err(|_| {
        Error::usage(format!(
            "{whole}: {text:?} is no port, which is a number from 0 to 65535"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_ranges() {
        assert_eq!(expand("h:80").unwrap(), ["h:80"]);
        assert_eq!(expand("h:http").unwrap(), ["h:http"]);
        assert_eq!(
            expand("h:20-22,80").unwrap(),
            ["h:20", "h:21", "h:22", "h:80"]
        );
        assert_eq!(
            expand("udp://[::1]:1-2#bind=[::2]").unwrap(),
            ["udp://[::1]:1#bind=[::2]", "udp://[::1]:2#bind=[::2]"]
        );
        assert_eq!(expand("unix:/run/x-1").unwrap(), ["unix:/run/x-1"]);
    }

    #[test]
    fn what_is_no_list_of_ports() {
        for wrong in ["h:5-", "h:9-3", "h:1,70000", "h:,"] {
            assert!(expand(wrong).is_err(), "{wrong}");
        }
    }
}
