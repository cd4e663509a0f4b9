//! What a served folder gives, and what it never does.

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use super::*;

/// A folder with what must not get out beside it.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        let folder = tempfile::tempdir().unwrap();
        let place = Place { folder };
        std::fs::create_dir_all(place.at("root/sub")).unwrap();
        std::fs::write(place.at("secret"), "secret").unwrap();
        std::fs::write(place.at("root/a.txt"), "hello").unwrap();
        std::fs::write(place.at("root/.dot"), "hidden").unwrap();
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn open(&self, options: Options) -> Folder {
        Folder::open(&self.at("root"), options).unwrap()
    }
}

const ALL: Options = Options {
    hidden: Hidden::Kept,
    write: true,
    remove: true,
    sync: true,
};

fn path(text: &str) -> FilePath {
    FilePath::of_url(text).unwrap()
}

fn names(folder: &Folder, at: &str) -> Vec<String> {
    let Opened::Folder(inside, _) = folder.open_path(&path(at)).unwrap() else {
        panic!("{at} is no folder");
    };
    let listing = inside.list(folder, &path(at)).unwrap();
    let name = |entry: &Entry| String::from_utf8_lossy(&entry.name).into_owned();
    let mut names: Vec<_> = listing.entries.iter().map(name).collect();
    names.sort();
    names
}

fn is_not_found<T: std::fmt::Debug>(result: Result<T>) -> bool {
    matches!(result, Err(Error::NotFound))
}

#[test]
fn files_and_folders_are_given() {
    let place = Place::new();
    let folder = place.open(Options::default());
    assert_eq!(names(&folder, "/"), ["a.txt", "sub"]);
    let Opened::File(file, facts) = folder.open_path(&path("/a.txt")).unwrap() else {
        panic!("a file was expected");
    };
    assert_eq!((facts.kind, facts.len), (Kind::File, 5));
    assert_eq!(std::io::read_to_string(file).unwrap(), "hello");
    assert_eq!(folder.stat(&path("/sub/")).unwrap().kind, Kind::Folder);
    assert!(is_not_found(folder.open_path(&path("/a.txt/"))));
    assert!(is_not_found(folder.open_path(&path("/a.txt/b"))));
    assert!(is_not_found(folder.open_path(&path("/nothing"))));
}

#[test]
fn links_lead_about_inside_and_never_out() {
    let place = Place::new();
    let link = |to: &str, name: &str| symlink(to, place.at(&format!("root/{name}"))).unwrap();
    link("a.txt", "inside");
    link("../a.txt", "sub/up");
    link("../secret", "out");
    link("sub/../../secret", "round");
    link("..", "parent");
    link(place.at("secret").to_str().unwrap(), "absolute");
    link("loop", "loop");
    link("/proc/self/root", "magic");
    let folder = place.open(ALL);
    assert_eq!(names(&folder, "/"), ["a.txt", "inside", "sub"]);
    assert!(folder.open_path(&path("/inside")).is_ok());
    assert!(folder.open_path(&path("/sub/up")).is_ok());
    for out in [
        "/out",
        "/round",
        "/parent/",
        "/parent/secret",
        "/absolute",
        "/loop",
        "/magic/etc/passwd",
    ] {
        assert!(is_not_found(folder.open_path(&path(out))), "{out}");
        assert!(is_not_found(folder.stat(&path(out))), "{out}");
    }
    assert!(is_not_found(
        folder.upload(&path("/parent/x"), Replace::Allowed)
    ));
    assert!(is_not_found(folder.make_folder(&path("/parent/x"))));
    assert!(is_not_found(
        folder.rename(&path("/a.txt"), &path("/parent/x"))
    ));
    // Writing replaces the link, not what it leads to.
    let mut upload = folder.upload(&path("/out"), Replace::Allowed).unwrap();
    upload.write(b"new").unwrap();
    upload.finish().unwrap();
    assert_eq!(std::fs::read(place.at("secret")).unwrap(), b"secret");
    assert_eq!(std::fs::read(place.at("root/out")).unwrap(), b"new");
    folder.remove(&path("/absolute")).unwrap();
    assert!(place.at("secret").exists());
}

#[test]
fn what_begins_with_a_dot_is_not_there_unless_it_is_wanted() {
    let place = Place::new();
    std::fs::write(place.at("root/.wharf-upload-1"), "half").unwrap();
    let folder = place.open(ALL);
    assert!(is_not_found(folder.open_path(&path("/.dot"))));
    assert!(is_not_found(
        folder.upload(&path("/.new"), Replace::Allowed)
    ));
    assert!(is_not_found(folder.remove(&path("/.dot"))));
    let shown = place.open(Options {
        hidden: Hidden::Shown,
        ..ALL
    });
    assert_eq!(names(&shown, "/"), [".dot", "a.txt", "sub"]);
    assert!(is_not_found(shown.open_path(&path("/.wharf-upload-1"))));
}

/// A pipe that nobody writes to would be waited for; a device might do anything.
#[test]
fn what_is_no_file_is_not_opened() {
    let place = Place::new();
    let fifo = place.at("root/fifo");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(place.at("root/socket")).unwrap();
    let folder = place.open(ALL);
    assert_eq!(names(&folder, "/"), ["a.txt", "sub"]);
    for special in ["/fifo", "/socket"] {
        assert!(is_not_found(folder.open_path(&path(special))), "{special}");
        assert!(is_not_found(folder.remove(&path(special))), "{special}");
    }
}

