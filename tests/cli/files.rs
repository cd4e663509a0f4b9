//! Files: read, written, appended, sought, followed; missing, forbidden, too large for their disk.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use wharf_tests::need::{Need, Tool};
use wharf_tests::program::binary;
use wharf_tests::{Program, Signal, pattern, require, tcp, wharf};

/// Past where 32 bits end.
const FAR: u64 = 5 << 30;

/// A folder, and the path of a file in it that is not there yet.
fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file");
    (folder, path)
}

/// `file:PATH` with options.
fn file(path: &Path, options: &str) -> String {
    format!("file:{}{options}", path.display())
}

#[test]
fn a_file_is_read_by_its_path_alone() {
    let (folder, path) = place();
    fs::write(&path, "content").unwrap();
    let here = wharf(["./file"]).folder(folder.path()).run();
    here.code(0).stdout_is("content");
    wharf([&path]).run().code(0).stdout_is("content");
    let read_only = wharf([file(&path, "")]).stdin("is not written").run();
    read_only.stdout_is("content");
    assert_eq!(fs::read(&path).unwrap(), b"content");
}

#[test]
fn a_file_is_written_emptied_appended_or_made_anew() {
    let (_folder, path) = place();
    let write = |options: &str, text: &str| wharf([file(&path, options)]).stdin(text).run();
    for (options, text, result) in [
        ("#create", "one", "one"),
        ("#append", " two", "one two"),
        ("#write", "1", "1ne two"),
        ("#write,seek=4", "TWO", "1ne TWO"),
        ("#truncate", "3", "3"),
        ("#create", "", ""),
    ] {
        write(options, text).code(0).quiet();
        assert_eq!(fs::read_to_string(&path).unwrap(), result, "{options}");
    }
    write("#excl", "mine").code(9).stderr_has("exists");
    fs::remove_file(&path).unwrap();
    write("#excl", "mine").code(0);
    assert_eq!(fs::read(&path).unwrap(), b"mine");
}

#[test]
fn a_missing_file_a_folder_and_a_path_through_a_file_are_named() {
    let (folder, path) = place();
    let missing = wharf([file(&path, "")]).run();
    let named = path.display().to_string();
    missing
        .code(9)
        .stderr_has(&named)
        .stderr_has("no such file");
    wharf([file(&path, "#truncate")]).run().code(9);
    assert!(!path.exists(), "a failure leaves nothing behind");
    for options in ["", "#create"] {
        let on_a_folder = wharf([file(folder.path(), options)]).run();
        on_a_folder.code(9).stderr_has("folder");
    }
    fs::write(&path, "").unwrap();
    let below = wharf([file(&path.join("below"), "")]).run();
    below.code(9).stderr_has("not a directory");
}

#[test]
fn a_file_that_may_not_be_opened_is_a_matter_of_privilege() {
    require!(Need::Root, Tool::SETPRIV);
    let (folder, path) = place();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    fs::write(&path, "secret").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    let program = folder.path().join("wharf");
    fs::copy(binary(), &program).unwrap();
    let program = program.to_str().unwrap();
    for options in ["", "#append"] {
        let address = file(&path, options);
        let words = ["--reuid", "65534", "--clear-groups", program, &address];
        let output = Tool::SETPRIV.with(words).folder(folder.path()).run();
        output
            .code(10)
            .stdout_is("")
            .stderr_has("permission denied");
    }
}

#[test]
fn the_umask_and_the_mode_decide_who_may_read_what_is_made() {
    for (umask, options, mode) in [
        ("022", "#create", 0o644),
        ("077", "#create", 0o600),
        ("000", "#create,mode=640", 0o640),
        ("027", "#append", 0o640),
    ] {
        let (_folder, path) = place();
        let line = format!("umask {umask}; exec \"$0\" '{}'", file(&path, options));
        let words = ["-c".as_ref(), line.as_ref(), binary().as_os_str()];
        Program::new("sh", words).run().code(0);
        let found = path.metadata().unwrap().mode() & 0o777;
        assert_eq!(found, mode, "umask {umask} {options}");
    }
}

#[test]
fn offsets_past_four_gibibytes_are_meant_as_they_are_said() {
    let (_folder, path) = place();
    // No disk is used for what was never written.
    let sparse = File::create_new(&path).unwrap();
    sparse.set_len(FAR + 9).unwrap();
    sparse.write_all_at(b"far away", FAR).unwrap();
    let from_there = wharf([file(&path, &format!("#seek={FAR}"))]).run();
    from_there.code(0).stdout_is("far away\0");
    let to_there = wharf([file(&path, "#write,seek=5GiB")]).stdin("FAR").run();
    to_there.code(0);
    let mut end = [0; 8];
    File::open(&path)
        .unwrap()
        .read_exact_at(&mut end, FAR)
        .unwrap();
    assert_eq!(&end, b"FAR away");
    assert_eq!(path.metadata().unwrap().len(), FAR + 9);
}

