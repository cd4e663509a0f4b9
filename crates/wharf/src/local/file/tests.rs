//! Files, read and written: what each option leaves behind, and what bad ones are told.

use std::io::Write;
use std::path::Path;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::socket::channel::{Io, Stream};
use crate::{Channel, Endpoint, Env, Error, Kind};

async fn open(path: &Path, options: &str) -> Result<Channel, Error> {
    let address = format!("file:{}{options}", path.display());
    Endpoint::parse(&address)?.connect(&Env::new(), None).await
}

fn stream(channel: &mut Channel) -> &mut dyn Stream {
    match &mut channel.io {
        Io::Stream(stream) => stream.as_mut(),
        Io::Packets(_) => panic!("a stream was expected"),
    }
}

async fn read(path: &Path, options: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut channel = open(path, options).await.unwrap();
    stream(&mut channel).read_to_end(&mut octets).await.unwrap();
    octets
}

async fn write(path: &Path, options: &str, octets: &[u8]) -> Result<(), Error> {
    let mut channel = open(path, options).await?;
    let stream = stream(&mut channel);
    stream.write_all(octets).await.unwrap();
    stream.shutdown().await.unwrap();
    Ok(())
}

/// What a file that held `0123456789` holds after `new` was written with these options.
#[tokio::test]
async fn writing_options_leave_what_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    for (options, left) in [
        ("#create", &b"new"[..]),
        ("#truncate", b"new"),
        ("#write", b"new3456789"),
        ("#append", b"0123456789new"),
        ("#create,append", b"0123456789new"),
        ("#write,seek=4", b"0123new789"),
        ("#create,seek=4", b"0123new789"),
        ("#create,truncate=no", b"new3456789"),
    ] {
        std::fs::write(&path, b"0123456789").unwrap();
        write(&path, options, b"new").await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), left, "{options}");
    }
}

#[tokio::test]
async fn reading_begins_where_it_is_told_and_knows_how_much_will_come() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, b"0123456789").unwrap();
    assert_eq!(read(&path, "").await, b"0123456789");
    assert_eq!(read(&path, "#seek=4").await, b"456789");
    assert_eq!(open(&path, "#seek=4").await.unwrap().info.size, Some(6));
    assert_eq!(read(&path, "#seek=1MB").await, b"");
}

#[tokio::test]
async fn a_new_file_gets_its_mode_and_excl_refuses_an_old_one() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    write(&path, "#excl,mode=600", b"x").await.unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let error = write(&path, "#excl", b"y").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Local);
    assert_eq!(std::fs::read(&path).unwrap(), b"x");
}

#[tokio::test]
async fn what_cannot_be_opened_is_told_with_what_to_try() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("letter.txt"), b"").unwrap();
    for (name, options, hint) in [
        ("lettre.txt", "", "letter.txt"),
        ("nothing-like-it", "", "create"),
        ("no/such/folder", "#create", "there is no folder"),
        (".", "", "exec:tar"),
    ] {
        let error = open(&folder.path().join(name), options).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Local, "{name}");
        let said = error.try_this().unwrap_or_default();
        assert!(said.contains(hint), "{name}: {said}");
    }
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    for options in [
        "append,truncate",
        "append,seek=3",
        "follow,create",
        "read,truncate",
    ] {
        let error = Endpoint::parse(&format!("file:x#{options}")).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage, "{options}");
    }
}

/// What is added, what replaces it after a cut, and what a new file of the name holds.
#[tokio::test]
async fn a_file_is_followed_as_it_grows_is_cut_and_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    std::fs::write(&path, b"old\n").unwrap();
    let mut channel = open(&path, "#follow").await.unwrap();
    let stream = stream(&mut channel);
    let mut line = [0; 4];
    stream.read_exact(&mut line).await.unwrap();
    assert_eq!(&line, b"old\n");

    let mut log = std::fs::File::options().append(true).open(&path).unwrap();
    log.write_all(b"new\n").unwrap();
    stream.read_exact(&mut line).await.unwrap();
    assert_eq!(&line, b"new\n");

    log.set_len(0).unwrap();
    log.write_all(b"cut\n").unwrap();
    stream.read_exact(&mut line).await.unwrap();
    assert_eq!(&line, b"cut\n");

    std::fs::write(folder.path().join("next"), b"two\n").unwrap();
    std::fs::rename(folder.path().join("next"), &path).unwrap();
    stream.read_exact(&mut line).await.unwrap();
    assert_eq!(&line, b"two\n");
}
