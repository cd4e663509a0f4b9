//! The socket file in the hands of the whole program: who is told what, and what stays behind.

use wharf_tests::need::Tool;
use wharf_tests::{Signal, require, wait, wharf};

use super::{RETRY, listening, with};

#[test]
fn the_file_goes_when_the_program_is_asked_to_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    for scheme in ["unix-listen", "unixpacket-listen", "unixgram-listen"] {
        let wharf = listening(folder.path(), &[&format!("{scheme}:s"), "echo:"]);
        assert!(path.exists());
        wharf.stop();
        assert!(!path.exists(), "{scheme}");
    }
}

#[test]
fn what_a_killed_program_left_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let killed = listening(folder.path(), &["unix-listen:s", "echo:"]);
    killed.signal(Signal::KILL);
    killed.finish();
    assert!(path.exists());
    let _wharf = listening(folder.path(), &["unix-listen:s", "echo:"]);
    let client = wharf(["unix:s"]).folder(folder.path()).stdin("x").run();
    client.code(0).stdout_is("x");
}

#[test]
fn who_has_the_name_is_told() {
    require!(Tool::SOCAT);
    let folder = tempfile::tempdir().unwrap();
    let socat = with(Tool::SOCAT, "-t60 UNIX-LISTEN:s EXEC:cat")
        .folder(folder.path())
        .spawn();
    wait::until("socket of socat", wait::DEADLINE, || {
        folder.path().join("s").exists().then_some(())
    });
    let refused = wharf(["unix-listen:s", "echo:"])
        .folder(folder.path())
        .run();
    let owner = format!("s is taken by socat (process {})", socat.pid());
    refused.code(9).stderr_has(&owner);
    // socat, which takes one connection, has not noticed.
    let client = wharf([format!("unix:s{RETRY}")])
        .folder(folder.path())
        .stdin("x")
        .run();
    client.code(0).stdout_is("x");
    socat.finish().code(0);
}

#[test]
fn the_same_name_in_another_folder_is_somebody_elses() {
    // Each binds a path that is not absolute, and so both are the same text to the kernel.
    let places: [_; 2] = std::array::from_fn(|_| {
        let folder = tempfile::tempdir().unwrap();
        (
            listening(folder.path(), &["unix-listen:s", "echo:"]),
            folder,
        )
    });
    for (server, folder) in &places {
        let taken = format!("taken by wharf (process {})", server.pid());
        let absolute = format!("unix-listen:{}/s", folder.path().display());
        for address in ["unix-listen:s", &absolute] {
            let refused = wharf([address, "echo:"]).folder(folder.path()).run();
            refused.code(9).stderr_has(&taken);
        }
    }
}

#[test]
fn a_file_of_somebody_else_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("notes"), "precious").unwrap();
    for scheme in ["unix-listen", "unixpacket-listen", "unixgram-listen"] {
        let words = [format!("{scheme}:notes"), "echo:".into()];
        let refused = wharf(words).folder(folder.path()).run();
        refused
            .code(9)
            .stderr_has("notes is a regular file, not a socket");
    }
    let notes = std::fs::read(folder.path().join("notes")).unwrap();
    assert_eq!(notes, b"precious");
}

#[test]
fn the_own_socket_of_a_client_goes_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = std::os::unix::net::UnixDatagram::bind(folder.path().join("s")).unwrap();
    let words = ["--send-only", "unixgram:s#bind=c"];
    wharf(words).folder(folder.path()).stdin("x").run().code(0);
    let (_, sender) = server.recv_from(&mut [0; 1]).unwrap();
    assert_eq!(sender.as_pathname(), Some(std::path::Path::new("c")));
    assert!(!folder.path().join("c").exists());
}
