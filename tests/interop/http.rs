//! A port forward in front of a web server: nginx behind wharf, curl before it.
//!
//! HTTP is what most people put through a relay first. Nothing here knows HTTP but the two tools; wharf as a
//! client and as a server of HTTP itself is in the modules below.

mod client;
mod gone;
mod hostile;
mod server;

use std::fs;
use std::path::Path;

use wharf_tests::certs::Authority;
use wharf_tests::need::Tool;
use wharf_tests::peer::Nginx;
use wharf_tests::{Running, pattern, require, wharf};

/// Requests at the same time.
const PARALLEL: usize = 100;

/// Settings that keep all that nginx writes inside its folder.
const INSIDE: &str = "access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi; scgi_temp_path scgi;";

/// nginx with a file `hello`, and its folder.
struct Site {
    folder: tempfile::TempDir,
    nginx: Nginx,
}

impl Site {
    #[track_caller]
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // A second door: the same files on a Unix socket.
        let nginx = Nginx::start(
            folder.path(),
            &format!(
                "http {{ {INSIDE} server {{ listen 127.0.0.1:$PORT; listen unix:nginx.sock; root html; }} }}"
            ),
        );
        fs::write(folder.path().join("html/hello"), "hello\n").expect("a file to serve");
        Self { folder, nginx }
    }

    fn tcp(&self) -> String {
        format!("tcp://127.0.0.1:{}", self.nginx.port())
    }

    fn path(&self, name: &str) -> String {
        text(&self.folder.path().join(name)).to_owned()
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// A relay from `left` to `right` that has begun to listen.
#[track_caller]
fn relay(left: &str, right: &str) -> (Running, String) {
    let mut relay = wharf(["--json", left, right]).spawn();
    let local = relay.event("listening")["local"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    (relay, local)
}

#[test]
fn a_kept_connection_carries_several_requests() {
    require!(Tool::NGINX, Tool::CURL);
    let site = Site::start();
    let (relay, front) = relay("tcp-listen://127.0.0.1:0", &site.tcp());
    let url = format!("http://{front}/hello");
    let curl = Tool::CURL
        .with(["-sS", "-w", "%{num_connects}\n", &url, &url, &url])
        .run();
    curl.code(0).stdout_is("hello\n1\nhello\n0\nhello\n0\n");
    relay
        .stop()
        .code(0)
        .stderr_has("\"connections\":1,\"open\":0");
}

#[test]
fn a_hundred_parallel_downloads_are_whole() {
    require!(Tool::NGINX, Tool::CURL);
    let site = Site::start();
    let data = pattern::bytes(200_000);
    fs::write(site.path("html/data"), &data).unwrap();
    let (relay, front) = relay("tcp-listen://127.0.0.1:0", &site.tcp());
    let url = format!("http://{front}/data?[1-{PARALLEL}]");
    let most = PARALLEL.to_string();
    let words = [
        "-sS",
        "--fail",
        "--parallel",
        "--parallel-immediate",
        "--parallel-max",
        &most,
    ];
    let curl = Tool::CURL.with(words.into_iter().chain(["-o", "got#1", &url]));
    curl.folder(site.folder.path()).run().code(0);
    for number in 1..=PARALLEL {
        let got = fs::read(site.path(&format!("got{number}"))).unwrap();
        assert!(got == data, "download {number}: {} octets", got.len());
    }
    let connections = format!("\"connections\":{PARALLEL},\"open\":0,\"failed\":0");
    relay.stop().code(0).stderr_has(&connections);
}

#[test]
fn http_over_unix_sockets_on_either_side() {
    require!(Tool::NGINX, Tool::CURL);
    let site = Site::start();
    let front = site.path("front.sock");
    let (_relay, _) = relay(&format!("unix-listen:{front}"), &site.tcp());
    let words = ["-sS", "--unix-socket", &front, "http://anything/hello"];
    Tool::CURL.with(words).run().code(0).stdout_is("hello\n");

    let behind = format!("unix:{}", site.path("nginx.sock"));
    let (_relay, front) = self::relay("tcp-listen://127.0.0.1:0", &behind);
    let url = format!("http://{front}/hello");
    Tool::CURL
        .with(["-sS", &url])
        .run()
        .code(0)
        .stdout_is("hello\n");
}

#[test]
fn tls_is_taken_off_in_front_of_a_plain_server() {
    require!(Tool::NGINX, Tool::CURL);
    let site = Site::start();
    let authority = Authority::new();
    let identity = authority.server(&["127.0.0.1"]);
    let (certificate, key) = (text(identity.certificate()), text(identity.key()));
    let left = format!("tls-listen://127.0.0.1:0#cert={certificate},key={key}");
    let (relay, front) = relay(&left, &site.tcp());
    let url = format!("https://{front}/hello");
    let ca = text(authority.certificate());
    let curl = Tool::CURL.with(["-sS", "--cacert", ca, &url, &url]).run();
    curl.code(0).stdout_is("hello\nhello\n");
    relay
        .stop()
        .code(0)
        .stderr_has("\"connections\":1,\"open\":0");
}

#[test]
fn a_request_by_hand_needs_no_more_than_its_lines() {
    require!(Tool::NGINX);
    let site = Site::start();
    let request = "GET /hello HTTP/1.1\nHost: site\nConnection: close\n\n";
    let output = wharf(["--crlf", &site.tcp()]).stdin(request).run();
    output
        .code(0)
        .stdout_has("HTTP/1.1 200 OK\r\n")
        .stdout_has("\r\n\r\nhello\n");
}