#[test]
fn an_upload_is_whole_or_not_there() {
    let place = Place::new();
    let folder = place.open(ALL);
    let mut upload = folder.upload(&path("/sub/new"), Replace::Never).unwrap();
    upload.write(b"half").unwrap();
    assert_eq!(names(&folder, "/sub/"), [""; 0]);
    drop(upload);
    assert_eq!(std::fs::read_dir(place.at("root/sub")).unwrap().count(), 0);
    let mut upload = folder.upload(&path("/sub/new"), Replace::Never).unwrap();
    upload.write(b"whole").unwrap();
    assert_eq!(upload.finish().unwrap().len, 5);
    assert_eq!(names(&folder, "/sub/"), ["new"]);
    let again = folder.upload(&path("/sub/new"), Replace::Never);
    assert!(matches!(again, Err(Error::Exists)));
    let folder_there = folder.upload(&path("/sub"), Replace::Allowed);
    assert!(matches!(folder_there, Err(Error::IsFolder)));
    let root = folder.upload(&path("/"), Replace::Allowed);
    assert!(matches!(root, Err(Error::IsFolder)));
    assert!(is_not_found(
        folder.upload(&path("/no/x"), Replace::Allowed)
    ));
}

/// What a server that was killed has left goes when the folder is next written to; nothing else does.
#[test]
fn what_is_left_of_an_upload_goes() {
    let place = Place::new();
    let name = |n: u8| {
        place.at(&format!(
            "root/.wharf-upload-{}",
            format!("{n:02x}").repeat(12)
        ))
    };
    let hour = std::time::Duration::from_secs(3600);
    let make = |path: &PathBuf, age| {
        let file = std::fs::File::create(path).unwrap();
        let touched = std::time::SystemTime::now() - age;
        file.set_modified(touched).unwrap();
        file
    };
    let (left, new, held) = (name(1), name(2), name(3));
    let similar = place.at("root/.wharf-upload-notes");
    drop((
        make(&left, 2 * hour),
        make(&new, hour / 2),
        make(&similar, 2 * hour),
    ));
    let file = make(&held, 2 * hour);
    rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let folder = place.open(ALL);
    let upload = folder.upload(&path("/new"), Replace::Never).unwrap();
    assert!(!left.exists());
    assert!(new.exists() && held.exists() && similar.exists());
    // An upload that is made, however slowly, is held.
    let is_other = |path: &PathBuf| ![&new, &held, &similar].contains(&path);
    let entries = std::fs::read_dir(place.at("root")).unwrap();
    let unfinished = entries.map(|entry| entry.unwrap().path());
    let unfinished = unfinished
        .filter(|path| path.to_string_lossy().contains(".wharf-upload-"))
        .find(is_other)
        .unwrap();
    drop(
        std::fs::File::open(&unfinished)
            .map(|file| file.set_modified(std::time::SystemTime::now() - 2 * hour)),
    );
    place
        .open(ALL)
        .upload(&path("/other"), Replace::Never)
        .unwrap();
    assert!(unfinished.exists());
    upload.finish().unwrap();
}

/// Two begin at the same time; the second to end is told.
#[test]
fn an_upload_that_must_not_replace_does_not() {
    let place = Place::new();
    let folder = place.open(ALL);
    let one = folder.upload(&path("/new"), Replace::Never).unwrap();
    let other = folder.upload(&path("/new"), Replace::Never).unwrap();
    one.finish().unwrap();
    assert!(matches!(other.finish(), Err(Error::Exists)));
    assert_eq!(names(&folder, "/"), ["a.txt", "new", "sub"]);
}

#[test]
fn replacing_keeps_permissions() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let mode = || {
        std::fs::metadata(place.at("root/a.txt"))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    std::fs::set_permissions(place.at("root/a.txt"), PermissionsExt::from_mode(0o604)).unwrap();
    let folder = place.open(ALL);
    let upload = folder.upload(&path("/a.txt"), Replace::Allowed).unwrap();
    upload.finish().unwrap();
    assert_eq!(mode(), 0o604);
}

#[test]
fn nothing_changes_where_it_is_only_read() {
    let place = Place::new();
    let folder = place.open(Options::default());
    let a = path("/a.txt");
    let read_only = |result: Result<()>| matches!(result, Err(Error::ReadOnly));
    assert!(read_only(
        folder.upload(&path("/b"), Replace::Allowed).map(drop)
    ));
    assert!(read_only(folder.make_folder(&path("/b"))));
    assert!(read_only(folder.rename(&a, &path("/b"))));
    assert!(read_only(folder.remove(&a)));
    let writes = place.open(Options {
        remove: false,
        ..ALL
    });
    assert!(read_only(writes.remove(&a)));
}

#[test]
fn renaming_replaces_nothing_and_folders_go_when_empty() {
    let place = Place::new();
    let folder = place.open(ALL);
    folder.rename(&path("/a.txt"), &path("/sub/b.txt")).unwrap();
    std::fs::write(place.at("root/a.txt"), "").unwrap();
    let taken = folder.rename(&path("/a.txt"), &path("/sub/b.txt"));
    assert!(matches!(taken, Err(Error::Exists)));
    assert!(matches!(
        folder.remove(&path("/sub/")),
        Err(Error::NotEmpty)
    ));
    folder.remove(&path("/sub/b.txt")).unwrap();
    folder.remove(&path("/sub/")).unwrap();
    folder.make_folder(&path("/sub")).unwrap();
    assert!(matches!(
        folder.make_folder(&path("/sub")),
        Err(Error::Exists)
    ));
    assert_eq!(names(&folder, "/"), ["a.txt", "sub"]);
}
