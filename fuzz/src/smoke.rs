//! The targets without a fuzzer: the corpus as it is, and then mutations of it.
//!
//! Nothing here watches which code an input reaches, so this finds less than libFuzzer; but it needs
//! only a stable compiler and a second, and what libFuzzer found once, kept in `corpus/`, stays
//! found. The mutations are the same in each run.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::Target;

/// How long to go on.
#[derive(Clone, Copy, Debug)]
pub enum Budget {
    /// For so many mutations.
    Inputs(usize),
    /// For so long.
    Time(Duration),
}

/// The inputs that are kept for the target `name`.
pub fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(name)
}

/// Checks `target` with its corpus and its mutations, and returns how many inputs that was.
///
/// # Panics
/// If an input does not pass, naming it; and if there is no corpus.
pub fn run(target: &Target, budget: Budget) -> usize {
    let folder = corpus(target.name);
    let read = |entry: std::io::Result<fs::DirEntry>| fs::read(entry?.path());
    let corpus: Vec<Vec<u8>> = fs::read_dir(&folder)
        .and_then(|entries| entries.map(read).collect())
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    assert!(!corpus.is_empty(), "{} is empty", folder.display());
    for input in &corpus {
        check(target, input);
    }
    let start = Instant::now();
    let mut mutator = Mutator::new(&corpus);
    let mut count = 0;
    while match budget {
        Budget::Inputs(inputs) => count < inputs,
        Budget::Time(time) => start.elapsed() < time,
    } {
        check(target, &mutator.next_input());
        count += 1;
    }
    corpus.len() + count
}

fn check(target: &Target, input: &[u8]) {
    if catch_unwind(AssertUnwindSafe(|| (target.check)(input))).is_err() {
        panic!(
            "{} does not hold for b\"{}\"",
            target.name,
            input.escape_ascii()
        );
    }
}

/// Octets at which codecs change their mind.
const TURNING: &[u8] = b"\0\x01\x7f\x80\xff\r\n \"'<>/?-+.*0129aANSE\x1b\x1d";

/// Makes inputs out of others, the same ones in each run.
struct Mutator<'a> {
    corpus: &'a [Vec<u8>],
    /// xorshift64: small, and good enough to choose.
    state: u64,
}

impl<'a> Mutator<'a> {
    const fn new(corpus: &'a [Vec<u8>]) -> Self {
        let state = 0x9e37_79b9_7f4a_7c15;
        Self { corpus, state }
    }

    /// A number below `end`; zero if there is none.
    fn below(&mut self, end: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        let number = usize::try_from(self.state >> 33).unwrap_or_default();
        number.checked_rem(end).unwrap_or_default()
    }

    fn octet(&mut self) -> u8 {
        if self.below(4) == 0 {
            self.below(256).to_le_bytes()[0]
        } else {
            TURNING[self.below(TURNING.len())]
        }
    }

    fn next_input(&mut self) -> Vec<u8> {
        let mut input = self.corpus[self.below(self.corpus.len())].clone();
        for _ in 0..=self.below(4) {
            self.mutate(&mut input);
        }
        input
    }

    fn mutate(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        let end = at + self.below(input.len() + 1 - at).min(8);
        match self.below(7) {
            0 => input.truncate(at),
            1 => input.insert(at, self.octet()),
            2 => drop(input.drain(at..end)),
            3 => input.extend_from_within(at..end),
            4 => {
                let other = &self.corpus[self.below(self.corpus.len())];
                let from = self.below(other.len());
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            5 => {
                if let Some(octet) = input.get_mut(at) {
                    *octet ^= 1 << self.below(8);
                }
            }
            _ => {
                let octet = self.octet();
                input[at..end].fill(octet);
            }
        }
    }
}
