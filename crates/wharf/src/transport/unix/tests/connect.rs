//! Connecting: what both sides know of each other, and each way in which it fails.

use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{at, connect, listen, place, stream};
use crate::socket::info::{Credentials, SocketName};
use crate::{End, Endpoint, Error, Kind, Op};

fn ours() -> Credentials {
    Credentials {
        pid: std::process::id().try_into().unwrap(),
        uid: rustix::process::geteuid().as_raw(),
        gid: rustix::process::getegid().as_raw(),
    }
}

#[tokio::test]
async fn both_sides_know_names_and_credentials() {
    for scheme in ["unix", "unixpacket"] {
        let (folder, path) = place();
        let mut listener = listen(&at(&format!("{scheme}-listen"), &path))
            .await
            .unwrap();
        let ours_at = folder.path().join("client");
        let address = format!("{}#bind={},mode=600", at(scheme, &path), ours_at.display());
        let client = connect(&address).await.unwrap();
        let server = listener.accept().await.unwrap().open().await.unwrap();

        assert_eq!(client.info.local, Some(SocketName::Unix(ours_at.clone())));
        assert_eq!(client.info.peer, Some(SocketName::Unix(path.clone())));
        assert_eq!(client.info.credentials, Some(ours()));
        assert_eq!(server.info.local, Some(SocketName::Unix(path)));
        assert_eq!(server.info.peer, Some(SocketName::Unix(ours_at.clone())));
        assert_eq!(server.info.credentials, Some(ours()));
        let variables = server.info.environment();
        let pid = (
            "WHARF_PEER_PID".into(),
            std::process::id().to_string().into(),
        );
        assert!(variables.contains(&pid), "{variables:?}");

        assert!(ours_at.exists());
        drop(client);
        assert!(!ours_at.exists(), "the client's own file goes with it");
    }
}

#[tokio::test]
async fn abstract_names_may_contain_anything() {
    let unique = format!("wharf-test-{}", std::process::id());
    for name in [format!("@{unique}"), format!("@{unique}%00%2f%01")] {
        let mut listener = listen(&format!("unix-listen:{name}")).await.unwrap();
        let shown = listener.local().first().unwrap().to_string();
        let mut client = connect(&format!("unix:{shown}")).await.unwrap();
        let mut server = listener.accept().await.unwrap().open().await.unwrap();
        assert_eq!(server.info.peer, Some(SocketName::Unnamed));
        assert_eq!(client.info.peer, server.info.local);
        stream(&mut client).write_all(b"x").await.unwrap();
        assert_eq!(stream(&mut server).read_u8().await.unwrap(), b'x');

        let taken = listen(&format!("unix-listen:{name}")).await.unwrap_err();
        assert_eq!((taken.op(), taken.kind()), (Op::Bind, Kind::Local));
        let owner = format!("(process {})", std::process::id());
        assert!(taken.reason().contains(&owner), "{taken}");
    }
}

/// The error of connecting, and its kind.
async fn refused(address: &str, kind: Kind) -> Error {
    let error = connect(address).await.unwrap_err();
    assert_eq!((error.op(), error.kind()), (Op::Connect, kind), "{error}");
    assert!(error.try_this().is_some(), "{error}");
    error
}

#[tokio::test]
async fn each_way_to_miss_somebody_is_told() {
    for scheme in ["unix", "unixpacket", "unixgram"] {
        let (folder, path) = place();
        let shown = path.display();
        let error = refused(&at(scheme, &path), Kind::Local).await;
        assert_eq!(error.reason(), format!("{shown} does not exist"));

        let nowhere = folder.path().join("missing");
        let error = refused(&at(scheme, &nowhere.join("x")), Kind::Local).await;
        assert_eq!(
            error.reason(),
            format!("there is no folder {}", nowhere.display())
        );

        std::fs::write(&path, "text").unwrap();
        let error = refused(&at(scheme, &path), Kind::Local).await;
        assert_eq!(error.reason(), format!("{shown} is not a socket"));
        std::fs::remove_file(&path).unwrap();

        drop(UnixListener::bind(&path).unwrap());
        let error = refused(&at(scheme, &path), Kind::Unreachable).await;
        assert_eq!(
            error.reason(),
            format!("nobody listens on {shown} any more")
        );

        let name = format!("{scheme}:@wharf-test-nobody-{}", std::process::id());
        let error = refused(&name, Kind::Unreachable).await;
        assert_eq!(error.reason(), "nobody has this abstract name");
    }
}

