//! Who may use a served folder: a file of names and Argon2id hashes, which `wharf passwd` writes.
//!
//! Source: RFC 9106 (Argon2), and the PHC string format. One user a line, `NAME:$argon2id$...`; empty lines
//! and those that begin with `#` mean nothing. Hashes of other programs do, as long as they are Argon2.
//! Not here: how often and by whom a password may be tried (`serve/gate.rs`).

use std::fmt::{self, Write as _};
use std::fs::{self, File, Metadata, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params};
use aws_lc_rs::rand;

use crate::socket::error::{Error, Kind, Op, Result};

/// A file of users that is longer than this is something else.
const LONGEST: u64 = 1024 * 1024;

/// The longest name and the longest password, in octets.
const NAME: usize = 255;
const PASSWORD: usize = 1024;

/// A hash may ask for so much memory at most, in KiB, and so many passes.
const MEMORY: u32 = 256 * 1024;
const PASSES: u32 = 64;

/// The users of one file.
pub struct Users {
    users: Vec<User>,
    /// What is checked for a name that is not there, so that it takes as long.
    nobody: String,
}

struct User {
    name: String,
    hash: String,
}

impl Users {
    /// Reads the users of the file at `path`.
    ///
    /// # Errors
    /// It cannot be read, has no user, or a line that is none.
    pub fn read(path: &Path) -> Result<Users> {
        let users = parse(path, &text(path)?)?;
        if users.is_empty() {
            let file = path.display();
            return Err(local(path, "it has no users, so that nobody could come in")
                .hint(format!("wharf passwd {file} NAME")));
        }
        let nobody = hash(b"nobody")?;
        Ok(Users { users, nobody })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.users.len()
    }

    /// Whether `name` is a user with this password. It takes some tens of milliseconds, whether there is
    /// such a user or not.
    pub fn verify(&self, name: &str, password: &[u8]) -> bool {
        let user = self.users.iter().find(|user| user.name == name);
        let hash = user.map_or(&self.nobody, |user| &user.hash);
        let Ok(hash) = PasswordHash::new(hash) else {
            return false;
        };
        let is_it = Argon2::default().verify_password(password, &hash).is_ok();
        is_it && user.is_some()
    }
}

/// Neither names nor hashes are for a log.
impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Users({})", self.users.len())
    }
}

/// What [`set`] and [`remove`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// The user is new.
    Added,
    /// The user has another password now.
    Changed,
    /// The user is gone.
    Removed,
}

/// Gives the user `name` of the file at `path` this password. The file is made if it is not there, for its
/// owner only; it is replaced as a whole.
///
/// # Errors
/// The name or the password is not possible (kind `Usage`); the file cannot be read or written.
pub fn set(path: &Path, name: &str, password: &[u8]) -> Result<Done> {
    if name.is_empty() || name.len() > NAME || name.contains([':', '#']) || has_controls(name) {
        let text = format!("a name has 1 to {NAME} octets, and no colon, # or control character");
        return Err(Error::usage(text));
    }
    if password.is_empty() || password.len() > PASSWORD {
        let text = format!("a password has 1 to {PASSWORD} octets");
        return Err(Error::usage(text));
    }
    let _lock = lock(path)?;
    let old = match text(path) {
        Err(_) if !path.exists() => String::new(),
        text => text?,
    };
    let known = parse(path, &old)?.iter().any(|user| user.name == name);
    let line = format!("{name}:{}\n", hash(password)?);
    write(path, &replaced(&old, name, &line))?;
    Ok(if known { Done::Changed } else { Done::Added })
}

/// Removes the user `name` from the file at `path`.
///
/// # Errors
/// There is no such user; the file cannot be read or written.
pub fn remove(path: &Path, name: &str) -> Result<Done> {
    let _lock = lock(path)?;
    let old = text(path)?;
    if !parse(path, &old)?.iter().any(|user| user.name == name) {
        return Err(local(path, format!("it has no user {name}")));
    }
    write(path, &replaced(&old, name, ""))?;
    Ok(Done::Removed)
}

/// Keeps everybody else who changes the file waiting until it is dropped. What is locked is the folder:
/// the file itself is replaced, and a lock on it would be left behind with it.
fn lock(path: &Path) -> Result<File> {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let folder = folder.unwrap_or(Path::new("."));
    let locked = File::open(folder).and_then(|folder| folder.lock().map(|()| folder));
    locked.map_err(|error| Error::io_while(Op::Open, folder.display(), error))
}

fn has_controls(name: &str) -> bool {
    name.trim() != name || name.chars().any(char::is_control)
}

/// The text with `line` in place of that of `name`, or at its end.
fn replaced(old: &str, name: &str, line: &str) -> String {
    let mut new = String::with_capacity(old.len() + line.len());
    let mut is_there = false;
    for old in old.lines() {
        let is_it = old.split_once(':').is_some_and(|(other, _)| other == name);
        if !is_it {
            let _ = writeln!(new, "{old}");
        } else if !std::mem::replace(&mut is_there, true) {
            new.push_str(line);
        }
    }
    if !is_there {
        new.push_str(line);
    }
    new
}

fn local(path: &Path, reason: impl fmt::Display) -> Error {
    let text = format!("{}: {reason}", path.display());
    Error::new(Op::Open, Kind::Local, text)
}

fn text(path: &Path) -> Result<String> {
    let fail = |error| Error::io_while(Op::Open, path.display(), error);
    let mut text = String::new();
    let file = File::open(path).map_err(fail)?;
    file.take(LONGEST + 1)
        .read_to_string(&mut text)
        .map_err(fail)?;
    match text.len() as u64 {
        ..=LONGEST => Ok(text),
        _ => Err(local(path, "it is too long for a file of users")),
    }
}

