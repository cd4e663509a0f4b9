//! Requests that are good, and the shapes with which two readers of one connection are made to disagree.

use alloc::string::String;
use alloc::vec::Vec;

use super::cgi;
use super::*;

/// What passes of `text` when it comes in pieces of `size`, up to the first refusal.
fn passed(text: &[u8], size: usize) -> (usize, Option<Error>) {
    let mut guard = Guard::new(Limits::default());
    let mut done = 0;
    let mut arrived = 0;
    while arrived < text.len() {
        arrived = (arrived + size).min(text.len());
        loop {
            match guard.pass(&text[done..arrived]) {
                Ok(0) => break,
                Ok(n) => done += n,
                Err(error) => return (done, Some(error)),
            }
        }
    }
    (done, None)
}

fn passes(text: &str) {
    for size in [1, 2, 3, 7, text.len()] {
        let result = passed(text.as_bytes(), size);
        assert_eq!(result, (text.len(), None), "{text:?} in {size}");
    }
}

/// It is refused, and nothing of it has passed.
fn refused(text: &str, error: Error) {
    for size in [1, 2, 3, 7, text.len()] {
        let (done, found) = passed(text.as_bytes(), size);
        assert_eq!(found, Some(error), "{text:?} in {size}");
        assert_eq!(done, 0, "{text:?} in {size}");
    }
}

