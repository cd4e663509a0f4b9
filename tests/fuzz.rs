//! The fuzz targets as a test: what has to hold for any input holds for the corpus and its mutations.
//!
//! `WHARF_FUZZ_SECONDS=60` goes on for a minute a target instead of a fixed number of inputs. Not
//! here: libFuzzer, which `fuzz/run` uses where it is installed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use wharf_fuzz::TARGETS;
use wharf_fuzz::smoke::{self, Budget};

/// Mutations of the corpus a target, which take about a second in all.
const INPUTS: usize = 20_000;

#[test]
fn what_has_to_hold_holds() {
    let budget = match std::env::var("WHARF_FUZZ_SECONDS") {
        Ok(seconds) => Budget::Time(Duration::from_secs(seconds.parse().expect("seconds"))),
        Err(_) => Budget::Inputs(INPUTS),
    };
    for target in TARGETS {
        let inputs = smoke::run(target, budget);
        println!("{}: {inputs} inputs", target.name);
    }
}

#[test]
fn every_target_has_an_entry_and_a_corpus() {
    let names: BTreeSet<_> = TARGETS.iter().map(|target| target.name.into()).collect();
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    for folder in ["fuzz_targets", "corpus"] {
        let found: BTreeSet<_> = fs::read_dir(fuzz.join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().path().with_extension(""))
            .map(|path| path.file_name().unwrap().to_owned())
            .collect();
        assert_eq!(found, names, "{folder}");
    }
    let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    for name in TARGETS.iter().map(|target| target.name) {
        let bin = format!("name = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"");
        assert!(manifest.contains(&bin), "{name}");
    }
}
