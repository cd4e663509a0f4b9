//! Every kind of endpoint relayed to every other, generated from the catalog.
//!
//! Each scheme and role has a [`fixture`](fixtures): an address, and a real peer at its other end
//! that talks, echoes, only gives or only takes. What must come of a pair follows from what its two
//! peers are, never from which schemes they are: "no pair is special" is what this checks.
//! A scheme without a fixture fails the test. What needs a terminal of the program itself
//! (standard streams) or a kernel that is not here is listed with its reason.

mod fixtures;
mod http;
mod peers;
mod run;
mod unix;

use std::sync::Arc;

use wharf::catalog::SCHEMES;
use wharf::socket::Role;
use wharf::socket::fast_path::FastPaths;
use wharf::socket::scheme::StandsOn;

use fixtures::{EXEMPT, FIXTURES, Fixture, ONLY_READ, ONLY_WRITTEN, REFUSED};

/// Every kind of endpoint.
fn fixtures() -> impl Iterator<Item = &'static Fixture> {
    FIXTURES.iter().chain(unix::FIXTURES).chain(http::FIXTURES)
}

/// Every scheme has a fixture for each of its roles, or a reason.
#[test]
fn every_scheme_is_in_the_matrix() {
    for scheme in SCHEMES {
        for (role, suffix) in [(Role::Client, ""), (Role::Server, "-listen")] {
            let wraps = !matches!(scheme.stands_on, StandsOn::Nothing);
            // The role of a layer that wraps follows its ground; one fixture each shows it.
            if !scheme.roles.has(role) || (wraps && role == Role::Server) {
                continue;
            }
            let name = format!("{}{suffix}", scheme.name);
            let known = fixtures().any(|f| f.name == name)
                || EXEMPT.iter().any(|(exempt, _)| *exempt == name);
            assert!(
                known,
                "{name} has no fixture: add one to tests/matrix/fixtures.rs"
            );
        }
    }
}

/// All pairs, both ways round.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_to_any() {
    all_pairs(FastPaths::ALL).await;
}

/// The same on a system that has none of the fast paths.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_to_any_without_fast_paths() {
    all_pairs(FastPaths::NONE).await;
}

async fn all_pairs(paths: FastPaths) {
    let places = Arc::new(tokio::sync::Semaphore::new(32));
    let mut pairs = tokio::task::JoinSet::new();
    for left in fixtures() {
        for right in fixtures() {
            let place = places.clone().acquire_owned().await.unwrap();
            pairs.spawn(async move {
                let _place = place;
                let result = run::pair(left, right, paths).await;
                (left, right, result)
            });
        }
    }
    let mut failures = Vec::new();
    let mut count = 0;
    while let Some(ended) = pairs.join_next().await {
        let (left, right, result): (&Fixture, &Fixture, Result<(), String>) = ended.unwrap();
        count += 1;
        let result = match (result, refusal(left.name, right.name)) {
            (Err(why), Some(words)) if why.contains(words) => Ok(()),
            (Ok(()), Some(_)) => Err("it was to be refused".to_owned()),
            (result, _) => result,
        };
        if let Err(why) = result {
            failures.push(format!("{} -> {}: {why}", left.name, right.name));
        }
    }
    failures.sort();
    assert!(
        failures.is_empty(),
        "{} of {count} pairs:\n{}",
        failures.len(),
        failures.join("\n")
    );
    println!("{count} pairs of {} kinds", fixtures().count());
}

/// The words with which a pair is refused that cannot be.
fn refusal(left: &str, right: &str) -> Option<&'static str> {
    let both = |names: &[&str]| names.contains(&left) && names.contains(&right);
    if both(ONLY_READ) || both(ONLY_WRITTEN) {
        return Some("nothing can be moved");
    }
    let named = REFUSED
        .iter()
        .find(|(a, b, _)| [(left, right), (right, left)].contains(&(*a, *b)));
    named.map(|(_, _, words)| *words)
}
