//! What is given: files, parts of them, compressed, unchanged, folders; over TLS, HTTP/2 and Unix sockets.

use std::fs;

use wharf_tests::need::Tool;
use wharf_tests::port::Port;
use wharf_tests::{Signal, require, wharf};

use super::{Site, data, numbers};

#[test]
fn curl_gets_files_and_says_what_they_are() {
    require!(Tool::CURL);
    let site = Site::start(&[]);
    site.curl(&[], "/a.txt").code(0).stdout_is("hello\n");
    site.curl(&[], "/data.bin").code(0).stdout_is(data());
    site.curl(&[], "/folder/inner.txt").stdout_is("inner\n");
    assert_eq!(
        site.field(&[], "/a.txt", "content-type"),
        "text/plain; charset=utf-8"
    );
    assert_eq!(
        site.field(&[], "/data.bin", "content-type"),
        "application/octet-stream"
    );
    assert_eq!(
        site.field(&["-I"], "/data.bin", "content-length"),
        "1000000"
    );
    assert_eq!(
        site.field(&[], "/a.txt", "x-content-type-options"),
        "nosniff"
    );
    assert_eq!(site.status(&[], "/nothing"), 404);
    assert_eq!(site.status(&[], "/a.txt/"), 404);
    let folder = site.curl(
        &["-o", "/dev/null", "-w", "%{http_code} %{redirect_url}"],
        "/folder?x=1",
    );
    assert_eq!(folder.text(), format!("301 {}", site.url("/folder/?x=1")));
    let stopped = site.server.stop();
    stopped.code(0).stderr_has("\"requests\":10");
}

#[test]
fn parts_are_given_as_they_are_asked_for() {
    require!(Tool::CURL);
    let site = Site::start(&[]);
    let whole = data();
    for (range, from, to) in [
        ("0-0", 0, 1),
        ("300000-699999", 300_000, 700_000),
        ("-5", 999_995, 1_000_000),
    ] {
        let output = site.curl(
            &[
                "-r",
                range,
                "-w",
                "%{stderr}%{http_code} %header{content-range}",
            ],
            "/data.bin",
        );
        output.stdout_is(&whole[from..to]);
        output.stderr_has(&format!("206 bytes {from}-{}/1000000", to - 1));
    }
    assert_eq!(site.status(&["-r", "1000000-"], "/data.bin"), 416);
    assert_eq!(
        site.field(&["-r", "1000000-"], "/data.bin", "content-range"),
        "bytes */1000000"
    );
    assert_eq!(site.status(&["-r", "5-4"], "/data.bin"), 200);
    let parts = site.curl(&["-r", "0-4,10-12"], "/numbers.txt");
    let text = parts.text();
    let boundary = text.trim_start().lines().next().unwrap().to_owned();
    assert_eq!(text.matches(&boundary).count(), 3, "{text}");
    assert!(
        text.contains("Content-Range: bytes 10-12/108890\r\n\r\n5\n6\r\n"),
        "{text}"
    );
    // More than they are worth: the whole.
    let many = vec!["0-0"; 40].join(",");
    assert_eq!(site.status(&["-r", &many], "/numbers.txt"), 200);
    assert_eq!(
        site.field(
            &["-r", "0-9", "--compressed"],
            "/numbers.txt",
            "content-encoding"
        ),
        ""
    );
}

#[test]
fn a_download_goes_on_where_it_stopped_unless_the_file_is_another() {
    require!(Tool::CURL);
    let site = Site::start(&[]);
    let tag = site.field(&[], "/data.bin", "etag");
    assert!(tag.starts_with('"'), "{tag}");
    let since = site.field(&[], "/data.bin", "last-modified");
    for validator in [&tag, &since] {
        let field = format!("If-Range: {validator}");
        assert_eq!(site.status(&["-r", "5-", "-H", &field], "/data.bin"), 206);
    }
    fs::write(site.root().join("data.bin"), b"another").unwrap();
    let field = format!("If-Range: {tag}");
    site.curl(&["-r", "5-", "-H", &field], "/data.bin")
        .stdout_is("another");
    let part = site.place.path().join("part");
    fs::write(&part, &numbers()[..5000]).unwrap();
    site.curl(&["-C", "-", "-o", "part"], "/numbers.txt")
        .code(0);
    assert!(fs::read(part).unwrap() == numbers());
}

