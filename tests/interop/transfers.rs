//! `wharf get` and `wharf put` with servers that others have written: nginx, Python's, socat, ncat.
//!
//! What curl gets is what wharf gets. Not here: servers that misbehave (`cli/transfers.rs`).

use std::fs;
use std::path::{Path, PathBuf};

use wharf_tests::certs::{Authority, Identity};
use wharf_tests::need::Tool;
use wharf_tests::peer::Nginx;
use wharf_tests::{Program, Signal, pattern, peer, require, tcp, wharf};

/// Settings that keep all that nginx writes inside its folder.
const INSIDE: &str = "access_log off; client_max_body_size 100m;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi; scgi_temp_path scgi;";

/// nginx with files, and a folder to get into.
struct Site {
    folder: tempfile::TempDir,
    nginx: Nginx,
}

impl Site {
    /// `server` are settings of its server.
    #[track_caller]
    fn start(server: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("got")).expect("a folder");
        let config = format!("http {{ {INSIDE} server {{ root html; {server} }} }}");
        let nginx = Nginx::start(folder.path(), &config);
        Self { folder, nginx }
    }

    fn plain() -> Self {
        Self::start("listen 127.0.0.1:$PORT;")
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.nginx.port())
    }

    fn served(&self, name: &str) -> PathBuf {
        self.folder.path().join("html").join(name)
    }

    fn got(&self, name: &str) -> PathBuf {
        self.folder.path().join("got").join(name)
    }

    fn get(&self, words: &[&str]) -> Program {
        let fixed = ["--json", "get", "--retry-wait", "10ms"];
        wharf(fixed.iter().chain(words)).folder(self.folder.path().join("got"))
    }
}

#[track_caller]
fn same(one: &Path, other: &Path) {
    assert!(fs::read(one).expect("a file") == fs::read(other).expect("a file"));
}

#[test]
fn what_curl_gets_is_what_wharf_gets_over_any_number_of_connections() {
    require!(Tool::NGINX, Tool::CURL);
    let site = Site::plain();
    fs::write(site.served("data"), pattern::bytes(30_000_000)).unwrap();
    let (url, curled) = (site.url("/data"), site.got("curled"));
    let words = ["-sS", "--fail", "-o", curled.to_str().unwrap(), &url];
    Tool::CURL.with(words).run().code(0);
    for connections in ["1", "4", "16"] {
        let words = [
            "--force",
            "--parallel",
            connections,
            "--sha256",
            "show",
            &url,
        ];
        let output = site.get(&words).run();
        output.code(0);
        same(&site.got("data"), &curled);
    }
}

#[test]
fn a_slow_download_is_ended_and_gone_on_with_and_a_changed_file_is_got_anew() {
    require!(Tool::NGINX);
    let site =
        Site::start("listen 127.0.0.1:$PORT; location = /slow { limit_rate 1m; alias html/data; }");
    fs::write(site.served("data"), pattern::bytes(8_000_000)).unwrap();
    let slow = site.url("/slow");
    let interrupt = |words: &[&str]| {
        let running = site.get(words).spawn();
        let part = site.got("data.part");
        let since = std::time::Instant::now();
        while fs::metadata(&part).map_or(0, |meta| meta.len()) < 500_000 {
            assert!(since.elapsed() < wharf_tests::wait::DEADLINE, "{running}");
            std::thread::yield_now();
        }
        running.signal(Signal::INT);
        running.finish().code(130);
    };
    interrupt(&["-o", "data", &slow]);
    // The same address goes on, over several connections; nginx has a tag for its files.
    let output = site.get(&["--parallel", "3", "-o", "data", &slow]).run();
    output.code(0).stderr_lacks("\"continued\":0");
    same(&site.got("data"), &site.served("data"));

    fs::remove_file(site.got("data")).unwrap();
    interrupt(&["--parallel", "2", "-o", "data", &slow]);
    fs::write(site.served("data"), pattern::bytes(700_000)).unwrap();
    let output = site.get(&["-o", "data", &slow]).run();
    output.code(0).stderr_has("starting over");
    same(&site.got("data"), &site.served("data"));
}

#[test]
fn redirects_lead_to_the_file_and_errors_to_none() {
    require!(Tool::NGINX);
    let site = Site::start(
        "listen 127.0.0.1:$PORT;
         location = /moved { return 302 /data; } location = /secret { return 403; }
         location = /busy { return 503; }",
    );
    fs::write(site.served("data"), pattern::bytes(3_000_000)).unwrap();
    let moved = site.url("/moved");
    site.get(&["--parallel", "2", &moved]).run().code(0);
    same(&site.got("moved"), &site.served("data"));
    for (path, code) in [("/secret", 13), ("/nothing", 13), ("/busy", 13)] {
        let output = site.get(&["--retry", "1", &site.url(path)]).run();
        output.code(code);
        assert!(!site.got(&path[1..]).exists());
    }
}

fn secure(identity: &Identity, more: &str) -> Site {
    let (certificate, key) = (identity.certificate().display(), identity.key().display());
    Site::start(&format!(
        "listen 127.0.0.1:$PORT ssl {more};
         ssl_certificate {certificate}; ssl_certificate_key {key};"
    ))
}

