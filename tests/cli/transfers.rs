//! `wharf get` and `wharf put`: files that are whole or not there, whatever happens on the way.
//!
//! The server follows a script (`site`). Not here: servers of others (`interop`), units (`wharf::transfer`).

use std::fs;
use std::io::Write;
use std::path::Path;

use wharf_tests::need::{Need, Tool};
use wharf_tests::program::{Stdout, binary};
use wharf_tests::pty::Terminal;
use wharf_tests::site::{Site, Step};
use wharf_tests::{Program, Signal, pattern, require, shell, tcp, wharf};

/// wharf in a folder that the test looks into, with waits that it need not wait for.
fn get(folder: &Path, words: &[&str]) -> Program {
    let fixed = ["--json", "get", "--retry-wait", "1ms"];
    wharf(fixed.iter().chain(words)).folder(folder)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
    let mut names: Vec<_> = entries
        .map(|e| name(e).into_string().expect("text"))
        .collect();
    names.sort();
    names
}

#[track_caller]
fn has_only(folder: &Path, name: &str, content: &[u8]) {
    assert_eq!(names(folder), [name]);
    assert!(fs::read(folder.join(name)).expect("a file") == content);
}

/// The sum as another program has it.
fn sum(content: &[u8]) -> String {
    let output = shell("sha256sum").stdin(content).run();
    output.text()[..64].to_owned()
}

#[test]
fn a_file_is_named_after_its_address_and_its_sum_is_told() {
    let data = pattern::bytes(3_000_000);
    let site = Site::start(&data, []);
    let folder = tempfile::tempdir().unwrap();
    let url = site.url("/a/big%20file.iso?version=3");
    let output = wharf(["get", "--sha256", "show", &url])
        .folder(folder.path())
        .run();
    output
        .code(0)
        .stdout_is("")
        .stderr_has("big file.iso: 2.9 MiB in ");
    output.stderr_has(&format!("sha256 {}", sum(&data)));
    has_only(folder.path(), "big file.iso", &data);
    let request = site.asked().remove(0);
    assert_eq!(request.line, "GET /a/big%20file.iso?version=3 HTTP/1.1");
}

#[test]
fn what_breaks_goes_on_where_it_broke_and_is_the_same_octet_for_octet() {
    let data = pattern::bytes(2_000_000);
    let steps = [
        Step::Status(503, "Retry-After: 0\r\n"),
        Step::Cut(700_000),
        Step::Status(429, ""),
        Step::Reset(1000),
    ];
    let site = Site::start(&data, steps);
    let folder = tempfile::tempdir().unwrap();
    let sum = sum(&data);
    let output = get(folder.path(), &["--sha256", &sum, &site.url("/x")]).run();
    output.code(0).stderr_has("\"came\":1").stderr_has(&sum);
    has_only(folder.path(), "x", &data);
    let ranges = site.ranges();
    assert_eq!(ranges[..4], ["all", "all", "700000-", "700000-"]);
    assert!(ranges[4].starts_with("70"), "{ranges:?}");
}

#[test]
fn a_killed_transfer_goes_on_with_the_next_command() {
    let data = pattern::bytes(1_500_000);
    for signal in [Signal::INT, Signal::TERM, Signal::KILL] {
        let site = Site::start(&data, [Step::Stall(800_000)]);
        let folder = tempfile::tempdir().unwrap();
        let url = site.url("/x");
        let running = get(folder.path(), &[&url]).spawn();
        // A record is written each second, and holds what is on the disk then.
        let state = folder.path().join("x.part.state");
        let recorded =
            || fs::read_to_string(&state).is_ok_and(|text| text.contains("done 0-799999"));
        let since = std::time::Instant::now();
        while !recorded() {
            assert!(since.elapsed() < wharf_tests::wait::DEADLINE, "{running}");
            std::thread::yield_now();
        }
        assert_eq!(names(folder.path()), ["x.part", "x.part.state"]);
        running.signal(signal);
        let output = running.finish();
        if signal != Signal::KILL {
            output
                .code(128 + signal.as_raw())
                .stderr_has("the same command goes on from there");
        }
        let output = get(folder.path(), &[&url]).run();
        output
            .code(0)
            .stderr_has("\"continued\":800000")
            .stderr_has("\"came\":700000");
        assert_eq!(site.ranges(), ["all", "800000-"]);
        has_only(folder.path(), "x", &data);
    }
}

