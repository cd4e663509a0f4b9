//! The program's own arguments in memory, which other users read through `ps`.
//!
//! Sources: proc_pid_stat(5) (`arg_start`, `arg_end`), proc_pid_cmdline(5), proc_pid_mem(5).
//! The memory is changed through /proc/self/mem, so that a wrong address is an error and not a
//! crash.
//! Not here: what is secret. A shell's history and whoever looked before the change keep it.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;

/// Overwrites `text` with `*` wherever it stands in the arguments of this process; returns how
/// often it did.
///
/// Arguments must have been read before: `std::env::args` sees the stars afterwards. A process
/// that gave up privileges may no longer do this, so wipe first.
///
/// # Errors
/// `NotFound` or `PermissionDenied` if /proc is not mounted or hides this process from itself;
/// `Unsupported` other than on Linux.
/// # Source
/// proc_pid_stat(5), fields 48 and 49.
pub fn wipe(text: &[u8]) -> io::Result<usize> {
    linux_only!({
        let (start, end) = place(&fs::read_to_string("/proc/self/stat")?)
            .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
        let memory = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/proc/self/mem")?;
        let mut arguments = vec![0; usize::try_from(end - start).unwrap_or(0)];
        memory.read_exact_at(&mut arguments, start)?;
        let stars = vec![b'*'; text.len()];
        let found = occurrences(&arguments, text);
        for &at in &found {
            memory.write_all_at(&stars, start + at as u64)?;
        }
        Ok(found.len())
    })
}

/// Where the arguments begin, and the first address behind them, by a line of /proc/self/stat.
fn place(stat: &str) -> Option<(u64, u64)> {
    // The second field is the name in parentheses and may contain anything, spaces and `)`
    // included.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(48 - 3);
    let (start, end) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    (start <= end).then_some((start, end))
}

/// Where `text` begins in `memory`, without overlaps.
fn occurrences(memory: &[u8], text: &[u8]) -> Vec<usize> {
    let mut found: Vec<usize> = Vec::new();
    if text.is_empty() {
        return found;
    }
    for (at, window) in memory.windows(text.len()).enumerate() {
        if window == text && found.last().is_none_or(|last| last + text.len() <= at) {
            found.push(at);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    const TEST: &str = "argument::tests::a_secret_disappears_from_the_process_list";
    const SECRET: &str = "wharf-sys-secret-pass";

    #[test]
    fn a_secret_disappears_from_the_process_list() {
        let cmdline = || fs::read("/proc/self/cmdline").unwrap();
        if std::env::args().any(|argument| argument.contains(SECRET)) {
            assert_eq!(occurrences(&cmdline(), SECRET.as_bytes()).len(), 2);
            assert_eq!(wipe(SECRET.as_bytes()).unwrap(), 2);
            assert_eq!(occurrences(&cmdline(), SECRET.as_bytes()).len(), 0);
            assert_eq!(
                occurrences(&cmdline(), b"tcp://me:*********************@host").len(),
                1
            );
            assert_eq!(wipe(b"").unwrap(), 0);
            return;
        }
        // The test runner takes further arguments for the names of tests, of which there are
        // none such.
        let out = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", TEST, &format!("tcp://me:{SECRET}@host"), SECRET])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&out.stdout);
        assert!(out.status.success() && text.contains("1 passed"), "{text}");
    }

    #[test]
    fn the_place_is_found_behind_any_name() {
        let numbers = (3..=52)
            .map(|field| field.to_string())
            .collect::<Vec<_>>()
            .join(" ");
        assert_eq!(place(&format!("1 (a b) 9) {numbers}")), Some((48, 49)));
        assert_eq!(place("1 (short) S 1 2"), None);
        assert_eq!(place(""), None);
    }

    #[test]
    fn overlapping_finds_count_once() {
        assert_eq!(occurrences(b"aaaa-aa", b"aa"), [0, 2, 5]);
        assert_eq!(occurrences(b"a", b"aa"), [0; 0]);
    }
}
