//! Users and groups by name or number, and giving up privileges for good.
//!
//! Sources: getpwnam(3), getgrnam(3), initgroups(3), setresuid(2), credentials(7). Through the
//! C library: it asks the name services, and it changes all threads of the process, where the
//! bare system call changes one.
//! Not here: which user, and what must be opened before.

use nix::unistd::{self, Gid, Group, Uid, User};
use std::io;

/// The id of a user, given by name or in digits. A name wins over a number.
///
/// # Errors
/// `NotFound` if there is no such user; those of the name service.
/// # Source
/// getpwnam(3).
pub fn user_id(user: &str) -> io::Result<u32> {
    match User::from_name(user)? {
        Some(found) => Ok(found.uid.as_raw()),
        None => number(user).ok_or_else(|| unknown("user", user)),
    }
}

/// The id of a group, given by name or in digits. A name wins over a number.
///
/// # Errors
/// `NotFound` if there is no such group; those of the name service.
/// # Source
/// getgrnam(3).
pub fn group_id(group: &str) -> io::Result<u32> {
    match Group::from_name(group)? {
        Some(found) => Ok(found.gid.as_raw()),
        None => number(group).ok_or_else(|| unknown("group", group)),
    }
}

/// The highest number is none: the kernel takes it for "leave as it is".
fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|&id| id != u32::MAX)
}

fn unknown(what: &str, name: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::NotFound,
        format!("no {what} is called {name:?}"),
    )
}

/// Becomes `USER` or `USER:GROUP` (each a name or a number) in all threads, for good.
///
/// Without `:GROUP` the group is the user's own, and the further groups are the user's. With
/// it, that group is the only one. A number without an account needs `:GROUP`. It is verified
/// that the old identity cannot come back. Descriptors that are open stay so.
///
/// # Errors
/// `NotFound` if there is no such user or group; `InvalidInput` for a number without account
/// and group; `PermissionDenied` without CAP_SETUID and CAP_SETGID, or if privileges could be
/// regained. After an error the identity may have changed in part: the process should end.
/// # Source
/// credentials(7), setresuid(2), setresgid(2), setgroups(2), initgroups(3).
pub fn drop_privileges(user: &str) -> io::Result<()> {
    let (user, group) = match user.split_once(':') {
        Some((user, group)) => (user, Some(group_id(group)?)),
        None => (user, None),
    };
    let uid = Uid::from_raw(user_id(user)?);
    let gid = match (group, User::from_uid(uid)?) {
        (Some(group), _) => {
            let gid = Gid::from_raw(group);
            unistd::setgroups(&[gid])?;
            gid
        }
        (None, Some(account)) => {
            let name = std::ffi::CString::new(account.name)?;
            unistd::initgroups(&name, account.gid)?;
            account.gid
        }
        (None, None) => {
            let text = format!("user {user:?} has no account, so it needs a group (USER:GROUP)");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
    };
    // The group first: afterwards there is no right to change it.
    unistd::setresgid(gid, gid, gid)?;
    unistd::setresuid(uid, uid, uid)?;

    let regained = !uid.is_root()
        && unistd::setresuid(Uid::from_raw(0), Uid::from_raw(0), Uid::from_raw(0)).is_ok();
    let ids = unistd::getresuid()?;
    let groups = unistd::getresgid()?;
    let all = [ids.real, ids.effective, ids.saved] == [uid; 3]
        && [groups.real, groups.effective, groups.saved] == [gid; 3];
    match all && !regained {
        true => Ok(()),
        false => Err(io::ErrorKind::PermissionDenied.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// Set in the child in which a test runs again, since giving up privileges cannot be undone.
    const CHILD: &str = "WHARF_SYS_TEST_DROP_TO";

    #[test]
    fn names_and_numbers_are_found() {
        assert_eq!(user_id("root").unwrap(), 0);
        assert_eq!(group_id("root").unwrap(), 0);
        assert_eq!(user_id("12345").unwrap(), 12345);
        for wrong in ["no-such-user", "", "-1", "4294967295"] {
            assert_eq!(
                user_id(wrong).unwrap_err().kind(),
                io::ErrorKind::NotFound,
                "{wrong}"
            );
            assert_eq!(
                group_id(wrong).unwrap_err().kind(),
                io::ErrorKind::NotFound,
                "{wrong}"
            );
        }
        assert_eq!(
            drop_privileges("no-such-user").unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
        assert_eq!(
            drop_privileges("4000000").unwrap_err().kind(),
            io::ErrorKind::InvalidInput
        );
    }

    #[test]
    fn privileges_do_not_come_back() {
        if let Ok(user) = std::env::var(CHILD) {
            // A second thread, which must follow.
            let (go, wait) = std::sync::mpsc::channel::<()>();
            let other = std::thread::spawn(move || {
                let _ = wait.recv();
                unistd::geteuid()
            });
            drop_privileges(&user).unwrap();
            drop(go);
            assert_eq!(other.join().unwrap(), unistd::geteuid());
            assert!(std::fs::File::open("/etc/shadow").is_err());
            assert!(unistd::setuid(Uid::from_raw(0)).is_err());
            let groups = unistd::getgroups().unwrap();
            println!(
                "became {} {} {groups:?}",
                unistd::getuid(),
                unistd::getgid()
            );
            return;
        }
        if !unistd::geteuid().is_root() {
            let denied = Err(io::ErrorKind::PermissionDenied.into());
            crate::testing::privileged::<()>("setresuid", denied);
            return;
        }
        for (user, became) in [
            ("nobody", "became 65534 65534 [Gid(65534)]"),
            ("4000000:4000001", "became 4000000 4000001 [Gid(4000001)]"),
        ] {
            let out = Command::new(std::env::current_exe().unwrap())
                .args([
                    "--exact",
                    "account::tests::privileges_do_not_come_back",
                    "--nocapture",
                ])
                .env(CHILD, user)
                .output()
                .unwrap();
            let text = String::from_utf8_lossy(&out.stdout);
            assert!(out.status.success() && text.contains(became), "{text}");
        }
    }
}