#[test]
fn what_one_has_is_not_sent_again() {
    require!(Tool::CURL);
    let site = Site::start(&[]);
    for flags in [
        &[][..],
        &["-H", "Accept-Encoding: br"],
        &["-H", "Accept-Encoding: gzip"],
    ] {
        let tag = format!(
            "If-None-Match: {}",
            site.field(flags, "/numbers.txt", "etag")
        );
        let with = |field: &str| site.status(&[flags, &["-H", field]].concat(), "/numbers.txt");
        assert_eq!(with(&tag), 304, "{tag}");
        assert_eq!(with("If-None-Match: \"x\""), 200);
    }
    let since = format!(
        "If-Modified-Since: {}",
        site.field(&[], "/a.txt", "last-modified")
    );
    assert_eq!(site.status(&["-H", &since], "/a.txt"), 304);
    assert_eq!(
        site.status(&["-H", "If-Modified-Since: yesterday"], "/a.txt"),
        200
    );
    assert_eq!(site.status(&["-H", "If-Match: \"x\""], "/a.txt"), 412);
}

#[test]
fn text_is_compressed_for_who_likes_that() {
    require!(Tool::CURL);
    let site = Site::start(&[]);
    for coding in ["gzip", "br"] {
        let field = format!("Accept-Encoding: {coding}");
        let flags = ["-H", &field];
        assert_eq!(
            site.field(&flags, "/numbers.txt", "content-encoding"),
            coding
        );
        assert_eq!(
            site.field(&flags, "/numbers.txt", "vary"),
            "accept-encoding"
        );
        let coded = site.curl(&flags, "/numbers.txt").stdout.len();
        assert!(coded < numbers().len() / 2, "{coded}");
    }
    site.curl(&["--compressed"], "/numbers.txt")
        .stdout_is(numbers());
    site.curl(&["--compressed", "--http1.0"], "/numbers.txt")
        .stdout_is(numbers());
    assert_eq!(
        site.field(&["--compressed"], "/data.bin", "content-encoding"),
        ""
    );
    assert_eq!(
        site.field(&["--compressed"], "/a.txt", "content-encoding"),
        "",
        "too short"
    );
}

#[test]
fn python_reads_a_listing_and_what_it_names() {
    require!(Tool::PYTHON);
    let site = Site::start_in(&[], |root| {
        fs::write(root.join("a & <b>#?%20.txt"), "odd").unwrap();
        fs::write(root.join(".hidden"), "hidden").unwrap();
        use std::os::unix::ffi::OsStrExt;
        let name = std::ffi::OsStr::from_bytes(b"no-utf8-\xff.txt");
        fs::write(root.join(name), "octets").unwrap();
    });
    let script = "
import json, sys, urllib.request
from urllib.parse import urljoin
base = sys.argv[1]
for url in [base + '?json', urllib.request.Request(base, headers={'accept': 'application/json'})]:
    listing = json.load(urllib.request.urlopen(url))
print(listing['path'], listing['complete'])
for entry in listing['entries']:
    size = entry.get('size')
    if entry['kind'] == 'file':
        assert len(urllib.request.urlopen(urljoin(base, entry['href'])).read()) == size
    print(entry['kind'], ascii(entry['name']), size)
";
    let output = Tool::PYTHON.with(["-c", script, &site.url("/")]).run();
    output.code(0).stdout_is(
        "/ True\n\
         folder 'folder' None\n\
         file 'a & <b>#?%20.txt' 3\n\
         file 'a.txt' 6\n\
         file 'data.bin' 1000000\n\
         file 'no-utf8-\\ufffd.txt' 6\n\
         file 'numbers.txt' 108890\n",
    );
}