#[test]
fn a_file_that_has_changed_is_got_anew_and_that_is_said() {
    let (old, new) = (pattern::bytes(500_000), vec![b'n'; 400_000]);
    let site = Site::start(&old, [Step::Cut(200_000)]);
    let folder = tempfile::tempdir().unwrap();
    let url = site.url("/x");
    let output = get(folder.path(), &["--retry", "0", &url]).run();
    output.code(12).stderr_has("x.part has 195 KiB of 488 KiB");
    site.then([Step::Change(new.clone(), "\"two\"")]);
    let output = get(folder.path(), &[&url]).run();
    output
        .code(0)
        .stderr_has("it has changed on the server: starting over");
    has_only(folder.path(), "x", &new);
}

#[test]
fn several_connections_share_a_file_and_fall_back_to_one() {
    let data = pattern::bytes(8 << 20);
    let site = Site::start(
        &data,
        [
            Step::Cut(1_000_000),
            Step::Status(503, ""),
            Step::Reset(5000),
        ],
    );
    let folder = tempfile::tempdir().unwrap();
    let output = get(folder.path(), &["--parallel", "4", &site.url("/x")]).run();
    output.code(0).stderr_has("\"connections\":4");
    has_only(folder.path(), "x", &data);
    assert!(site.ranges().len() >= 4);

    site.then([Step::Bare]);
    let output = get(
        folder.path(),
        &["--force", "--parallel", "4", &site.url("/x")],
    )
    .run();
    output.code(0).stderr_has("one connection is used");
    has_only(folder.path(), "x", &data);
    assert_eq!(site.ranges(), ["all"]);
}

#[test]
fn a_wrong_sum_is_exit_code_14_and_never_gets_the_name() {
    let data = pattern::bytes(100_000);
    let site = Site::start(&data, []);
    let folder = tempfile::tempdir().unwrap();
    let (url, wrong) = (site.url("/x"), sum(b"else"));
    let output = get(folder.path(), &["--sha256", &wrong, &url]).run();
    output
        .code(14)
        .stderr_has(&sum(&data))
        .stderr_has("x.part has what came");
    assert_eq!(names(folder.path()), ["x.part", "x.part.state"]);
    let output = get(folder.path(), &["--sha256", &sum(&data), &url]).run();
    output.code(0);
    has_only(folder.path(), "x", &data);
    // Once more: it is there, as it is wanted.
    site.asked();
    let output = get(folder.path(), &["--sha256", &sum(&data), &url]).run();
    output.code(0).stderr_has("\"already\":true");
    assert!(site.asked().is_empty());
}

#[test]
fn a_refusal_has_the_code_of_its_kind_and_leaves_nothing() {
    let site = Site::start(b"x", []);
    let folder = tempfile::tempdir().unwrap();
    for (status, code) in [(404, 13), (401, 7), (410, 13), (500, 13)] {
        site.then(vec![Step::Status(status, ""); 2]);
        let output = get(folder.path(), &["--retry", "1", &site.url("/x")]).run();
        output.code(code).stderr_has(&status.to_string());
        assert_eq!(names(folder.path()), [""; 0]);
        let tries = if status == 500 { 2 } else { 1 };
        assert_eq!(site.asked().len(), tries, "{status}");
    }
}

#[test]
fn files_are_not_replaced_unless_that_is_asked_for() {
    let site = Site::start(b"new", []);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("x"), "mine").unwrap();
    let url = site.url("/x");
    let output = get(folder.path(), &[&url]).run();
    output
        .code(9)
        .stderr_has("it is there already")
        .stderr_has("--force");
    has_only(folder.path(), "x", b"mine");
    get(folder.path(), &["--force", &url]).run().code(0);
    has_only(folder.path(), "x", b"new");
    fs::create_dir(folder.path().join("down")).unwrap();
    get(folder.path(), &["-o", "down", &url]).run().code(0);
    assert_eq!(fs::read(folder.path().join("down/x")).unwrap(), b"new");
    let output = get(folder.path(), &["-o", "nowhere/", &url]).run();
    output
        .code(9)
        .stderr_has("nowhere")
        .stderr_has("the folder must be there");
}