/// Its body is refused.
fn body_refused(body: &str) {
    let text =
        alloc::format!("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
    for size in [1, 3, text.len()] {
        let (_, found) = passed(text.as_bytes(), size);
        assert_eq!(found, Some(Error::Chunk), "{body:?} in {size}");
    }
}

#[test]
fn good_requests_pass_one_after_the_other() {
    passes("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n");
    passes("GET / HTTP/1.0\r\n\r\nGET /2 HTTP/1.0\r\n\r\n");
    passes("\r\nOPTIONS * HTTP/1.1\r\nhost:[::1]:80\r\n\r\n");
    passes(
        "PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\nHost: h\r\n\r\n",
    );
    passes("GET / HTTP/1.1\r\nHost: h\r\nX: \t a\tb \u{e9} \r\nY:\r\n\r\n");
    let chunks = "5\r\nhello\r\n00a;x=\"y\"\r\n0123456789\r\n0\r\nTrail: er\r\n\r\n";
    passes(&alloc::format!(
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n{chunks}GET / HTTP/1.1\r\nHost: h\r\n\r\n"
    ));
}

#[test]
fn a_head_is_held_until_it_is_complete() {
    let mut guard = Guard::new(Limits::default());
    let text = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabcGET";
    for end in 1..text.len() - 6 {
        assert_eq!(guard.pass(&text[..end]), Ok(0));
    }
    assert_eq!(guard.pass(text), Ok(text.len() - 3));
    assert!(guard.is_between());
}

#[test]
fn both_length_and_coding_are_refused() {
    let head = "POST / HTTP/1.1\r\nHost: h\r\n";
    let both = "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    refused(&alloc::format!("{head}{both}"), Error::Coding);
    let both = "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n";
    refused(&alloc::format!("{head}{both}"), Error::Coding);
}

#[test]
fn a_coding_is_chunked_and_nothing_else() {
    for coding in [
        "identity",
        "gzip, chunked",
        "chunked, chunked",
        "xchunked",
        "chunked;q=1",
        "\u{b}chunked",
        "",
    ] {
        let text =
            alloc::format!("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: {coding}\r\n\r\n");
        let (done, found) = passed(text.as_bytes(), text.len());
        assert!(
            matches!(found, Some(Error::Coding | Error::Value)),
            "{coding:?}"
        );
        assert_eq!(done, 0);
    }
    let twice = "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n";
    refused(
        &alloc::format!("POST / HTTP/1.1\r\nHost: h\r\n{twice}"),
        Error::Coding,
    );
    refused(
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        Error::Coding,
    );
}

#[test]
fn a_length_is_said_once_and_in_digits() {
    for length in [
        "+5",
        "-5",
        "0x5",
        "5 5",
        "5,5",
        "5, 6",
        "",
        "5a",
        "18446744073709551616",
    ] {
        let text = alloc::format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n");
        refused(&text, Error::Length);
    }
    for second in ["5", "6"] {
        let text = alloc::format!(
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\ncontent-length: {second}\r\n\r\n"
        );
        refused(&text, Error::Length);
    }
}

#[test]
fn line_ends_are_cr_lf() {
    refused("GET / HTTP/1.1\nHost: h\n\n", Error::LineEnd);
    refused("GET / HTTP/1.1\r\nHost: h\nX: y\r\n\r\n", Error::LineEnd);
    refused(
        "GET / HTTP/1.1\r\nHost: h\r\nX: a\rY: b\r\n\r\n",
        Error::LineEnd,
    );
    refused("GET / HTTP/1.1\r\nHost: h\r\n\n", Error::LineEnd);
}

#[test]
fn fields_are_not_folded_and_names_are_names() {
    refused(
        "GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n",
        Error::Folded,
    );
    refused("GET / HTTP/1.1\r\n Host: h\r\n\r\n", Error::Folded);
    for line in ["X : y", "X\0: y", ": y", "no colon", "(x): y", "\u{e9}: y"] {
        let text = alloc::format!("GET / HTTP/1.1\r\nHost: h\r\n{line}\r\n\r\n");
        refused(&text, Error::Name);
    }
    for value in ["a\0b", "a\u{7f}b", "\u{1b}[0m"] {
        let text = alloc::format!("GET / HTTP/1.1\r\nHost: h\r\nX: {value}\r\n\r\n");
        refused(&text, Error::Value);
    }
}

#[test]
fn there_is_one_host() {
    refused("GET / HTTP/1.1\r\n\r\n", Error::Host);
    refused("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", Error::Host);
    refused("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", Error::Host);
    refused("GET / HTTP/1.1\r\nHost: a/b@c\r\n\r\n", Error::Host);
}

#[test]
fn the_request_line_has_three_parts() {
    for line in [
        "GET /",
        "GET  / HTTP/1.1",
        "GET / HTTP/1.1 ",
        " GET / HTTP/1.1",
        "GET\t/ HTTP/1.1",
        "G@T / HTTP/1.1",
        "GET /\u{e9} HTTP/1.1",
        "GET /\0 HTTP/1.1",
        "GET / http/1.1",
        "GET / HTTP/1.1x",
    ] {
        refused(
            &alloc::format!("{line}\r\nHost: h\r\n\r\n"),
            Error::RequestLine,
        );
    }
    refused("GET / HTTP/2.0\r\nHost: h\r\n\r\n", Error::Version);
    refused("\r\n\r\n\r\n\r\n", Error::RequestLine);
}

#[test]
fn sizes_of_chunks_are_digits() {
    for body in [
        "0x5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n",
        "-5\r\nhello\r\n",
        " 5\r\nhello\r\n",
        "5 \r\nhello\r\n",
        "5\t;x\r\nhello\r\n",
        "\r\nhello\r\n",
        "g\r\n",
        "5\nhello\r\n",
        "5;x\nhello\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello!\r\n",
        "10000000000000000\r\n",
        "00000000000000005\r\nhello\r\n",
        "0\r\nX : y\r\n\r\n",
        "0\r\n folded\r\n\r\n",
        "0\r\nX: y\n\r\n",
        "0\r\nX: \0\r\n\r\n",
        "5;a=\0\r\nhello\r\n",
    ] {
        body_refused(body);
    }
    let extension = "x".repeat(17_000);
    body_refused(&alloc::format!("5;{extension}\r\n"));
    body_refused(&alloc::format!("0\r\nX: {extension}\r\n"));
}

#[test]
fn what_is_too_long_is_refused_before_it_is_whole() {
    let long = "x".repeat(9_000);
    refused(&alloc::format!("GET /{long}"), Error::LineTooLong);
    let line = alloc::format!("X: {long}\r\n");
    let endless: String = core::iter::repeat_n(line.as_str(), 10).collect();
    refused(
        &alloc::format!("GET / HTTP/1.1\r\n{endless}"),
        Error::TooLong,
    );
    let many: String = core::iter::repeat_n("X: y\r\n", 101).collect();
    refused(&alloc::format!("GET / HTTP/1.1\r\n{many}"), Error::TooLong);
    assert_eq!(Error::LineTooLong.status(), 414);
    assert_eq!(Error::TooLong.status(), 431);
}

/// What came before is served; nothing passes afterwards.
#[test]
fn a_bad_request_behind_a_good_one_passes_alone_neither() {
    let good = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    let text = alloc::format!("{good}BAD\r\n\r\n{good}");
    let mut guard = Guard::new(Limits::default());
    assert_eq!(guard.pass(text.as_bytes()), Ok(good.len()));
    assert!(guard.is_between());
    let rest = &text.as_bytes()[good.len()..];
    assert_eq!(guard.pass(rest), Err(Error::RequestLine));
    assert_eq!(guard.pass(good.as_bytes()), Err(Error::RequestLine));
}

fn fields(head: &cgi::Head) -> Vec<(&str, &[u8])> {
    let fields = head.fields.iter();
    fields
        .map(|(name, value)| (name.as_str(), &value[..]))
        .collect()
}

#[test]
fn a_command_sets_status_and_fields() {
    let text = b"Status: 404 Not Found\r\nContent-Type: text/html\nX-Y: z \n\nbody";
    let (head, len) = cgi::parse(text, 100).unwrap().unwrap();
    assert_eq!(head.status, 404);
    assert_eq!(
        fields(&head),
        [("content-type", &b"text/html"[..]), ("x-y", &b"z"[..])]
    );
    assert_eq!(&text[len..], b"body");
    for end in 0..len {
        assert_eq!(cgi::parse(&text[..end], 100), Ok(None), "{end}");
    }
}

#[test]
fn a_location_alone_is_a_redirect() {
    let (head, _) = cgi::parse(b"Location: /there\n\n", 100).unwrap().unwrap();
    assert_eq!(head.status, 302);
    let (head, _) = cgi::parse(b"Status: 201\nLocation: /there\n\n", 100)
        .unwrap()
        .unwrap();
    assert_eq!(head.status, 201);
    let (head, _) = cgi::parse(b"Content-Type: a/b\n\n", 100).unwrap().unwrap();
    assert_eq!(head.status, 200);
}

#[test]
fn what_is_the_connections_is_not_the_commands() {
    let text = b"Connection: close\nTransfer-Encoding: chunked\nStatus: 200\n\n";
    let (head, _) = cgi::parse(text, 100).unwrap().unwrap();
    assert_eq!(fields(&head), []);
}

#[test]
fn what_is_no_head_is_refused() {
    for (text, error) in [
        (&b"<html>\n\n"[..], cgi::Error::Field),
        (b"hello world\n", cgi::Error::Field),
        (b"X Y: z\n\n", cgi::Error::Field),
        (b"X: a\0b\n\n", cgi::Error::Field),
        (b"Status: abc\n\n", cgi::Error::Status),
        (b"Status: 2000\n\n", cgi::Error::Status),
        (b"Status: 100\n\n", cgi::Error::Status),
        (b"Status: 4\n\n", cgi::Error::Status),
        (b"\n", cgi::Error::Empty),
    ] {
        assert_eq!(cgi::parse(text, 100), Err(error), "{text:?}");
    }
    let long = [b'x'; 101];
    assert_eq!(cgi::parse(&long, 100), Err(cgi::Error::TooLong));
}
