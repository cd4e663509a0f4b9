//! [`wharf_proto::application::http`]: the guard of requests, the head of a command, references.
//!
//! The first octet chooses the size of the pieces, the rest is what a client or a command says.

use wharf_proto::application::http::{Error, Guard, Limits, cgi, reference};

const LIMITS: Limits = Limits {
    line: 60,
    head: 400,
    fields: 8,
};

/// Checks that what passes does not depend on how it came, that what is held is bounded, that a refusal
/// is for ever, that a head that passes has no shape that could be read in two ways; and that a head
/// of a command and a reference keep to what a message can carry.
pub fn check(input: &[u8]) {
    let (choice, octets) = crate::choice(input);
    let whole = guarded(octets, octets.len().max(1));
    assert_eq!(guarded(octets, 1 + choice), whole, "in pieces");
    let passed = &octets[..whole.0];
    assert!(!is_doubtful(passed), "{}", passed.escape_ascii());
    command(octets, choice);
    if let Ok(text) = std::str::from_utf8(octets) {
        let target = reference::resolve("/a/b", Some("q"), text);
        assert!(target.path.starts_with('/'), "{target:?}");
        let query = target.query.unwrap_or_default();
        let all = format!("{}{query}", target.path);
        assert!(
            all.bytes().all(|b| b.is_ascii_graphic() && b != b'#'),
            "{all}"
        );
        assert!(
            !target.path.split('/').any(|segment| segment == ".."),
            "{}",
            target.path
        );
    }
}

/// How much passes, and why no more does.
fn guarded(octets: &[u8], size: usize) -> (usize, Option<Error>) {
    let mut guard = Guard::new(LIMITS);
    let (mut done, mut arrived) = (0, 0);
    while arrived < octets.len() {
        arrived = (arrived + size).min(octets.len());
        loop {
            match guard.pass(&octets[done..arrived]) {
                Ok(0) => break,
                Ok(n) => done += n,
                Err(error) => {
                    assert_eq!(guard.pass(&octets[done..arrived]), Err(error), "it lasts");
                    return (done, Some(error));
                }
            }
        }
        assert!(arrived - done <= LIMITS.head + size, "{}", arrived - done);
    }
    (done, None)
}

/// Shapes of the first head that the guard may not let pass.
fn is_doubtful(passed: &[u8]) -> bool {
    let Some(end) = passed.windows(4).position(|four| four == b"\r\n\r\n") else {
        return false;
    };
    let head = &passed[..end + 2];
    let lower = head.to_ascii_lowercase();
    let has = |what: &[u8]| {
        lower
            .windows(what.len())
            .filter(|part| *part == what)
            .count()
    };
    let bare = head.iter().enumerate().any(|(n, octet)| {
        *octet == b'\n' && (n == 0 || head[n - 1] != b'\r')
            || *octet == b'\r' && head.get(n + 1) != Some(&b'\n')
    });
    let folded = has(b"\r\n ") + has(b"\r\n\t") > 0;
    let lengths = has(b"\r\ncontent-length:");
    let codings = has(b"\r\ntransfer-encoding:");
    bare || folded || lengths + codings > 1 || head.contains(&0)
}

fn command(octets: &[u8], choice: usize) {
    let limit = 8 * (1 + choice);
    match cgi::parse(octets, limit) {
        Ok(Some((head, len))) => {
            assert!(len <= limit && len <= octets.len());
            assert!((200..=599).contains(&head.status));
            for (name, value) in &head.fields {
                assert!(!name.is_empty() && !name.contains(['\r', '\n', ':']));
                assert!(!value.contains(&b'\n') && !value.contains(&b'\r'));
            }
            let early = cgi::parse(&octets[..len - 1], limit);
            assert!(matches!(early, Ok(None)), "{early:?}");
        }
        Ok(None) => assert!(octets.len() <= limit),
        Err(_) => {}
    }
}
