//! The file of a socket: who may use it, what it replaces, and when it goes.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Lines, at, connect, listen, place};
use crate::{Endpoint, Error, Kind, Op};

fn mode_of(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

/// The error of listening on `path`, which must leave alone what stands there.
async fn refused(path: &Path) -> Error {
    let before = fs::symlink_metadata(path).unwrap();
    let error = listen(&at("unix-listen", path)).await.unwrap_err();
    let after = fs::symlink_metadata(path).unwrap();
    assert_eq!(before.ino(), after.ino());
    assert_eq!(before.mode(), after.mode());
    assert_eq!((error.op(), error.kind()), (Op::Bind, Kind::Local));
    error
}

#[tokio::test]
async fn the_mode_is_what_was_asked_whatever_the_umask() {
    for (mode, bits) in [("600", 0o600), ("777", 0o777), ("0", 0), ("2770", 0o2770)] {
        let (_folder, path) = place();
        let address = format!("{}#mode={mode}", at("unix-listen", &path));
        let _listener = listen(&address).await.unwrap();
        assert_eq!(mode_of(&path), bits, "mode={mode}");
    }
}

#[tokio::test]
async fn the_owner_and_the_group_are_what_was_asked() {
    let ids = fs::symlink_metadata("/proc/self").unwrap();
    // To give a file away takes privilege: without it, to give it to oneself must do.
    let other = if ids.uid() == 0 { 12_345 } else { ids.uid() };
    let (_folder, path) = place();
    let address = format!("{}#owner={other}", at("unix-listen", &path));
    let _listener = listen(&address).await.unwrap();
    let found = fs::symlink_metadata(&path).unwrap();
    assert_eq!((found.uid(), found.gid()), (other, ids.gid()));
    assert_eq!(mode_of(&path), 0o660);

    let (_folder, path) = place();
    let options = format!("#owner={other},group={},mode=620", ids.gid());
    let address = at("unix-listen", &path) + &options;
    let _listener = listen(&address).await.unwrap();
    let found = fs::symlink_metadata(&path).unwrap();
    assert_eq!((found.uid(), found.gid()), (other, ids.gid()));
    assert_eq!(mode_of(&path), 0o620);
}

#[tokio::test]
async fn an_owner_that_does_not_exist_leaves_no_file() {
    let (_folder, path) = place();
    let address = at("unix-listen", &path) + "#owner=no-such-user";
    let error = listen(&address).await.unwrap_err();
    assert_eq!((error.op(), error.kind()), (Op::Bind, Kind::Local));
    assert!(error.reason().contains("owner=no-such-user"), "{error}");
    assert!(!path.exists());
}

/// Somebody who looks all the time sees the file closed or as it shall be, and nothing between.
#[test]
fn at_no_moment_is_it_more_open_than_asked() {
    let (_folder, path) = place();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut seen = std::collections::BTreeSet::new();
            while !over.load(Ordering::Relaxed) {
                if let Ok(found) = fs::symlink_metadata(&path) {
                    seen.insert(format!("{:o}", found.permissions().mode() & 0o7777));
                }
            }
            seen
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let group = fs::symlink_metadata("/proc/self").unwrap().gid();
            let address = at("unix-listen", &path) + &format!("#mode=620,group={group}");
            for _ in 0..500 {
                listen(&address).await.unwrap();
            }
        });
        over.store(true, Ordering::Relaxed);
        let seen = watcher.join().unwrap();
        let expected = |mode: &String| matches!(mode.as_str(), "0" | "620");
        assert!(seen.iter().all(expected), "{seen:?}");
    });
}

#[tokio::test]
async fn a_file_that_nobody_listens_on_is_replaced() {
    let (_folder, path) = place();
    for kind in ["unix", "unixpacket"] {
        drop(UnixListener::bind(&path).unwrap());
        let before = fs::symlink_metadata(&path).unwrap();
        assert!(
            before.file_type().is_socket(),
            "the standard library leaves it behind"
        );
        let (lines, env) = Lines::env();
        let endpoint = Endpoint::parse(&at(&format!("{kind}-listen"), &path)).unwrap();
        let listener = endpoint.listen(&env).await.unwrap();
        assert!(lines.all().contains("replaced"), "{}", lines.all());
        connect(&at(kind, &path)).await.unwrap();
        drop(listener);
        assert!(!path.exists());
    }
}

