//! What may be changed, and by whom: uploads that are whole or not there, conditions, limits.

use std::fs;
use std::io::Write;

use wharf_tests::need::Tool;
use wharf_tests::wait::{self, DEADLINE};
use wharf_tests::{require, tcp};

use super::{Site, data};

#[test]
fn nothing_is_written_unless_it_is_allowed() {
    require!(Tool::CURL);
    let site = Site::start(&[]);
    assert_eq!(site.status(&["-T", "secret"], "/new"), 405);
    assert_eq!(site.status(&["-X", "DELETE"], "/a.txt"), 405);
    assert_eq!(
        site.field(&["-X", "DELETE"], "/a.txt", "allow"),
        "GET, HEAD, OPTIONS"
    );
    site.curl(&["-T", "secret"], "/new").stdout_has("--write");
    let site = Site::start(&["--write"]);
    assert_eq!(
        site.field(&["-X", "OPTIONS"], "/", "allow"),
        "GET, HEAD, OPTIONS, PUT"
    );
    assert_eq!(site.status(&["-X", "DELETE"], "/a.txt"), 405);
    assert_eq!(site.status(&["-X", "PROPFIND"], "/a.txt"), 405);
}

#[test]
fn curl_uploads_and_replaces() {
    require!(Tool::CURL);
    let site = Site::start(&["--write", "--delete", "--fsync"]);
    fs::write(site.place.path().join("local"), data()).unwrap();
    assert_eq!(site.status(&["-T", "local"], "/folder/new%20file"), 201);
    assert!(fs::read(site.root().join("folder/new file")).unwrap() == data());
    assert_eq!(site.status(&["-T", "secret"], "/folder/new%20file"), 204);
    assert_eq!(
        fs::read(site.root().join("folder/new file")).unwrap(),
        b"secret\n"
    );
    assert_eq!(
        site.status(
            &["-T", "secret", "-H", "Transfer-Encoding: chunked"],
            "/chunked"
        ),
        201
    );
    assert_eq!(site.status(&["-X", "PUT"], "/made/"), 201);
    assert!(site.root().join("made").is_dir());
    assert_eq!(site.status(&["-X", "PUT"], "/made/"), 409);
    assert_eq!(site.status(&["-T", "secret"], "/made"), 409);
    assert_eq!(site.status(&["-T", "secret"], "/no/such/folder"), 404);
    assert_eq!(site.status(&["-X", "DELETE"], "/folder/"), 409);
    assert_eq!(site.status(&["-X", "DELETE"], "/folder/new%20file"), 204);
    assert_eq!(site.status(&["-X", "DELETE"], "/made/"), 204);
    assert_eq!(site.status(&["-X", "DELETE"], "/"), 409);
    assert_eq!(site.status(&["-T", "secret"], "/.hidden"), 404);
    assert_eq!(
        site.status(&["-T", "secret", "-H", "Content-Range: bytes 0-6/7"], "/x"),
        400
    );
}

#[test]
fn what_changed_meanwhile_is_not_overwritten() {
    require!(Tool::CURL);
    let site = Site::start(&["--write", "--delete"]);
    let tag = format!("If-Match: {}", site.field(&[], "/a.txt", "etag"));
    assert_eq!(
        site.status(&["-T", "secret", "-H", "If-None-Match: *"], "/a.txt"),
        412
    );
    assert_eq!(site.status(&["-T", "secret", "-H", &tag], "/a.txt"), 204);
    assert_eq!(site.status(&["-T", "secret", "-H", &tag], "/a.txt"), 412);
    assert_eq!(site.status(&["-X", "DELETE", "-H", &tag], "/a.txt"), 412);
    assert_eq!(
        site.status(&["-T", "secret", "-H", "If-Match: *"], "/new"),
        412
    );
    let old = "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT";
    assert_eq!(site.status(&["-T", "secret", "-H", old], "/a.txt"), 412);
    assert_eq!(
        site.status(&["-T", "secret", "-H", "If-None-Match: *"], "/new"),
        201
    );
}

#[test]
fn too_much_is_refused_before_it_comes_and_while_it_comes() {
    require!(Tool::CURL);
    let site = Site::start(&["--write", "--max-upload", "100KiB"]);
    fs::write(site.place.path().join("local"), data()).unwrap();
    let flags = ["-T", "local", "-w", "%{stderr}%{http_code} %{size_upload}"];
    site.curl(&flags, "/new")
        .stdout_has("100 KiB")
        .stderr_has("413 0");
    assert_eq!(
        site.status(&["-T", "local", "-H", "Transfer-Encoding: chunked"], "/new"),
        413
    );
    assert_eq!(fs::read_dir(site.root()).unwrap().count(), 4);
    assert_eq!(site.status(&["-T", "secret"], "/new"), 201);
}

#[test]
fn an_upload_that_breaks_off_leaves_nothing() {
    let site = Site::start(&["--write"]);
    let mut stream = tcp::connect(site.address.parse().unwrap());
    let head = "PUT /new HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000000\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&data()).unwrap();
    // It has begun to be written when something unfinished is there.
    let entries = |wanted| {
        let count = || fs::read_dir(site.root()).unwrap().count();
        wait::until("an entry more or less", DEADLINE, || {
            (count() == wanted).then_some(())
        });
    };
    entries(5);
    tcp::reset(stream);
    entries(4);
}