#[test]
fn the_name_of_a_server_is_taken_only_when_asked_and_is_harmless() {
    let disposition = "Content-Disposition: attachment; filename=\"../../.bashrc\"\r\n";
    let site = Site::start(
        b"data",
        [
            Step::With(disposition.into()),
            Step::With(disposition.into()),
        ],
    );
    let folder = tempfile::tempdir().unwrap();
    get(folder.path(), &[&site.url("/x")]).run().code(0);
    has_only(folder.path(), "x", b"data");
    get(folder.path(), &["--server-name", &site.url("/x")])
        .run()
        .code(0);
    assert_eq!(names(folder.path()), ["bashrc", "x"]);
}

#[test]
fn several_files_are_got_and_the_first_failure_counts() {
    let site = Site::start(b"data", [Step::Status(404, ""), Step::Status(401, "")]);
    let folder = tempfile::tempdir().unwrap();
    let urls = ["/a", "/b", "/c"].map(|path| site.url(path));
    let output = get(folder.path(), &[&urls[0], &urls[1], &urls[2]]).run();
    output.code(13).stderr_has("404").stderr_has("401");
    has_only(folder.path(), "c", b"data");
}

#[test]
fn standard_output_gets_data_and_nothing_else() {
    let data = pattern::bytes(1_000_000);
    let site = Site::start(&data, [Step::Cut(300_000)]);
    let output = get(Path::new("."), &["-o", "-", &site.url("/x")]).run();
    output.code(0).stdout_is(&data);
    let output = wharf(["get", "-o", "-", &site.url("/x")]).run();
    output.code(0).quiet().stdout_is(&data);
    let closed = wharf(["get", "-o", "-", &site.url("/x")]).stdout(Stdout::Closed);
    closed.run().code(141).quiet();
    // A device has no name that could wait.
    wharf(["get", "-o", "/dev/null", &site.url("/x")])
        .run()
        .code(0);
    let full = wharf(["get", "-o", "/dev/full", &site.url("/x")]).run();
    full.code(9).stderr_has("no space left on device");
}

#[test]
fn what_is_open_or_a_device_is_written_to_as_it_is() {
    let site = Site::start(b"data", []);
    let folder = tempfile::tempdir().unwrap();
    let url = site.url("/x");
    for name in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        let output = get(folder.path(), &["-o", name, &url]).run();
        output.code(0).stdout_is("data");
    }
    // Also where it is a file, which then has what came before, too.
    let line =
        format!("(echo old; wharf get -o /dev/stdout {url}; wharf get -o /dev/fd/5 {url} 5>&1) >x");
    shell(&line).folder(folder.path()).run().code(0);
    has_only(folder.path(), "x", b"old\ndatadata");
    let link = folder.path().join("null");
    std::os::unix::fs::symlink("/dev/null", &link).unwrap();
    get(folder.path(), &["--force", "-o", "null", &url])
        .run()
        .code(0);
    assert!(link.symlink_metadata().unwrap().is_symlink());
    let line = format!("mkfifo pipe; ln -s pipe way; cat pipe & wharf get -o way {url}; wait");
    let output = shell(&line).folder(folder.path()).run();
    output.code(0).stdout_is("data");
    assert_eq!(names(folder.path()), ["null", "pipe", "way", "x"]);
}

#[test]
fn a_full_disk_keeps_the_part_and_the_next_try_goes_on() {
    require!(Need::Root, Tool::UNSHARE);
    let data = pattern::bytes(3 << 20);
    let site = Site::start(&data, []);
    // A disk of one mount namespace, which goes with the program.
    let line = "mkdir disk && mount -t tmpfs -o size=2m none disk || exit 99
        \"$0\" get -o disk/x \"$1\"; code=$?
        ls disk; [ $code = 9 ] || exit 98
        grep -q ^done disk/x.part.state || exit 97
        mount -o remount,size=5m disk && \"$0\" get -o disk/x \"$1\" && sha256sum <disk/x";
    let program = binary().to_str().unwrap();
    let output = Tool::UNSHARE
        .with(["-m", "sh", "-c", line, program, &site.url("/x")])
        .run();
    output.code(0).stderr_has("no space left on device");
    output.stdout_is(format!("x.part\nx.part.state\n{}  -\n", sum(&data)));
    // What was given up for the record is little.
    let ranges = site.ranges();
    assert_eq!(ranges.len(), 2);
    let begin = ranges[1].split('-').next().unwrap();
    assert!(begin.parse::<u64>().unwrap() > 1 << 20, "{begin}");
}