#[tokio::test]
async fn a_live_socket_is_left_alone_and_its_owner_named() {
    let (_folder, path) = place();
    let listener = UnixListener::bind(&path).unwrap();
    let error = refused(&path).await;
    let owner = format!("(process {})", std::process::id());
    assert!(error.reason().contains(&owner), "{error}");
    assert!(error.try_this().is_some());
    // Asking was no event for the one who listens.
    listener.set_nonblocking(true).unwrap();
    assert_eq!(
        listener.accept().unwrap_err().kind(),
        std::io::ErrorKind::WouldBlock
    );
    let mut client = UnixStream::connect(&path).unwrap();
    client.write_all(b"x").unwrap();
    let (mut server, _) = listener.accept().unwrap();
    server.read_exact(&mut [0]).unwrap();
}

#[tokio::test]
async fn live_are_also_datagrams_and_what_does_not_listen_yet() {
    let (_folder, path) = place();
    let datagrams = UnixDatagram::bind(&path).unwrap();
    assert!(refused(&path).await.reason().contains("taken"));
    drop(datagrams);
    fs::remove_file(&path).unwrap();

    let bound = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    bound
        .bind(&socket2::SockAddr::unix(&path).unwrap())
        .unwrap();
    assert!(refused(&path).await.reason().contains("taken"));
}

#[tokio::test]
async fn what_is_no_socket_is_never_touched() {
    let (folder, path) = place();
    fs::write(&path, "precious").unwrap();
    assert!(refused(&path).await.reason().contains("a regular file"));
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    fs::remove_file(&path).unwrap();

    fs::create_dir(&path).unwrap();
    assert!(refused(&path).await.reason().contains("a folder"));
    fs::remove_dir(&path).unwrap();

    symlink(folder.path().join("nowhere"), &path).unwrap();
    assert!(refused(&path).await.reason().contains("a symbolic link"));
    fs::remove_file(&path).unwrap();

    // Not through a link either, were it to a socket that nobody listens on.
    let other = folder.path().join("other");
    drop(UnixListener::bind(&other).unwrap());
    symlink(&other, &path).unwrap();
    assert!(refused(&path).await.reason().contains("a symbolic link"));
    assert!(other.exists());
}

#[tokio::test]
async fn a_folder_that_is_missing_is_named() {
    let (folder, _) = place();
    let missing = folder.path().join("missing");
    let error = listen(&at("unix-listen", &missing.join("socket")))
        .await
        .unwrap_err();
    assert_eq!((error.op(), error.kind()), (Op::Bind, Kind::Local));
    assert_eq!(
        error.reason(),
        format!("there is no folder {}", missing.display())
    );
    assert!(error.try_this().unwrap().starts_with("mkdir -p "));
    assert!(!missing.exists());
}

#[tokio::test]
async fn the_file_goes_with_the_listener_if_it_is_still_its_own() {
    let (_folder, path) = place();
    let address = at("unix-listen", &path);
    drop(listen(&address).await.unwrap());
    assert!(!path.exists());

    // Somebody else took the name meanwhile.
    let listener = listen(&address).await.unwrap();
    fs::remove_file(&path).unwrap();
    let other = UnixListener::bind(&path).unwrap();
    drop(listener);
    UnixStream::connect(&path).unwrap();
    drop(other);
    fs::remove_file(&path).unwrap();

    let listener = listen(&address).await.unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(&path, "mine").unwrap();
    drop(listener);
    assert_eq!(fs::read(&path).unwrap(), b"mine");
    fs::remove_file(&path).unwrap();

    drop(listen(&format!("{address}#unlink=no")).await.unwrap());
    assert!(path.exists());
    // What stayed is replaced by the next one.
    drop(listen(&address).await.unwrap());
    assert!(!path.exists());
}

#[tokio::test]
async fn an_accepted_connection_outlives_the_file() {
    let (_folder, path) = place();
    let mut listener = listen(&at("unix-listen", &path)).await.unwrap();
    let mut client = UnixStream::connect(&path).unwrap();
    let mut channel = listener.accept().await.unwrap().open().await.unwrap();
    drop(listener);
    assert!(!path.exists());
    client.write_all(b"still here").unwrap();
    let mut heard = [0; 10];
    tokio::io::AsyncReadExt::read_exact(super::stream(&mut channel), &mut heard)
        .await
        .unwrap();
    assert_eq!(&heard, b"still here");
}

#[test]
fn an_option_about_a_file_wants_one() {
    for address in [
        "unix-listen:@name#mode=600",
        "unix:/run/x#mode=600",
        "unix:/run/x#bind=@name,owner=root",
        "unixpacket:/run/x#unlink=no",
    ] {
        let error = Endpoint::parse(address).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage, "{address}");
        assert!(error.reason().contains("socket file"), "{error}");
        assert!(error.try_this().is_some(), "{address}");
    }
}