#[tokio::test]
async fn another_kind_of_socket_is_named() {
    let (folder, path) = place();
    let (datagrams, packets) = (folder.path().join("dgram"), folder.path().join("seq"));
    let _stream = UnixListener::bind(&path).unwrap();
    let _datagrams = UnixDatagram::bind(&datagrams).unwrap();
    let _packets = listen(&at("unixpacket-listen", &packets)).await.unwrap();
    for (scheme, there, hint) in [
        ("unix", &datagrams, "unixgram:"),
        ("unix", &packets, "unixpacket:"),
        ("unixpacket", &path, "unix:"),
        ("unixpacket", &datagrams, "unixgram:"),
        ("unixgram", &path, "unix: or unixpacket:"),
        ("unixgram", &packets, "unix: or unixpacket:"),
    ] {
        let error = refused(&at(scheme, there), Kind::Usage).await;
        let hint = format!("write {hint} instead");
        assert_eq!(error.try_this(), Some(hint.as_str()), "{scheme} {error}");
    }
}

/// Runs `body` as a user who owns nothing here; a thread of its own has that identity.
fn as_nobody(body: impl Future<Output = ()> + Send) {
    use rustix::thread::{set_thread_res_gid, set_thread_res_uid};
    if !rustix::process::geteuid().is_root() {
        // Whoever runs this test cannot become somebody else.
        return;
    }
    let (uid, gid) = (
        rustix::fs::Uid::from_raw(65_534),
        rustix::fs::Gid::from_raw(65_534),
    );
    std::thread::scope(|scope| {
        scope.spawn(|| {
            set_thread_res_gid(gid, gid, gid).unwrap();
            set_thread_res_uid(uid, uid, uid).unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(body);
        });
    });
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn who_may_not_is_told_so() {
    let (folder, path) = place();
    set_mode(folder.path(), 0o755);
    let _listener = UnixListener::bind(&path).unwrap();
    set_mode(&path, 0o600);
    as_nobody(async {
        let error = refused(&at("unix", &path), Kind::Privilege).await;
        let reason = format!("we may not write to {}", path.display());
        assert_eq!(error.reason(), reason);

        let error = listen(&at("unix-listen", &path)).await.unwrap_err();
        assert_eq!((error.op(), error.kind()), (Op::Bind, Kind::Privilege));
        assert!(error.reason().contains("may not ask"), "{error}");

        let new = folder.path().join("new");
        let error = listen(&at("unix-listen", &new)).await.unwrap_err();
        assert_eq!((error.op(), error.kind()), (Op::Bind, Kind::Privilege));
        let reason = format!("we may not make a file in {}", folder.path().display());
        assert_eq!(error.reason(), reason);
        assert!(error.try_this().is_some());
    });
    // What was left over by somebody else, in a folder where only owners may remove.
    set_mode(folder.path(), 0o1777);
    let left = folder.path().join("left");
    drop(UnixListener::bind(&left).unwrap());
    set_mode(&left, 0o777);
    as_nobody(async {
        let error = listen(&at("unix-listen", &left)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Privilege);
        assert!(error.reason().contains("is left over"), "{error}");

        let given = folder.path().join("given");
        let error = listen(&(at("unix-listen", &given) + "#owner=0"))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), Kind::Privilege);
        assert!(error.reason().contains("option owner=0"), "{error}");
        assert!(
            !given.exists(),
            "what could not be given away does not stay"
        );
    });
}