#[test]
fn a_file_that_may_be_no_larger_keeps_what_there_is_of_it() {
    let data = pattern::bytes(3 << 20);
    let site = Site::start(&data, []);
    let folder = tempfile::tempdir().unwrap();
    // ulimit counts in blocks of 512 or of 1024 octets; both are less than the file.
    let limited = shell(&format!(
        "ulimit -f 2000; exec wharf get {}",
        site.url("/x")
    ));
    let output = limited.folder(folder.path()).run();
    output
        .code(9)
        .stderr_has("too large")
        .stderr_has("goes on from there");
    get(folder.path(), &[&site.url("/x")]).run().code(0);
    has_only(folder.path(), "x", &data);
    assert!(site.ranges()[1].ends_with('-'));
}

#[test]
fn links_lead_nowhere() {
    let site = Site::start(b"new", []);
    let folder = tempfile::tempdir().unwrap();
    let victim = folder.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    for name in ["x", "x.part"] {
        let link = folder.path().join(name);
        std::os::unix::fs::symlink("victim", &link).unwrap();
        get(folder.path(), &[&site.url("/x")]).run().code(9);
        assert_eq!(fs::read(&victim).unwrap(), b"precious");
        fs::remove_file(link).unwrap();
    }
}

#[test]
fn any_endpoint_can_be_got_from() {
    let folder = tempfile::tempdir().unwrap();
    let data = pattern::bytes(1_000_000);
    let server = tcp::serve({
        let data = data.clone();
        move |mut stream| stream.write_all(&data).unwrap()
    });
    let address = server.address.to_string();
    get(folder.path(), &["-o", "tcp", &address]).run().code(0);
    assert!(fs::read(folder.path().join("tcp")).unwrap() == data);
    let tcp = folder.path().join("tcp").display().to_string();
    get(folder.path(), &["-o", "file", &tcp]).run().code(0);
    assert!(fs::read(folder.path().join("file")).unwrap() == data);
    get(folder.path(), &["-o", "command", "exec:printf hello"])
        .run()
        .code(0);
    assert_eq!(fs::read(folder.path().join("command")).unwrap(), b"hello");
    let output = get(
        folder.path(),
        &["-o", "broken", "shell:printf half; exit 3"],
    )
    .run();
    output.code(13).stderr_has("exit status 3");
    assert!(!folder.path().join("broken").exists());

    let mut listening = get(folder.path(), &["-o", "pushed", "tcp-listen://127.0.0.1:0"]).spawn();
    let mut client = tcp::connect(listening.listening());
    client.write_all(&data).unwrap();
    tcp::finish(&client);
    listening.finish().code(0);
    assert!(fs::read(folder.path().join("pushed")).unwrap() == data);
}

#[test]
fn a_rate_is_kept_and_silence_has_an_end() {
    let site = Site::start(&pattern::bytes(60_000), [Step::Whole, Step::Stall(10)]);
    let folder = tempfile::tempdir().unwrap();
    let words = ["--limit-rate", "100kB/s", &site.url("/x")];
    let output = get(folder.path(), &words).run();
    output.code(0);
    assert!(output.elapsed.as_millis() > 400, "{:?}", output.elapsed);
    let words = ["--timeout", "100ms", "--retry", "0", &site.url("/y")];
    let output = get(folder.path(), &words).run();
    output
        .code(5)
        .stderr_has("nothing came for 100ms")
        .stderr_has("--timeout");
}

#[test]
fn a_bar_is_shown_on_a_terminal_only() {
    require!(Tool::SETSID);
    let data = pattern::bytes(400_000);
    let site = Site::start(&data, []);
    let folder = tempfile::tempdir().unwrap();
    let words = ["get", "--limit-rate", "400kB/s", &site.url("/x.iso")];
    let terminal = Terminal::open();
    terminal.resize(100, 24);
    let running = wharf(words).env("TERM", "xterm").folder(folder.path());
    let running = running.spawn_on(&terminal);
    terminal.shows("of 390.62 KiB");
    running.finish().code(0);
    terminal.shows("x.iso: 391 KiB in ");
    let quiet = wharf(["-q", "get", "--force", &site.url("/x.iso")]);
    quiet.folder(folder.path()).run().code(0).quiet();
}

