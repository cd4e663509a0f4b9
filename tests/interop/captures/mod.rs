//! Captures that wharf writes, read by tshark and capinfos; captures that they write, read by wharf.
//!
//! What tshark finds wrong with a packet (malformed, a checksum, an expert's warning) fails a test.

mod dump;
mod relays;

use std::path::{Path, PathBuf};

use wharf_tests::need::Tool;
use wharf_tests::{Output, Program};

/// Wireshark's eyes.
const TSHARK: Tool = Tool::TSHARK;

/// Checks that are off by default.
const CHECKS: [&str; 6] = [
    "-o",
    "ip.check_checksum:TRUE",
    "-o",
    "tcp.check_checksum:TRUE",
    "-o",
    "udp.check_checksum:TRUE",
];

/// What is wrong with a packet: 0x600000 is a warning of an expert.
const WRONG: &str = "_ws.malformed || ip.checksum.status == 0 || tcp.checksum.status == 0 \
    || udp.checksum.status == 0 || _ws.expert.severity >= 0x600000";

/// A folder for captures.
struct Lab(tempfile::TempDir);

impl Lab {
    fn new() -> Lab {
        Lab(tempfile::tempdir().expect("a folder"))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

fn tshark(file: &Path, words: &[&str]) -> Program {
    let first = ["-n", "-r", text(file)];
    let words = first.into_iter().chain(CHECKS).chain(words.iter().copied());
    TSHARK
        .with(words)
        .env("HOME", file.parent().expect("a folder"))
}

/// The fields of each packet that `filter` lets through, with tabs between them.
#[track_caller]
fn fields(file: &Path, filter: &str, names: &[&str]) -> Vec<String> {
    let mut words = vec!["-T", "fields", "-Y", filter];
    for name in names {
        words.extend(["-e", name]);
    }
    let output = tshark(file, &words).run();
    output.code(0);
    output.text().lines().map(str::to_owned).collect()
}

/// Fails if an expert has anything to say against the capture but that it has resets.
#[track_caller]
fn is_sound(file: &Path) {
    let filter = format!("({WRONG}) && !tcp.flags.reset");
    let wrong = fields(
        file,
        &filter,
        &["frame.number", "_ws.expert.message", "_ws.col.Info"],
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A conversation as tshark puts it together: what each side said, in the order in which it was said.
#[track_caller]
fn conversation(file: &Path, kind: &str, number: usize) -> Output {
    let what = format!("follow,{kind},ascii,{number}");
    let output = tshark(file, &["-q", "-z", &what]).run();
    output.code(0);
    output
}