/// A listener that accepts nobody, and whose queue is full.
async fn full(path: &Path) -> (crate::Listener, Vec<crate::Channel>) {
    let listener = listen(&(at("unix-listen", path) + "#backlog=1"))
        .await
        .unwrap();
    let mut waiting = Vec::new();
    let address = at("unix", path) + "#timeout=0s";
    loop {
        match connect(&address).await {
            Ok(channel) => waiting.push(channel),
            Err(error) => {
                assert_eq!(error.kind(), Kind::Timeout, "{error}");
                return (listener, waiting);
            }
        }
    }
}

#[tokio::test]
async fn a_full_queue_is_waited_for_and_given_up() {
    let (_folder, path) = place();
    let (mut listener, waiting) = full(&path).await;
    assert_eq!(
        waiting.len(),
        2,
        "the kernel takes one more than the backlog"
    );
    let error = refused(&(at("unix", &path) + "#timeout=30ms"), Kind::Timeout).await;
    assert!(error.reason().contains("within 30ms"), "{error}");
    assert_eq!(error.try_this(), Some("timeout=90ms waits longer"));

    // It goes on as soon as there is a place.
    let endpoint = Endpoint::parse(&at("unix", &path)).unwrap();
    let env = crate::Env::new();
    let connecting = endpoint.connect(&env, None);
    tokio::pin!(connecting);
    let early = tokio::time::timeout(Duration::from_millis(20), &mut connecting).await;
    assert!(early.is_err());
    listener.accept().await.unwrap();
    connecting.await.unwrap();
}

#[tokio::test]
async fn a_path_that_is_too_long_is_refused_before_anything_is_opened() {
    let long = format!("/{}", "x".repeat(119));
    for address in [format!("unix:{long}"), format!("unixgram:/x#bind={long}")] {
        let error = Endpoint::parse(&address).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage);
        let reason = "the path has 120 octets, a Unix socket takes 107";
        assert_eq!(error.reason(), reason);
    }
}

/// Closing takes nothing back, though the peer said something that nobody read; a reset does.
#[tokio::test]
async fn what_was_written_arrives_and_then_the_end_or_a_reset() {
    use std::io::{Read, Write};
    let (_folder, path) = place();
    let server = UnixListener::bind(&path).unwrap();
    for end in [End::Fin, End::Reset] {
        let mut channel = connect(&at("unix", &path)).await.unwrap();
        let (mut peer, _) = server.accept().unwrap();
        peer.write_all(&[b'x'; 100_000]).unwrap();
        stream(&mut channel).write_all(b"last words").await.unwrap();
        std::future::poll_fn(|cx| stream(&mut channel).poll_finish(cx, &end))
            .await
            .unwrap();
        drop(channel);
        let mut heard = Vec::new();
        let ended = peer.read_to_end(&mut heard).map_err(|error| error.kind());
        assert_eq!(heard, b"last words");
        match end {
            End::Fin => assert_eq!(ended, Ok(10)),
            _ => assert_eq!(ended, Err(std::io::ErrorKind::ConnectionReset)),
        }
        assert!(peer.write_all(b"more").is_err());
    }
}

#[tokio::test]
async fn a_peer_that_closes_on_unread_data_resets() {
    let (_folder, path) = place();
    let server = UnixListener::bind(&path).unwrap();
    let mut channel = connect(&at("unix", &path)).await.unwrap();
    let (mut peer, _) = server.accept().unwrap();
    stream(&mut channel).write_all(b"never read").await.unwrap();
    std::io::Write::write_all(&mut peer, b"last words").unwrap();
    drop(peer);
    let mut heard = Vec::new();
    let error = stream(&mut channel)
        .read_to_end(&mut heard)
        .await
        .unwrap_err();
    assert_eq!(heard, b"last words");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let error = stream(&mut channel).write_all(b"more").await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}
