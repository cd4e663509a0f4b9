//! Texts that a person should read when they change: help, messages, explanations.
//!
//! `snapshot("name", &text)` compares with `tests/snapshots/name.txt`. `UPDATE_SNAPSHOTS=1` writes
//! the files anew, and the version control shows what changed. What differs from run to run is
//! named by the caller and stands as a word: `snapshot_with("name", &text, &[(&port, "PORT")])`.

use std::fs;
use std::path::{Path, PathBuf};

/// Compares `text` with the snapshot `name`, which may contain `/`.
///
/// # Panics
/// If they differ, with the lines that do; or if there is no such snapshot.
#[track_caller]
pub fn snapshot(name: &str, text: &str) {
    snapshot_with(name, text, &[]);
}

/// The same, with every occurrence of a value replaced by a word first: `(value, word)`. Longer
/// values come first, so that a port does not tear a path.
#[track_caller]
pub fn snapshot_with(name: &str, text: &str, words: &[(&str, &str)]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("snapshots")
        .join(format!("{name}.txt"));
    let mode = match std::env::var_os("UPDATE_SNAPSHOTS") {
        Some(_) => Mode::Write,
        None => Mode::Compare,
    };
    if let Err(message) = at(path, &replaced(text, words), mode) {
        panic!("{message}");
    }
}

enum Mode {
    Compare,
    Write,
}

fn at(path: PathBuf, text: &str, mode: Mode) -> Result<(), String> {
    // A file ends with a line end, whatever the text does.
    let text = format!("{}\n", text.trim_end_matches('\n'));
    let shown = path.display();
    let hint = "run it again with UPDATE_SNAPSHOTS=1 and read the difference";
    match (mode, fs::read_to_string(&path)) {
        (_, Ok(expected)) if expected == text => Ok(()),
        (Mode::Write, _) => {
            let folder = path.parent().expect("a file in a folder");
            fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
            fs::write(&path, text).map_err(|error| format!("{shown}: {error}"))
        }
        (Mode::Compare, Ok(expected)) => Err(format!(
            "{shown} differs; {hint}\n{}",
            difference(&expected, &text)
        )),
        (Mode::Compare, Err(error)) => Err(format!("{shown}: {error}; {hint}\n{text}")),
    }
}

fn replaced(text: &str, words: &[(&str, &str)]) -> String {
    let mut words = words.to_vec();
    words.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
    let replace = |text: String, (value, word): (&str, &str)| text.replace(value, word);
    words.into_iter().fold(text.to_owned(), replace)
}

/// The lines between the first and the last that differ, the expected ones with `-`.
fn difference(expected: &str, text: &str) -> String {
    let expected: Vec<_> = expected.lines().collect();
    let found: Vec<_> = text.lines().collect();
    let pairs = expected.iter().zip(&found);
    let same_before = pairs.take_while(|(one, other)| one == other).count();
    let (expected, found) = (&expected[same_before..], &found[same_before..]);
    let pairs = expected.iter().rev().zip(found.iter().rev());
    let same_after = pairs.take_while(|(one, other)| one == other).count();
    let minus = expected[..expected.len() - same_after]
        .iter()
        .map(|line| format!("-{line}\n"));
    let plus = found[..found.len() - same_after]
        .iter()
        .map(|line| format!("+{line}\n"));
    let place = format!("@ line {}\n", same_before + 1);
    std::iter::once(place).chain(minus).chain(plus).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_compares_equal_and_a_change_is_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/name.txt");
        let missing = at(path.clone(), "one\ntwo", Mode::Compare).unwrap_err();
        assert!(missing.contains("UPDATE_SNAPSHOTS=1"), "{missing}");
        at(path.clone(), "one\ntwo\nthree", Mode::Write).unwrap();
        at(path.clone(), "one\ntwo\nthree\n", Mode::Compare).unwrap();
        let changed = at(path, "one\n2\n2b\nthree", Mode::Compare).unwrap_err();
        assert!(
            changed.ends_with("\n@ line 2\n-two\n+2\n+2b\n"),
            "{changed}"
        );
    }

    #[test]
    fn longer_values_are_replaced_first() {
        let text = replaced(
            "at /tmp/80/x port 80",
            &[("80", "PORT"), ("/tmp/80", "DIR")],
        );
        assert_eq!(text, "at DIR/x port PORT");
    }
}