#[test]
fn standard_input_is_read_from_where_it_stands() {
    let (_folder, path) = place();
    fs::write(&path, "header and body").unwrap();
    let mut input = File::open(&path).unwrap();
    input.seek(SeekFrom::Start(11)).unwrap();
    let output = wharf(["echo:"]).stdin_file(input).run();
    output.code(0).stdout_is("body");
}

#[test]
fn a_large_file_is_copied_whole() {
    let (folder, from) = place();
    let to = folder.path().join("copy");
    let mut source = File::create_new(&from).unwrap();
    std::io::copy(&mut pattern::Source::new(200_000_000), &mut source).unwrap();
    let output = wharf([file(&from, ""), file(&to, "#create")]).run();
    output.code(0).quiet();
    assert_eq!(pattern::check(File::open(&to).unwrap()), 200_000_000);
}

#[test]
fn each_client_gets_the_file_from_its_start() {
    let (_folder, path) = place();
    fs::write(&path, pattern::bytes(300_000)).unwrap();
    let mut server = wharf(["--json", "tcp-listen://127.0.0.1:0", &file(&path, "")]).spawn();
    let front = server.listening();
    for _ in 0..3 {
        let mut client = tcp::connect(front);
        tcp::finish(&client);
        assert_eq!(pattern::check(&mut client), 300_000);
    }
}

#[test]
fn what_clients_send_one_after_the_other_is_appended() {
    let (_folder, path) = place();
    let right = file(&path, "#append");
    let mut server = wharf(["--json", "tcp-listen://127.0.0.1:0", &right]).spawn();
    let front = server.listening();
    for number in 0..20 {
        let mut client = tcp::connect(front);
        writeln!(client, "line {number}").unwrap();
        tcp::finish(&client);
        server.event("closed");
    }
    let expected: String = (0..20).map(|number| format!("line {number}\n")).collect();
    assert_eq!(fs::read_to_string(&path).unwrap(), expected);
}

#[test]
fn a_full_disk_is_an_error_that_counts_and_what_fits_is_there() {
    require!(Need::Root, Tool::UNSHARE);
    // A disk of one mount namespace, which goes with the program.
    let line = "mkdir disk && mount -t tmpfs -o size=1m none disk || exit 99
        \"$0\" --json zero: file:disk/file#create; code=$?
        stat -c %s disk/file; exit $code";
    let program = binary().to_str().unwrap();
    let output = Tool::UNSHARE.with(["-m", "sh", "-c", line, program]).run();
    output.code(9).stdout_is("1048576\n");
    output.stderr_has("no space left on device");
    let closed = output
        .stderr
        .lines()
        .find(|line| line.contains("\"closed\""));
    let closed: serde_json::Value = serde_json::from_str(closed.unwrap()).unwrap();
    let there = |name: &str| closed["there"][name].as_u64().unwrap();
    // What was taken and is not told to be lost is in the file.
    assert!(there("lost") > 0, "{closed}");
    assert_eq!(there("octets") - there("lost"), 1 << 20, "{closed}");
}

#[test]
fn a_file_that_grows_is_followed_through_truncation_and_rotation() {
    let (folder, path) = place();
    fs::write(&path, "first\n").unwrap();
    let mut reader = wharf([file(&path, "#follow")]).stdin_held().spawn();
    assert_eq!(reader.line(), "first");
    let append = |text: &str| {
        let log = OpenOptions::new().append(true).create(true).open(&path);
        log.unwrap().write_all(text.as_bytes()).unwrap();
    };
    append("second\n");
    assert_eq!(reader.line(), "second");
    fs::write(&path, "3\n").unwrap();
    assert_eq!(reader.line(), "3");
    fs::rename(&path, folder.path().join("file.1")).unwrap();
    append("fourth\n");
    assert_eq!(reader.line(), "fourth");
    reader.signal(Signal::TERM);
    reader.finish().code(143);
}

#[test]
fn devices_are_files() {
    wharf(["file:/dev/null"]).run().code(0).stdout_is("");
    wharf(["file:/dev/null#write"]).stdin("gone").run().code(0);
    let full = wharf(["zero:", "file:/dev/full#write"]).run();
    full.code(9).stderr_has("no space left on device");
}

#[test]
fn a_named_pipe_carries_what_others_write_and_read() {
    let (_folder, path) = place();
    let pipe = format!("pipe:{}", path.display());
    Tool::new("mkfifo", "coreutils").with([&path]).run().code(0);
    let reader = wharf([&pipe]).spawn();
    fs::write(&path, "through a pipe").unwrap();
    reader.finish().code(0).stdout_is("through a pipe");
    let writer = wharf([format!("{pipe}#write")]).stdin("and back").spawn();
    let mut text = String::new();
    File::open(&path)
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text, "and back");
    writer.finish().code(0);
}