fn parse(path: &Path, text: &str) -> Result<Vec<User>> {
    let mut users = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |what: &str| local(path, format!("line {}: {what}", number + 1));
        let Some((name, hash)) = line.split_once(':').filter(|(name, _)| !name.is_empty()) else {
            return Err(wrong("NAME:HASH is wanted").hint("wharf passwd FILE NAME writes it"));
        };
        let hash = hash.trim();
        usable(hash).map_err(|what| wrong(what).hint("wharf passwd FILE NAME writes one"))?;
        users.push(User {
            name: name.to_owned(),
            hash: hash.to_owned(),
        });
    }
    Ok(users)
}

/// Whether a hash is one that we can check, and that does not ask for too much.
fn usable(hash: &str) -> std::result::Result<(), &'static str> {
    let hash = PasswordHash::new(hash).map_err(|_| "this is no hash of Argon2 ($argon2id$...)")?;
    Algorithm::try_from(hash.algorithm).map_err(|_| "this is no hash of Argon2 ($argon2id$...)")?;
    let params = Params::try_from(&hash).map_err(|_| "its parameters cannot be read")?;
    match params.m_cost() <= MEMORY && params.t_cost() <= PASSES && hash.hash.is_some() {
        true => Ok(()),
        false => Err("checking this hash would take too much memory or time"),
    }
}

fn hash(password: &[u8]) -> Result<String> {
    let broken = |what: String| Error::new(Op::Open, Kind::Bug, format!("argon2: {what}"));
    let mut salt = [0; 16];
    rand::fill(&mut salt).map_err(|_| broken("there is no randomness".into()))?;
    let salt = SaltString::encode_b64(&salt).map_err(|error| broken(error.to_string()))?;
    let hashed = Argon2::default().hash_password(password, &salt);
    let hashed = hashed.map_err(|error| broken(error.to_string()))?;
    Ok(hashed.to_string())
}

/// Replaces the file as a whole, with the owner and the permissions that it has; a new one is its
/// owner's only.
fn write(path: &Path, text: &str) -> Result<()> {
    let fail = |error| Error::io_while(Op::Send, path.display(), error);
    // Through a link, so that the link stays.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let there = fs::metadata(&path).ok();
    let beside = beside(&path);
    let written = replace(&beside, &path, there.as_ref(), text);
    if written.is_err() {
        // It may not be there.
        let _ = fs::remove_file(&beside);
    }
    written.map_err(fail)
}

fn replace(beside: &Path, path: &Path, old: Option<&Metadata>, text: &str) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(beside)?;
    file.write_all(text.as_bytes())?;
    if let Some(old) = old {
        let new = file.metadata()?;
        if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
            // Before the permissions, which belong to that owner.
            std::os::unix::fs::fchown(&file, Some(old.uid()), Some(old.gid()))?;
        }
        file.set_permissions(Permissions::from_mode(old.permissions().mode() & 0o777))?;
    }
    file.sync_all()?;
    fs::rename(beside, path)
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_changes_it_at_the_same_time_waits() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users");
        let names = ["ann", "bob", "eve", "joe"];
        std::thread::scope(|scope| {
            for name in names {
                let path = &path;
                scope.spawn(move || assert_eq!(set(path, name, b"x").unwrap(), Done::Added));
            }
        });
        let text = fs::read_to_string(&path).unwrap();
        let users = parse(&path, &text).unwrap();
        let mut found: Vec<_> = users.iter().map(|user| user.name.as_str()).collect();
        found.sort_unstable();
        assert_eq!(found, names);
    }

    #[test]
    fn a_password_is_set_changed_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users");
        assert_eq!(set(&path, "ann", b"one").unwrap(), Done::Added);
        assert_eq!(set(&path, "bob", b"two").unwrap(), Done::Added);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let users = Users::read(&path).unwrap();
        assert!(users.verify("ann", b"one") && users.verify("bob", b"two"));
        assert!(!users.verify("ann", b"two") && !users.verify("eve", b"one"));
        assert!(!users.verify("eve", b"nobody"), "nobody is no user");
        assert_eq!(set(&path, "ann", b"three").unwrap(), Done::Changed);
        let users = Users::read(&path).unwrap();
        assert!(users.verify("ann", b"three") && users.verify("bob", b"two"));
        assert_eq!(remove(&path, "bob").unwrap(), Done::Removed);
        assert!(remove(&path, "bob").is_err());
        remove(&path, "ann").unwrap();
        let error = Users::read(&path).unwrap_err();
        assert!(error.reason().contains("no users"), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        let path = Path::new("users");
        for (line, why) in [
            ("ann", "NAME:HASH"),
            (":x", "NAME:HASH"),
            ("ann:secret", "no hash"),
            ("ann:$2y$05$abc", "no hash"),
            (
                "ann:$argon2id$v=19$m=9999999,t=2,p=1$YWJjZGVmZ2g$YWJjZGVmZ2hpamtsbW5vcA",
                "too much",
            ),
        ] {
            let text = format!("# comment\n\n{line}\n");
            let error = parse(path, &text).err().unwrap();
            assert!(error.reason().contains("line 3"), "{error}");
            assert!(error.reason().contains(why), "{line}: {error}");
        }
    }

    #[test]
    fn names_that_a_line_cannot_hold_are_refused() {
        for name in ["", "a:b", "#a", "a\n", " a", &"x".repeat(256)] {
            assert_eq!(
                set(Path::new("/x"), name, b"p").unwrap_err().kind(),
                Kind::Usage
            );
        }
        assert_eq!(
            set(Path::new("/x"), "a", b"").unwrap_err().kind(),
            Kind::Usage
        );
    }
}