#[test]
fn the_page_works_without_scripts() {
    require!(Tool::CURL);
    let site = Site::start(&[]);
    let names = |query: &str| {
        let page = site.curl(&[], query);
        let rows = page
            .text()
            .split("<tbody id=\"rows\">")
            .nth(1)
            .unwrap()
            .to_owned();
        let links = rows
            .split("href=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next());
        let links = links
            .filter(|link| !link.starts_with('#'))
            .map(str::to_owned);
        links.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names("/"), "folder/ a.txt data.bin numbers.txt");
    assert_eq!(names("/?sort=size"), "folder/ data.bin numbers.txt a.txt");
    assert_eq!(
        names("/?sort=name&order=desc"),
        "folder/ numbers.txt data.bin a.txt"
    );
    let page = site.curl(&[], "/folder/");
    page.stdout_has("href=\"../\"")
        .stdout_has("<span>inner.txt</span>");
    assert!(
        !page.text().contains("id=\"pick\""),
        "nothing can be uploaded"
    );
    let policy = site.field(&[], "/", "content-security-policy");
    for part in [
        "default-src 'none'",
        "frame-ancestors 'none'",
        "script-src 'nonce-",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert_ne!(
        policy,
        site.field(&[], "/", "content-security-policy"),
        "a nonce is used once"
    );
}

#[test]
fn a_folder_may_be_its_index_and_hidden_names_may_be_shown() {
    require!(Tool::CURL);
    let prepare = |root: &std::path::Path| {
        fs::write(root.join("folder/index.html"), "<h1>index</h1>").unwrap();
        fs::write(root.join(".hidden"), "hidden").unwrap();
    };
    let site = Site::start_in(&[], prepare);
    site.curl(&[], "/folder/")
        .stdout_has("<span>index.html</span>");
    assert_eq!(site.status(&[], "/.hidden"), 404);
    let site = Site::start_in(&["--index", "--hidden"], prepare);
    site.curl(&[], "/folder/").stdout_is("<h1>index</h1>");
    site.curl(&[], "/").stdout_has("<span>.hidden</span>");
    site.curl(&[], "/.hidden").stdout_is("hidden");
}

#[test]
fn tls_with_a_throw_away_certificate_speaks_http_2() {
    require!(Tool::CURL);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("data"), data()).unwrap();
    let served = folder.path().to_str().unwrap();
    let mut server = wharf(["--json", "serve", served, "--https", "127.0.0.1:0"]).spawn();
    server.stderr_line("pin=");
    let address = server.listening();
    let curl = |flags: &[&str]| {
        let url = format!("https://{address}/data");
        let words = ["-sS", "-k", "-w", "%{stderr}%{http_version}"];
        Tool::CURL.with([&words[..], flags, &[&url]].concat()).run()
    };
    curl(&[]).code(0).stdout_is(data()).stderr_has("2");
    curl(&["--http1.1"])
        .code(0)
        .stdout_is(data())
        .stderr_has("1.1");
    curl(&["-r", "5-9"]).stdout_is(&data()[5..10]);
    // Without -k it is not trusted.
    let url = format!("https://{address}/data");
    Tool::CURL.with(["-sS", &url]).run().code(60);
    server.stop().code(0);
}

#[test]
fn any_listener_for_streams_will_do() {
    require!(Tool::CURL);
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("sock").to_str().unwrap().to_owned();
    let http = format!("unix-listen:{socket}");
    let _site = Site::start(&["--http", &http, "--http", "127.0.0.1:0"]);
    let curl = Tool::CURL.with(["-sS", "--unix-socket", &socket, "http://any.name/a.txt"]);
    curl.run().code(0).stdout_is("hello\n");
}

#[test]
fn h2load_gets_every_answer() {
    require!(Tool::H2LOAD);
    let site = Site::start(&[]);
    let url = site.url("/a.txt");
    let load = ["--h1", "-n", "2000", "-c", "20", "-t", "1", &url];
    let output = Tool::H2LOAD.with(load).run();
    output
        .code(0)
        .stdout_has("2000 succeeded, 0 failed, 0 errored");
    site.server.stop().code(0).stderr_has("\"requests\":2000");
}

#[test]
fn a_port_that_is_taken_names_the_next_line() {
    let port = Port::free();
    let address = format!("127.0.0.1:{}", port.number());
    let mut first = wharf(["--json", "serve", ".", "--http", &address]).spawn();
    first.event("listening");
    let output = wharf(["serve", ".", "--http", &address]).run();
    output
        .code(9)
        .stderr_has(&address)
        .stderr_has("--http :8001");
    first.stop().code(0);
}

#[test]
fn what_is_under_way_is_finished_at_the_end() {
    let site = Site::start(&[]);
    let mut stream = wharf_tests::tcp::connect(site.address.parse().unwrap());
    use std::io::Write;
    stream
        .write_all(b"GET /data.bin HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    let head = wharf_tests::tcp::read_exact(&mut stream, 100);
    assert!(head.starts_with(b"HTTP/1.1 200"));
    site.server.signal(Signal::TERM);
    let rest = wharf_tests::tcp::read_to_end(&mut stream);
    assert!(rest.ends_with(&data()[900_000..]));
    site.server.finish().code(0);
}

#[test]
fn it_says_where_it_serves_and_what_may_be_done() {
    let folder = tempfile::tempdir().unwrap();
    let served = folder.path().to_str().unwrap();
    let server = wharf(["serve", served, "--http", ":0"]).spawn();
    server.stderr_line(&format!("serving {served} for reading: http://127.0.0.1:"));
    server.stop().code(0).stderr_lacks("other machines");
    let open = wharf(["serve", served, "--http", "0.0.0.0:0", "--write"]).spawn();
    open.stderr_line("other machines can reach it");
    open.stderr_line("whoever reaches this port may upload");
    open.stop().code(0);
    wharf(["serve", "/nonexistent"])
        .run()
        .code(9)
        .stderr_has("/nonexistent");
}
