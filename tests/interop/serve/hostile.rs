//! What is not given: nothing outside of the folder, whatever the spelling; nothing to who asks by another
//! name or sends requests that two readers understand in two ways.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;

use wharf_tests::need::Tool;
use wharf_tests::{require, tcp};

use super::Site;

/// What comes back for these octets, until the server ends the connection.
#[track_caller]
fn raw(site: &Site, request: impl AsRef<[u8]>) -> String {
    let mut stream = tcp::connect(site.address.parse().unwrap());
    // A server that has seen enough may close before all is sent.
    let _ = stream.write_all(request.as_ref());
    String::from_utf8_lossy(&tcp::ending(&mut stream).0).into_owned()
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

#[test]
fn no_spelling_leads_out_of_the_folder() {
    let site = Site::start_in(&["--write", "--delete", "--hidden"], |root| {
        symlink("../secret", root.join("out")).unwrap();
        symlink("..", root.join("parent")).unwrap();
        symlink("/etc", root.join("etc")).unwrap();
        symlink("/proc/self/root", root.join("magic")).unwrap();
    });
    for path in [
        "/../secret",
        "/folder/../../secret",
        "/%2e%2e/secret",
        "/.%2e/secret",
        "/%2E./secret",
        "/..%2fsecret",
        "/%2e%2e%2fsecret",
        "/folder/..%2f..%2fsecret",
        "/%252e%252e/secret",
        "/%252e%252e%252fsecret",
        "/..%5csecret",
        "/..\\secret",
        "/%5c..%5csecret",
        "/..%00/secret",
        "/a.txt%00",
        "/%c0%ae%c0%ae/secret",
        "/%e0%80%ae%e0%80%ae/secret",
        "/%c0%ae%c0%ae%c0%afsecret",
        "/..%c0%afsecret",
        "/%uff0e%uff0e/secret",
        "//etc/passwd",
        "///etc/passwd",
        "/%2fetc/passwd",
        "/etc/passwd",
        "/./etc/passwd",
        "/out",
        "/parent/secret",
        "/parent/",
        "/magic/etc/passwd",
        "/....//secret",
        "/..;/secret",
        "/%2e%2e",
        "/..",
        "/folder/..",
        "/file:///etc/passwd",
        "/~root",
        "/%",
        "/%zz",
    ] {
        for method in ["GET", "HEAD", "PUT", "DELETE"] {
            let answer = raw(
                &site,
                format!(
                    "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                ),
            );
            // A name that only looks like a way out may be a file of its own, inside.
            let fine = match method {
                "PUT" => ["400", "404", "409", "201", "204"].contains(&status(&answer)),
                "DELETE" => ["400", "404", "204"].contains(&status(&answer)),
                _ => ["400", "404"].contains(&status(&answer)),
            };
            assert!(fine, "{method} {path}: {answer}");
            assert!(
                !answer.contains("secret\n") && !answer.contains("root:"),
                "{path}: {answer}"
            );
        }
    }
    assert_eq!(
        fs::read(site.place.path().join("secret")).unwrap(),
        b"secret\n"
    );
    let beside = fs::read_dir(site.place.path()).unwrap().count();
    assert_eq!(beside, 2, "the folder and the secret");
}

#[test]
fn requests_that_can_be_read_in_two_ways_are_refused() {
    let site = Site::start(&["--write"]);
    let with = |fields: &str| format!("PUT /x HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n");
    let inner = "GET /a.txt HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for (what, request) in [
        (
            "CL and TE",
            with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n" + inner,
        ),
        (
            "TE and CL",
            with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n") + "0\r\n\r\n" + inner,
        ),
        (
            "two lengths",
            with("Content-Length: 0\r\nContent-Length: 5\r\n") + inner,
        ),
        (
            "a list of lengths",
            with("Content-Length: 0, 5\r\n") + inner,
        ),
        ("a signed length", with("Content-Length: +5\r\n") + inner),
        (
            "another coding",
            with("Transfer-Encoding: xchunked\r\n") + inner,
        ),
        (
            "two codings",
            with("Transfer-Encoding: chunked, identity\r\n") + inner,
        ),
        (
            "a coding with a vertical tab",
            with("Transfer-Encoding: \x0bchunked\r\n") + inner,
        ),
        (
            "a blank before the colon",
            with("Content-Length : 5\r\n") + inner,
        ),
        (
            "a folded field",
            with("X: a\r\n Content-Length: 5\r\n") + inner,
        ),
        (
            "a bare LF",
            "GET / HTTP/1.1\nHost: localhost\n\n".to_owned(),
        ),
        (
            "a bare LF in a field",
            with("X: a\nContent-Length: 5\r\n") + inner,
        ),
        ("a bare CR", with("X: a\rContent-Length: 5\r\n") + inner),
        ("NUL", with("X: a\0b\r\n") + inner),
        ("no host", "GET / HTTP/1.1\r\n\r\n".to_owned()),
        (
            "two hosts",
            "GET / HTTP/1.1\r\nHost: localhost\r\nHost: b\r\n\r\n".to_owned(),
        ),
        (
            "TE in HTTP/1.0",
            "PUT /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
        ),
        (
            "a blank first",
            " GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        ),
        ("no version", "GET /\r\n\r\n".to_owned()),
        (
            "another protocol",
            "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n".to_owned(),
        ),
    ] {
        let answer = raw(&site, &request);
        let is_refused = ["400", "505"].contains(&status(&answer));
        assert!(
            is_refused && answer.matches("HTTP/1.1 ").count() == 1,
            "{what}: {answer}"
        );
        assert!(!answer.contains("hello"), "{what}: {answer}");
    }
}

#[test]
fn chunks_that_lie_store_nothing() {
    let site = Site::start(&["--write"]);
    for body in [
        "zz\r\n",
        "-1\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "5\nhello\n0\n\n",
        "5\r\nhelloX\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n",
        "ffffffffffffffff1\r\n",
        "5\r\nhel",
    ] {
        let mut stream = tcp::connect(site.address.parse().unwrap());
        let head = "PUT /new HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
        let _ = stream.write_all(format!("{head}{body}").as_bytes());
        tcp::finish(&stream);
        let answer = String::from_utf8_lossy(&tcp::ending(&mut stream).0).into_owned();
        assert!(["", "400"].contains(&status(&answer)), "{body:?}: {answer}");
        assert!(!site.root().join("new").exists(), "{body:?}");
    }
    let names = fs::read_dir(site.root()).unwrap().count();
    assert_eq!(names, 4, "nothing unfinished is left");
}

#[test]
fn a_head_without_end_is_too_long() {
    let site = Site::start(&[]);
    let endless = |part: &str| {
        let head = "GET / HTTP/1.1\r\nHost: localhost\r\n";
        raw(
            &site,
            format!("{head}{}", part.repeat(200_000 / part.len())),
        )
    };
    for part in [
        "X: y\r\n",
        "x",
        "X: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ] {
        let answer = endless(part);
        assert!(
            ["431", "400"].contains(&status(&answer)),
            "{part}: {answer}"
        );
    }
    let answer = raw(
        &site,
        format!(
            "GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "a".repeat(100_000)
        ),
    );
    assert!(["414", "431"].contains(&status(&answer)), "{answer}");
}

/// A page whose name was made to lead to this machine (DNS rebinding) asks under its own name.
#[test]
fn who_asks_under_another_name_is_turned_away() {
    require!(Tool::CURL);
    let site = Site::start(&["--host", "box.lan"]);
    let port = site.address.rsplit(':').next().unwrap().to_owned();
    let ask = |host: &str| site.status(&["-H", &format!("Host: {host}")], "/a.txt");
    for ours in ["localhost", "127.0.0.1", "[::1]", "box.lan", "BOX.LAN"] {
        assert_eq!(ask(ours), 200, "{ours}");
        assert_eq!(ask(&format!("{ours}:{port}")), 200, "{ours}");
    }
    for other in [
        "evil.example",
        "localhost.evil.example",
        "192.0.2.1",
        "box.lan.evil.example",
    ] {
        assert_eq!(ask(other), 421, "{other}");
    }
    let told = site.curl(&["-H", "Host: evil.example"], "/a.txt");
    told.stdout_has("--host evil.example");
    let absolute = raw(
        &site,
        "GET http://evil.example/a.txt HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    );
    assert_eq!(status(&absolute), "421");
}

/// A page of another site that a browser shows sends with the browser's rights (CSRF).
#[test]
fn another_sites_page_changes_nothing() {
    require!(Tool::CURL);
    let site = Site::start(&["--write", "--delete"]);
    let port = site.address.rsplit(':').next().unwrap().to_owned();
    let delete = |field: &str| site.status(&["-X", "DELETE", "-H", field], "/a.txt");
    for field in [
        "Origin: http://evil.example",
        "Origin: null",
        "Origin: http://127.0.0.1",
        "Origin: https://127.0.0.1:1",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
    ] {
        assert_eq!(delete(field), 403, "{field}");
        assert_eq!(
            site.status(&["-T", "secret", "-H", field], "/new"),
            403,
            "{field}"
        );
    }
    // A form needs no permission of ours to be sent; its method does nothing here.
    assert_eq!(site.status(&["-d", "x=y"], "/a.txt"), 405);
    assert_eq!(delete(&format!("Origin: http://127.0.0.1:{port}")), 204);
}