#[test]
fn a_file_that_is_not_there_is_told_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let put = |file| {
        let words = ["put", file, "tcp://127.0.0.1:1"];
        wharf(words).folder(folder.path()).run()
    };
    let output = put("nope");
    output.code(9).stderr_has("no such file");
    output.stderr_has("ls . shows them").stderr_lacks("#create");
    for words in [["get", "./nope"], ["dump", "nope"]] {
        let output = wharf(words).folder(folder.path()).run();
        output.code(9).stderr_has("ls . shows them");
        output.stderr_lacks("#create");
    }
    fs::write(folder.path().join("photo.jpg"), "").unwrap();
    put("phto.jpg")
        .code(9)
        .stderr_has("did you mean ./photo.jpg?");
    put("none/x").code(9).stderr_has("there is no folder none");
}

#[test]
fn a_file_is_put_with_its_length_and_its_name() {
    let site = Site::start(b"stored\n", []);
    let folder = tempfile::tempdir().unwrap();
    let data = pattern::bytes(1_000_000);
    fs::write(folder.path().join("a b.bin"), &data).unwrap();
    let words = ["put", "a b.bin", &site.url("/dir/?x=1")];
    let output = wharf(words).folder(folder.path()).run();
    output
        .code(0)
        .stdout_is("stored\n")
        .stderr_has("977 KiB in ");
    let request = site.asked().remove(0);
    assert_eq!(request.line, "PUT /dir/a%20b.bin?x=1 HTTP/1.1");
    assert_eq!(request.field("content-length"), Some("1000000"));
    assert!(request.body == data);
    // What comes through a pipe has no length beforehand.
    let words = ["put", "-X", "POST", "-", &site.url("/y")];
    wharf(words).stdin(data.clone()).run().code(0);
    let request = site.asked().remove(0);
    assert_eq!(request.line, "POST /y HTTP/1.1");
    assert_eq!(request.field("transfer-encoding"), Some("chunked"));
    assert!(request.body == data);
}

/// Done twice, it might be done twice (RFC 9110, section 9.2.2).
#[test]
fn a_request_that_changes_something_each_time_is_not_repeated() {
    let site = Site::start(b"stored\n", [Step::Status(503, "")]);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("x"), "data").unwrap();
    let url = site.url("/x");
    let words = ["put", "--retry-wait", "1ms", "-X", "POST", "x", &url];
    wharf(words).folder(folder.path()).run().code(13);
    assert_eq!(site.asked().len(), 1);
}

#[test]
fn a_put_is_repeated_from_a_file_and_not_from_a_pipe() {
    let site = Site::start(b"stored\n", [Step::Status(503, "")]);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("x"), "data").unwrap();
    let put = |words: &[&str]| {
        let fixed = ["--json", "put", "--retry-wait", "1ms"];
        wharf(fixed.iter().chain(words)).folder(folder.path())
    };
    put(&["x", &site.url("/x")])
        .run()
        .code(0)
        .stdout_is("stored\n");
    assert_eq!(site.asked().len(), 2);
    site.then([Step::Status(503, "")]);
    put(&["-", &site.url("/x")]).stdin("data").run().code(13);
    assert_eq!(site.asked().len(), 1);
    site.then([Step::Status(403, "")]);
    put(&["x", &site.url("/x")])
        .run()
        .code(13)
        .stdout_is("refused\n")
        .stderr_has("403");
    assert_eq!(site.asked().len(), 1);
    // A wrong sum is found before anything is sent.
    let words = ["--sha256", &sum(b"else"), "x", &site.url("/x")];
    put(&words).run().code(14);
    assert!(site.asked().is_empty());
}

#[test]
fn anything_that_can_be_written_can_be_put_to() {
    let folder = tempfile::tempdir().unwrap();
    let data = pattern::bytes(1_000_000);
    let path = folder.path().join("x");
    fs::write(&path, &data).unwrap();
    let path = path.to_str().unwrap();
    let server = tcp::serve(|mut stream| {
        let heard = tcp::read_to_end(&mut stream);
        stream.write_all(b"thanks\n").unwrap();
        heard
    });
    let address = server.address.to_string();
    let output = wharf(["put", "--sha256", "show", path, &address]).run();
    output.code(0).stdout_is("thanks\n").stderr_has(&sum(&data));
    assert!(server.join() == data);
    // A peer that goes before it has everything has not got it.
    let server = tcp::serve(tcp::reset);
    let address = server.address.to_string();
    let big = folder.path().join("big");
    fs::write(&big, vec![0; 30 << 20]).unwrap();
    let big = big.to_str().unwrap();
    let output = wharf(["put", "--retry", "0", big, &address]).run();
    output.code(11);
}