#[test]
fn https_and_http_2_are_checked_and_whole() {
    require!(Tool::NGINX);
    let authority = Authority::new();
    let identity = authority.server(&["localhost"]);
    let ca = authority.certificate().display().to_string();
    for more in ["", "http2"] {
        let site = secure(&identity, more);
        fs::write(site.served("data"), pattern::bytes(12_000_000)).unwrap();
        let url = format!("https://localhost:{}/data", site.nginx.port());
        let output = site.get(&[&url]).run();
        output.code(6);
        let trusted = format!("{url}#ca={ca}");
        let output = site.get(&["--parallel", "3", &trusted]).run();
        output.code(0).stderr_has("\"connections\":3");
        same(&site.got("data"), &site.served("data"));
    }
}

#[test]
fn a_server_without_parts_gives_the_whole() {
    require!(Tool::PYTHON);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("data"), pattern::bytes(5_000_000)).unwrap();
    let got = tempfile::tempdir().unwrap();
    let words = ["-u", "-m", "http.server", "0", "--bind", "127.0.0.1"];
    let mut server = Tool::PYTHON.with(words).folder(folder.path()).spawn();
    let url = format!("http://127.0.0.1:{}/data", server.tcp_port());
    let output = wharf(["--json", "get", "--parallel", "4", "-R", &url])
        .folder(got.path())
        .run();
    output.code(0).stderr_has("one connection is used");
    same(&got.path().join("data"), &folder.path().join("data"));
    let modified = |path: &Path| {
        let time = path.metadata().unwrap().modified().unwrap();
        time.duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_secs()
    };
    let dates = [got.path(), folder.path()].map(|folder| modified(&folder.join("data")));
    assert_eq!(dates[0], dates[1]);
}

#[test]
fn streams_of_other_tools_become_files() {
    require!(Tool::SOCAT, Tool::NCAT);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    fs::write(&path, pattern::bytes(4_000_000)).unwrap();
    let file = format!("FILE:{}", path.display());
    let mut server = Tool::SOCAT
        .with(["-u", &file, "TCP4-LISTEN:0,bind=127.0.0.1"])
        .spawn();
    let address = format!("127.0.0.1:{}", server.tcp_port());
    let got = folder.path().join("got");
    let words = ["get", "-o", got.to_str().unwrap(), &address];
    wharf(words).run().code(0);
    same(&got, &path);

    let mut receiver = Tool::NCAT
        .with(["--recv-only", "-l", "127.0.0.1", "0"])
        .spawn();
    let address = format!("127.0.0.1:{}", receiver.tcp_port());
    wharf(["put", path.to_str().unwrap(), &address])
        .run()
        .code(0);
    receiver
        .finish()
        .code(0)
        .stdout_is(fs::read(&path).unwrap());
}

#[test]
fn nginx_stores_what_is_put() {
    require!(Tool::NGINX);
    if !Tool::NGINX
        .with(["-V"])
        .run()
        .stderr
        .contains("http_dav_module")
    {
        return;
    }
    let site = Site::start("listen 127.0.0.1:$PORT; dav_methods PUT; create_full_put_path on;");
    let path = site.got("data");
    fs::write(&path, pattern::bytes(9_000_000)).unwrap();
    let path = path.to_str().unwrap();
    wharf(["put", path, &site.url("/a/b/")])
        .run()
        .code(0)
        .stderr_has("8.6 MiB in ");
    same(&site.served("a/b/data"), Path::new(path));
    // What comes through a pipe comes in chunks.
    let words = ["put", "-", &site.url("/piped")];
    wharf(words).stdin(pattern::bytes(2_000_000)).run().code(0);
    assert_eq!(
        pattern::check(fs::File::open(site.served("piped")).unwrap()),
        2_000_000
    );
    let words = ["put", "-X", "POST", path, &site.url("/a/b/data")];
    wharf(words)
        .run()
        .code(13)
        .stdout_has("405")
        .stderr_has("405");
}

#[test]
fn a_hundred_files_are_got_in_one_run() {
    require!(Tool::NGINX);
    let site = Site::plain();
    let names: Vec<String> = (0..100).map(|n| format!("file{n}")).collect();
    for (n, name) in names.iter().enumerate() {
        fs::write(site.served(name), pattern::bytes(n * 100)).unwrap();
    }
    let urls: Vec<String> = names
        .iter()
        .map(|name| site.url(&format!("/{name}")))
        .collect();
    let words: Vec<&str> = urls.iter().map(String::as_str).collect();
    site.get(&words)
        .run()
        .code(0)
        .stderr_has("\"connections\":100");
    for name in &names {
        same(&site.got(name), &site.served(name));
    }
}

#[test]
fn a_peer_that_speaks_late_and_ends_early() {
    require!(Tool::PYTHON);
    // The head of a response in pieces, then half of the body, then silence for ever.
    let script = "server = listener()
while True:
    connection, _ = server.accept()
    request = connection.recv(65536)
    for octet in b'HTTP/1.1 200 OK\\r\\nContent-Length: 10\\r\\n\\r\\nhello':
        connection.sendall(bytes([octet]))
    held = connection";
    let mut server = peer::python(script).spawn();
    let folder = tempfile::tempdir().unwrap();
    let url = format!("http://127.0.0.1:{}/x", server.port());
    let words = [
        "get",
        "--timeout",
        "200ms",
        "--retry",
        "1",
        "--retry-wait",
        "1ms",
        &url,
    ];
    let output = wharf(words).folder(folder.path()).run();
    output.code(5).stderr_has("nothing came for 200ms");
    assert!(!folder.path().join("x").exists());
    let (_listener, silent) = tcp::listen();
    let words = [
        "get",
        "--timeout",
        "200ms",
        "--retry",
        "0",
        &format!("http://{silent}/x"),
    ];
    wharf(words)
        .folder(folder.path())
        .run()
        .code(5)
        .stderr_has("no answer within 200ms");
}
